//! Messages from the server, borrowed. Owns their bytes; knows nothing of session state.

use super::Encode;
use super::client::{read_data, read_op_data, read_ping};
use super::rooms::{RoomLines, read_rooms};
use super::wire::{bytes_len, each, fixed64_len, message_head_len, put_bytes, put_fixed64, put_message, put_uint, uint_len};
use crate::ids::{RoomId, SessionId};
use crate::limits::{RESUME_TOKEN_BYTES, WORK_SALT_BYTES};
use crate::reject::Reject;

/// One message from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerView<'a> {
    /// Number of a sequenced message, from 1; 0 for the others.
    pub seq: u64,
    /// Highest number received from the client; 0 says nothing new.
    pub ack: u64,
    /// What it says.
    pub body: ServerBody<'a>,
}

/// What the server can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerBody<'a> {
    /// Answers Login and Resume.
    Welcome {
        /// The session's name.
        session: SessionId,
        /// Resumes the session, together with its name.
        token: &'a [u8; RESUME_TOKEN_BYTES],
        /// Whether the session is an old one.
        resumed: bool,
        /// Highest sequenced message received from the client.
        received: u64,
        /// Silence after which the server pings, in milliseconds.
        heartbeat_ms: u32,
        /// How long a lost connection may stay away, in milliseconds.
        resume_ms: u32,
    },
    /// The seat is taken. Sequenced.
    Joined {
        /// Name of the room.
        room: RoomId,
        /// Name of the game.
        game: &'a str,
        /// Ticks a second.
        hz: u32,
        /// The tick at which the seat was taken.
        tick: u64,
    },
    /// There is no seat: it was given up, refused or taken away. Sequenced.
    Left {
        /// Number in the reject table; 0: as asked.
        code: u32,
        /// Label in the reject table.
        reason: &'a str,
    },
    /// What happened in the room. Sequenced.
    Event {
        /// Meaning is the game's.
        op: u32,
        /// Meaning is the game's.
        data: &'a [u8],
    },
    /// What the room looks like; the newest replaces the older ones.
    State {
        /// The tick that it shows.
        tick: u64,
        /// Meaning is the game's.
        data: &'a [u8],
    },
    /// What is new of the room's scene. Complete and in order while the connection lasts.
    Scene {
        /// A packet of state sync.
        data: &'a [u8],
    },
    /// Asks for a Pong.
    Ping {
        /// Comes back unchanged.
        echo: u64,
        /// Comes back unchanged.
        pad: &'a [u8],
    },
    /// Answers a Ping.
    Pong {
        /// From the Ping.
        echo: u64,
        /// From the Ping.
        pad: &'a [u8],
    },
    /// Carries nothing but `ack`.
    Ack,
    /// One message was refused, the session goes on.
    Refused {
        /// Number in the reject table.
        code: u32,
        /// Label in the reject table.
        reason: &'a str,
    },
    /// Last message of a connection.
    Close {
        /// Number in the reject table.
        code: u32,
        /// Label in the reject table.
        reason: &'a str,
    },
    /// Answers Login and Resume: work first.
    Challenge {
        /// See [`crate::work`].
        salt: &'a [u8; WORK_SALT_BYTES],
        /// How hard it is.
        bits: u32,
    },
    /// Answers List.
    Rooms {
        /// From the List.
        ask: u32,
        /// There are more than these.
        more: bool,
        /// At most [`crate::limits::LIST_ROOMS_MAX`].
        rooms: RoomLines<'a>,
    },
    /// To be shown before a later login.
    Ticket {
        /// At most [`crate::limits::TICKET_BYTES_MAX`] bytes.
        ticket: &'a [u8],
    },
}

impl<'a> ServerView<'a> {
    /// A message that is not sequenced.
    #[must_use]
    pub const fn unsequenced(body: ServerBody<'a>) -> Self {
        Self { seq: 0, ack: 0, body }
    }

