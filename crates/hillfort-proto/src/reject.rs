//! Every reason for which a peer can be refused: one stable number, one fixed label, one stage. Used as metric label, log field,
//! `Close.code`, `Left.code`, `Refused.code` and, plus 4000, as WebSocket close code. Numbers are never reused.

/// Where on the way in the refusal happened; also a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before a byte was read.
    Connect,
    /// TLS and HTTP upgrade.
    Transport,
    /// The signed hello.
    Hello,
    /// Framing and message decoding.
    Frame,
    /// Login, resume, heartbeat, queues.
    Session,
    /// Rates of a logged-in session.
    Rate,
    /// The room said no, or ended.
    Room,
}

macro_rules! rejects {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $label:literal, $stage:ident;)*) => {
        /// A refusal: the peer's fault or our limit, never an error of the server. Counted, never logged one by one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Reject { $($(#[$doc])* $name = $number,)* }

        impl Reject {
            /// All of them, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Fixed label, for metrics and people.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// Stage at which it happens.
            #[must_use]
            pub const fn stage(self) -> Stage {
                match self { $(Self::$name => Stage::$stage,)* }
            }

            /// Place in [`Reject::ALL`], for arrays of counters.
            #[must_use]
            pub const fn index(self) -> usize {
                enum Place { $($name,)* }
                match self { $(Self::$name => Place::$name as usize,)* }
            }

            /// The reject with this number.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

rejects! {
    /// Source address is banned.
    Banned = 100, "banned", Connect;
    /// The global budget of new connections is spent.
    ConnectRate = 101, "connect_rate", Connect;
    /// The source's budget of new connections is spent.
    SourceRate = 102, "source_rate", Connect;
    /// Too many open connections of the source.
    SourceConnections = 103, "source_connections", Connect;
    /// Too many open connections in all.
    ConnectionsFull = 104, "connections_full", Connect;
    /// Shed when a cap was reached: the oldest connection without a login, or the oldest of HTTP.
    UnprovenShed = 105, "unproven_shed", Connect;
    /// The process ran out of descriptors.
    Descriptors = 106, "descriptors", Connect;
    /// The server is draining.
    Draining = 107, "draining", Connect;
    /// Too many open connections of the source's network: IPv4 /24, IPv6 /48.
    NetworkConnections = 108, "network_connections", Connect;
    /// The source's autonomous system or country is on the operator's list.
    Region = 109, "region", Connect;
    /// The source's reputation is below the threshold.
    Reputation = 110, "reputation", Connect;
    /// No good PROXY header from a balancer that must send one.
    ProxyHeader = 111, "proxy_header", Connect;

    /// TLS handshake failed or was too slow.
    Tls = 150, "tls", Transport;
    /// Not a WebSocket upgrade that we serve, or a bad WebSocket frame.
    WebSocket = 151, "websocket", Transport;
    /// HTTP request too slow or malformed.
    Http = 152, "http", Transport;
    /// The first bytes are no TLS ClientHello, or one longer than the limit.
    ClientHello = 153, "client_hello", Transport;
    /// The ClientHello did not arrive in time.
    ClientHelloSlow = 154, "client_hello_slow", Transport;
    /// The server name is not served here.
    ServerName = 155, "server_name", Transport;
    /// The budget of TLS handshakes is spent.
    TlsRate = 156, "tls_rate", Transport;
    /// Too many handshakes of this source with this TLS fingerprint.
    FingerprintRate = 157, "fingerprint_rate", Transport;
    /// The TLS fingerprint is on the operator's list.
    Fingerprint = 158, "fingerprint", Transport;

    /// First 8 bytes are not ours.
    HelloMagic = 200, "hello_magic", Hello;
    /// Clock differs by more than the window.
    HelloTime = 201, "hello_time", Hello;
    /// Key or app is unknown.
    HelloKey = 202, "hello_key", Hello;
    /// MAC is wrong.
    HelloMac = 203, "hello_mac", Hello;
    /// This hello was seen before.
    HelloReplay = 204, "hello_replay", Hello;
    /// The hello did not arrive in time.
    HelloSlow = 205, "hello_slow", Hello;
    /// Flags that this version does not know.
    HelloFlags = 206, "hello_flags", Hello;
    /// The hello has the wrong length (WebSocket: first message is not 72 bytes).
    HelloLength = 207, "hello_length", Hello;
    /// The answer to a challenge is wrong, or for another connection.
    Work = 208, "work", Hello;
    /// The answer to a challenge did not arrive in time.
    WorkSlow = 209, "work_slow", Hello;

    /// Frame does not start with the magic.
    FrameMagic = 300, "frame_magic", Frame;
    /// Version is not spoken here.
    FrameVersion = 301, "frame_version", Frame;
    /// Payload longer than the limit.
    FrameLength = 302, "frame_length", Frame;
    /// CRC of the header is wrong.
    FrameCrc = 303, "frame_crc", Frame;
    /// Payload is not a message of ours.
    Message = 304, "message", Frame;

    /// Message that this state does not allow, e.g. an input before login.
    OutOfState = 400, "out_of_state", Session;
    /// No login in time.
    LoginSlow = 401, "login_slow", Session;
    /// Name empty, too long, or with control characters.
    LoginName = 402, "login_name", Session;
    /// Session is unknown or its time to resume is over: log in anew.
    ResumeUnknown = 403, "resume_unknown", Session;
    /// Token is wrong.
    ResumeToken = 404, "resume_token", Session;
    /// What the peer says it received cannot be so.
    ResumeGap = 405, "resume_gap", Session;
    /// Sequence number skipped.
    SequenceGap = 406, "sequence_gap", Session;
    /// Acknowledged what was never sent.
    AckAhead = 407, "ack_ahead", Session;
    /// Nothing heard for the stale time and the missed heartbeats after it.
    HeartbeatLost = 408, "heartbeat_lost", Session;
    /// Reads too slowly: a bounded queue towards it is full. Of HTTP: an answer or a body made no progress, or gave way to another's.
    SlowConsumer = 409, "slow_consumer", Session;
    /// The session was resumed on another connection.
    Replaced = 410, "replaced", Session;
    /// Sessions are all taken.
    SessionsFull = 411, "sessions_full", Session;
    /// The client said goodbye.
    Goodbye = 412, "goodbye", Session;
    /// The server ends: reconnect elsewhere or later.
    Shutdown = 413, "shutdown", Session;
    /// A session token of the client API that is not, or no longer, valid.
    SessionToken = 414, "session_token", Session;

    /// This input was dropped: its bucket is empty.
    InputRate = 500, "input_rate", Rate;
    /// Inputs kept coming after they were refused: connection closed.
    InputFlood = 501, "input_flood", Rate;
    /// Input longer than the limit.
    InputLength = 502, "input_length", Rate;
    /// Control messages (ping, join, ack) above their rate.
    ControlRate = 503, "control_rate", Rate;

    /// No such game.
    RoomGame = 600, "room_game", Room;
    /// No such room.
    RoomUnknown = 601, "room_unknown", Room;
    /// Room has no free seat.
    RoomFull = 602, "room_full", Room;
    /// The room's rules said no.
    RoomRefused = 603, "room_refused", Room;
    /// No more rooms on this server.
    RoomsFull = 604, "rooms_full", Room;
    /// The room crashed; only that room ended.
    RoomCrashed = 605, "room_crashed", Room;
    /// The room used more than its instruction or time budget; only that room ended.
    RoomBudget = 606, "room_budget", Room;
    /// The room used more than its memory; only that room ended.
    RoomMemory = 607, "room_memory", Room;
    /// The room ended by its rules.
    RoomClosed = 608, "room_closed", Room;
    /// Kicked by the room's rules.
    RoomKicked = 609, "room_kicked", Room;
    /// The world has too much to do: the input was dropped, or the join refused.
    WorldBusy = 610, "world_busy", Room;
    /// Already in a room.
    AlreadyJoined = 611, "already_joined", Room;
    /// Not in a room.
    NotJoined = 612, "not_joined", Room;
    /// Not a room's name.
    RoomName = 613, "room_name", Room;
    /// Parameters of a room longer than the limit.
    RoomParams = 614, "room_params", Room;
    /// Filter of a list longer than the limit.
    RoomFilter = 615, "room_filter", Room;
    /// Away for longer than the room keeps a seat.
    RoomAway = 616, "room_away", Room;
}

impl Reject {
    /// Stable number.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// WebSocket close code: 4000 plus the number (4000–4999 is free for applications, RFC 6455 §7.4.2).
    #[must_use]
    pub const fn websocket_code(self) -> u16 {
        4000 + self as u16
    }
}

impl Stage {
    /// Fixed label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Transport => "transport",
            Self::Hello => "hello",
            Self::Frame => "frame",
            Self::Session => "session",
            Self::Rate => "rate",
            Self::Room => "room",
        }
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}

impl std::error::Error for Reject {}
