//! Bytes on a socket: TCP frames or WebSocket, plain or TLS, honest or not. Knows payloads and how a connection ends, and nothing of
//! sessions.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hillfort_proto::frame::{self, Framing};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId};
use hillfort_proto::limits::{HELLO_BYTES, SERVER_PAYLOAD_BYTES_MAX};
use hillfort_proto::message::{ClientBody, ClientView, Encode, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::UnixMs;
use hillfort_proto::work::Puzzle;
use tungstenite::{Message, WebSocket};

use crate::PATIENCE;

/// Secret of the key that everybody knows.
pub(crate) const DEVELOPMENT_SECRET: &[u8] = b"hillfort-development-secret-0001";

/// A way in.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) websocket: bool,
    /// Speak TLS to the server of this name.
    pub(crate) tls: Option<(Arc<rustls::ClientConfig>, &'static str)>,
}

/// A connection.
pub(crate) struct Wire {
    carrier: Carrier,
    /// The same socket, for its deadlines.
    socket: TcpStream,
    /// Code of the WebSocket's close frame, once there was one.
    pub(crate) close_code: Option<u16>,
}

enum Carrier {
    Frames { pipe: Box<dyn Pipe>, held: Vec<u8> },
    WebSocket(Box<WebSocket<Box<dyn Pipe>>>),
}

trait Pipe: Read + Write + Send {}
impl<T: Read + Write + Send> Pipe for T {}

/// What comes next from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    Payload(Vec<u8>),
    /// The connection is over.
    Gone,
    /// Nothing came in time.
    Silence,
}

impl Door {
    pub(crate) fn frames(address: SocketAddr) -> Self {
        Self { address, websocket: false, tls: None }
    }

    pub(crate) fn websocket(address: SocketAddr) -> Self {
        Self { address, websocket: true, tls: None }
    }

    pub(crate) fn with_tls(self, config: &Arc<rustls::ClientConfig>, name: &'static str) -> Self {
        Self { tls: Some((Arc::clone(config), name)), ..self }
    }
}

/// The development key.
pub(crate) fn development_key() -> HelloKey {
    HelloKey::new(AppId(1), KeyId(1), DEVELOPMENT_SECRET).unwrap()
}