    /// Reads a payload. Borrows from it, allocates nothing.
    ///
    /// # Errors
    /// [`Reject::Message`]; [`Reject::ResumeToken`] when the token has the wrong length, [`Reject::Work`] when a salt has.
    #[inline]
    pub fn read(payload: &'a [u8]) -> Result<Self, Reject> {
        let (mut seq, mut ack, mut body) = (0, 0, None);
        each(payload, |number, value| {
            match number {
                1 => seq = value.uint64()?,
                2 => ack = value.uint64()?,
                3..=16 if body.is_some() => return Err(Reject::Message),
                3..=16 => body = Some(ServerBody::read(number, value.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        body.map(|body| Self { seq, ack, body }).ok_or(Reject::Message)
    }
}

impl<'a> ServerBody<'a> {
    /// Last message of a connection that ends for this reason.
    #[must_use]
    pub const fn close(reject: Reject) -> Self {
        Self::Close { code: reject.code(), reason: reject.label() }
    }

    /// Says that one message was refused.
    #[must_use]
    pub const fn refused(reject: Reject) -> Self {
        Self::Refused { code: reject.code(), reason: reject.label() }
    }

    /// Says that there is no seat; `None`: as asked.
    #[must_use]
    pub const fn left(reject: Option<Reject>) -> Self {
        match reject {
            Some(reject) => Self::Left { code: reject.code(), reason: reject.label() },
            None => Self::Left { code: 0, reason: "" },
        }
    }

    /// Whether it carries a sequence number.
    #[must_use]
    pub const fn is_sequenced(&self) -> bool {
        matches!(self, Self::Joined { .. } | Self::Left { .. } | Self::Event { .. })
    }

    #[inline]
    fn read(number: u32, bytes: &'a [u8]) -> Result<Self, Reject> {
        match number {
            6 => read_op_data(bytes).map(|(op, data)| Self::Event { op, data }),
            7 => Self::read_state(bytes),
            8 => read_ping(bytes).map(|(echo, pad)| Self::Ping { echo, pad }),
            9 => read_ping(bytes).map(|(echo, pad)| Self::Pong { echo, pad }),
            3 => Self::read_welcome(bytes),
            4 => Self::read_joined(bytes),
            5 => read_verdict(bytes).map(|(code, reason)| Self::Left { code, reason }),
            10 => each(bytes, |_, _| Ok(())).map(|()| Self::Ack),
            11 => read_verdict(bytes).map(|(code, reason)| Self::Refused { code, reason }),
            12 => read_verdict(bytes).map(|(code, reason)| Self::Close { code, reason }),
            13 => Self::read_challenge(bytes),
            15 => read_data(bytes).map(|data| Self::Scene { data }),
            16 => read_data(bytes).map(|ticket| Self::Ticket { ticket }),
            14 => {
                let (ask, more, rooms) = read_rooms(bytes)?;
                Ok(Self::Rooms { ask, more, rooms })
            }
            _ => Err(Reject::Message),
        }
    }

    fn read_welcome(bytes: &'a [u8]) -> Result<Self, Reject> {
        let (mut session, mut token, mut resumed, mut received, mut heartbeat_ms, mut resume_ms) = (0, &[][..], false, 0, 0, 0);
        each(bytes, |number, value| {
            match number {
                1 => session = value.fixed64()?,
                2 => token = value.bytes()?,
                3 => resumed = value.uint64()? != 0,
                4 => received = value.uint64()?,
                5 => heartbeat_ms = value.uint32()?,
                6 => resume_ms = value.uint32()?,
                _ => {}
            }
            Ok(())
        })?;
        let token = token.try_into().map_err(|_| Reject::ResumeToken)?;
        Ok(Self::Welcome { session: SessionId(session), token, resumed, received, heartbeat_ms, resume_ms })
    }

    fn read_joined(bytes: &'a [u8]) -> Result<Self, Reject> {
        let (mut room, mut game, mut hz, mut tick) = (0, "", 0, 0);
        each(bytes, |number, value| {
            match number {
                1 => room = value.fixed64()?,
                2 => game = value.text()?,
                3 => hz = value.uint32()?,
                4 => tick = value.uint64()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self::Joined { room: RoomId(room), game, hz, tick })
    }

    #[inline]
    fn read_state(bytes: &'a [u8]) -> Result<Self, Reject> {
        let (mut tick, mut data) = (0, &[][..]);
        each(bytes, |number, value| {
            match number {
                1 => tick = value.uint64()?,
                2 => data = value.bytes()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self::State { tick, data })
    }

    fn read_challenge(bytes: &'a [u8]) -> Result<Self, Reject> {
        let (mut salt, mut bits) = (&[][..], 0);
        each(bytes, |number, value| {
            match number {
                1 => salt = value.bytes()?,
                2 => bits = value.uint32()?,
                _ => {}
            }
            Ok(())
        })?;
        let salt = salt.try_into().map_err(|_| Reject::Work)?;
        Ok(Self::Challenge { salt, bits })
    }

    /// Bytes of the body itself, without its field number and length.
    #[inline]
    fn inner_len(&self) -> usize {
        match *self {
            Self::Welcome { session, token, resumed, received, heartbeat_ms, resume_ms } => {
                fixed64_len(session.0)
                    + bytes_len(token)
                    + uint_len(u64::from(resumed))
                    + uint_len(received)
                    + uint_len(u64::from(heartbeat_ms))
                    + uint_len(u64::from(resume_ms))
            }
            Self::Joined { room, game, hz, tick } => {
                fixed64_len(room.0) + bytes_len(game.as_bytes()) + uint_len(u64::from(hz)) + uint_len(tick)
            }
            Self::Event { op, data } => uint_len(u64::from(op)) + bytes_len(data),
            Self::State { tick, data } => uint_len(tick) + bytes_len(data),
            Self::Scene { data } | Self::Ticket { ticket: data } => bytes_len(data),
            Self::Ping { echo, pad } | Self::Pong { echo, pad } => fixed64_len(echo) + bytes_len(pad),
            Self::Ack => 0,
            Self::Left { code, reason } | Self::Refused { code, reason } | Self::Close { code, reason } => {
                uint_len(u64::from(code)) + bytes_len(reason.as_bytes())
            }
            Self::Challenge { salt, bits } => bytes_len(salt) + uint_len(u64::from(bits)),
            Self::Rooms { ask, more, rooms } => uint_len(u64::from(ask)) + uint_len(u64::from(more)) + rooms.encoded().len(),
        }
    }

    const fn number(&self) -> u8 {
        match self {
            Self::Welcome { .. } => 3,
            Self::Joined { .. } => 4,
            Self::Left { .. } => 5,
            Self::Event { .. } => 6,
            Self::State { .. } => 7,
            Self::Ping { .. } => 8,
            Self::Pong { .. } => 9,
            Self::Ack => 10,
            Self::Refused { .. } => 11,
            Self::Close { .. } => 12,
            Self::Challenge { .. } => 13,
            Self::Rooms { .. } => 14,
            Self::Scene { .. } => 15,
            Self::Ticket { .. } => 16,
        }
    }
}

impl Encode for ServerView<'_> {
    #[inline]
    fn encoded_len(&self) -> usize {
        let inner = self.body.inner_len();
        uint_len(self.seq) + uint_len(self.ack) + message_head_len(self.body.number(), inner) + inner
    }

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put_uint(1, self.seq, out);
        put_uint(2, self.ack, out);
        put_message(self.body.number(), self.body.inner_len(), out);
        match self.body {
            ServerBody::Welcome { session, token, resumed, received, heartbeat_ms, resume_ms } => {
                put_fixed64(1, session.0, out);
                put_bytes(2, token, out);
                put_uint(3, u64::from(resumed), out);
                put_uint(4, received, out);
                put_uint(5, u64::from(heartbeat_ms), out);
                put_uint(6, u64::from(resume_ms), out);
            }
            ServerBody::Joined { room, game, hz, tick } => {
                put_fixed64(1, room.0, out);
                put_bytes(2, game.as_bytes(), out);
                put_uint(3, u64::from(hz), out);
                put_uint(4, tick, out);
            }
            ServerBody::Event { op, data } => {
                put_uint(1, u64::from(op), out);
                put_bytes(2, data, out);
            }
            ServerBody::Scene { data } | ServerBody::Ticket { ticket: data } => put_bytes(1, data, out),
            ServerBody::State { tick, data } => {
                put_uint(1, tick, out);
                put_bytes(2, data, out);
            }
            ServerBody::Ping { echo, pad } | ServerBody::Pong { echo, pad } => {
                put_fixed64(1, echo, out);
                put_bytes(2, pad, out);
            }
            ServerBody::Ack => {}
            ServerBody::Left { code, reason } | ServerBody::Refused { code, reason } | ServerBody::Close { code, reason } => {
                put_uint(1, u64::from(code), out);
                put_bytes(2, reason.as_bytes(), out);
            }
            ServerBody::Challenge { salt, bits } => {
                put_bytes(1, salt, out);
                put_uint(2, u64::from(bits), out);
            }
            ServerBody::Rooms { ask, more, rooms } => {
                put_uint(1, u64::from(ask), out);
                put_uint(2, u64::from(more), out);
                out.extend_from_slice(rooms.encoded());
            }
        }
    }
}

/// Fields of Left, Refused and Close.
fn read_verdict(bytes: &[u8]) -> Result<(u32, &str), Reject> {
    let (mut code, mut reason) = (0, "");
    each(bytes, |number, value| {
        match number {
            1 => code = value.uint32()?,
            2 => reason = value.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((code, reason))
}