/// The clock that hellos show.
pub(crate) fn unix_ms() -> UnixMs {
    UnixMs(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

/// A good hello.
pub(crate) fn hello(key: &HelloKey) -> [u8; HELLO_BYTES] {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).unwrap();
    Hello::sign(unix_ms(), nonce, key)
}

impl Wire {
    /// A connection on which nothing was said but what TLS and the upgrade need.
    ///
    /// # Errors
    /// The server cut it before that was done.
    pub(crate) fn open(door: &Door) -> std::io::Result<Self> {
        let socket = TcpStream::connect(door.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let plain = socket.try_clone()?;
        let pipe: Box<dyn Pipe> = match &door.tls {
            None => Box::new(plain),
            Some((config, name)) => {
                let tls = rustls::ClientConnection::new(Arc::clone(config), (*name).try_into().unwrap()).unwrap();
                Box::new(rustls::StreamOwned::new(tls, plain))
            }
        };
        let carrier = if door.websocket {
            let scheme = if door.tls.is_some() { "wss" } else { "ws" };
            let url = format!("{scheme}://{}/session", door.address);
            let (websocket, _) = tungstenite::client(url, pipe).map_err(|error| std::io::Error::other(error.to_string()))?;
            Carrier::WebSocket(Box::new(websocket))
        } else {
            Carrier::Frames { pipe, held: Vec::new() }
        };
        Ok(Self { carrier, socket, close_code: None })
    }

    /// Frames on a socket that is connected.
    pub(crate) fn over(socket: TcpStream) -> Self {
        let pipe = Box::new(socket.try_clone().unwrap());
        Self { carrier: Carrier::Frames { pipe, held: Vec::new() }, socket, close_code: None }
    }

    /// The same with a good hello of the development key said.
    pub(crate) fn proven(door: &Door) -> Self {
        let mut wire = Self::open(door).unwrap();
        wire.send_hello(&hello(&development_key()));
        wire
    }

    /// The same with a login, and its Welcome taken.
    pub(crate) fn logged_in(door: &Door) -> Self {
        let mut wire = Self::proven(door);
        assert!(wire.log_in("Stranger"));
        wire
    }

    /// Whether a new player is let in, as far as a Welcome; the player leaves at once.
    pub(crate) fn is_let_in(door: &Door) -> bool {
        let Ok(mut wire) = Self::open(door) else { return false };
        wire.send_hello(&hello(&development_key()));
        if !wire.log_in("Visitor") {
            return false;
        }
        wire.say(ClientView::unsequenced(ClientBody::Bye));
        wire.closed() == Some(Reject::Goodbye)
    }

    /// Logs in, and works for it if the server wants that. `false`: the server closed.
    pub(crate) fn log_in(&mut self, name: &str) -> bool {
        self.say(ClientView::unsequenced(ClientBody::Login { name }));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let payload = match self.next(deadline) {
                Next::Payload(payload) => payload,
                Next::Gone => return false,
                Next::Silence => panic!("the login is not answered"),
            };
            match ServerView::read(&payload).unwrap().body {
                ServerBody::Welcome { .. } => return true,
                ServerBody::Challenge { salt, bits } => {
                    let nonce = Puzzle::new(*salt, u8::try_from(bits).unwrap()).solve(0, u64::MAX).unwrap();
                    self.say(ClientView::unsequenced(ClientBody::Work { nonce }));
                }
                _ => {}
            }
        }
    }

    /// How payloads are marked.
    pub(crate) fn framing(&self) -> Framing {
        match self.carrier {
            Carrier::Frames { .. } => Framing::Tcp,
            Carrier::WebSocket(_) => Framing::WebSocketMasked([0x5a, 0x11, 0xf0, 0x0d]),
        }
    }

    /// Sends bytes as they are. A server that has closed already is for the reader to find out.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let pipe = match &mut self.carrier {
            Carrier::Frames { pipe, .. } => pipe,
            Carrier::WebSocket(websocket) => websocket.get_mut(),
        };
        let _gone = pipe.write_all(bytes).and_then(|()| pipe.flush());
    }

    /// Sends the first bytes or, over WebSocket, the first message.
    pub(crate) fn send_hello(&mut self, hello: &[u8]) {
        match self.carrier {
            Carrier::Frames { .. } => self.send(hello),
            Carrier::WebSocket(_) => self.send_payload(hello),
        }
    }

    /// Sends one payload, marked as it must be.
    pub(crate) fn send_payload(&mut self, payload: &[u8]) {
        let mut out = Vec::new();
        self.framing().put(&mut out, payload.len(), |out| out.extend_from_slice(payload));
        self.send(&out);
    }

    /// Sends one message.
    pub(crate) fn say(&mut self, message: ClientView<'_>) {
        let mut out = Vec::new();
        message.put(self.framing(), &mut out);
        self.send(&out);
    }

    /// The next payload, or what became of the connection.
    pub(crate) fn next(&mut self, deadline: Instant) -> Next {
        loop {
            if let Carrier::Frames { held, .. } = &mut self.carrier
                && let Some(frame) = frame::read(held, SERVER_PAYLOAD_BYTES_MAX).unwrap()
            {
                let (payload, consumed) = (frame.payload.to_vec(), frame.consumed);
                held.drain(..consumed);
                return Next::Payload(payload);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Silence;
            }
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            if let Some(next) = self.read() {
                return next;
            }
        }
    }

    /// Waits for a message in which `find` finds something.
    pub(crate) fn wait<T>(&mut self, what: &str, mut find: impl FnMut(ServerBody<'_>) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Next::Payload(payload) => {
                    if let Some(found) = find(ServerView::read(&payload).unwrap().body) {
                        return found;
                    }
                }
                other => panic!("waited for {what}, but: {other:?}"),
            }
        }
    }

    /// Reads to the end of the connection. The code of its Close, if one came; over WebSocket the close frame says the same.
    pub(crate) fn closed(&mut self) -> Option<Reject> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = None;
        loop {
            match self.next(deadline) {
                Next::Payload(payload) => {
                    if let ServerBody::Close { code, .. } = ServerView::read(&payload).unwrap().body {
                        said = Reject::from_code(code);
                    }
                }
                Next::Gone => break,
                Next::Silence => panic!("the server does not close"),
            }
        }
        if matches!(self.carrier, Carrier::WebSocket(_)) {
            assert_eq!(self.close_code, said.map(Reject::websocket_code), "the close frame says what Close says");
        }
        said
    }

    /// Everything that comes, as it comes, to the end of the connection.
    pub(crate) fn bytes_to_the_end(self) -> Vec<u8> {
        let Carrier::Frames { mut pipe, mut held } = self.carrier else { panic!("a WebSocket has messages") };
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        if let Err(error) = pipe.read_to_end(&mut held) {
            assert!(is_end(&error), "the server does not close");
        }
        held
    }

    /// `None`: something came, but nothing whole.
    fn read(&mut self) -> Option<Next> {
        match &mut self.carrier {
            Carrier::Frames { pipe, held } => {
                let mut buffer = [0; 64 * 1024];
                match pipe.read(&mut buffer) {
                    Ok(0) => Some(Next::Gone),
                    Ok(got) => {
                        held.extend_from_slice(&buffer[..got]);
                        None
                    }
                    Err(error) => is_end(&error).then_some(Next::Gone),
                }
            }
            Carrier::WebSocket(websocket) => match websocket.read() {
                Ok(Message::Binary(payload)) => Some(Next::Payload(payload.to_vec())),
                Ok(Message::Close(close)) => {
                    self.close_code = close.map(|close| close.code.into());
                    None
                }
                Ok(_) => None,
                Err(tungstenite::Error::Io(error)) => is_end(&error).then_some(Next::Gone),
                Err(_) => Some(Next::Gone),
            },
        }
    }
}

fn is_end(error: &std::io::Error) -> bool {
    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
