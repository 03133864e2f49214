//! A server just good enough to be measured and attacked: checks hellos, speaks sessions through the protocol's own machine, and has an
//! echo room. A thread per connection; ends with the test.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hillfort_proto::frame::{self, Framing};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::{CLIENT_PAYLOAD_BYTES_MAX, HELLO_BYTES};
use hillfort_proto::reject::Reject;
use hillfort_proto::session::put_close;
use hillfort_proto::session::server::{Event, Session};
use hillfort_proto::time::{Time, UnixMs};
use tungstenite::{Message, WebSocket};

/// Secret that the stand-in accepts, for app 7, key 3.
pub(crate) const SECRET_HEX: &str = "00112233445566778899aabbccddeeff";

#[derive(Clone)]
struct Shared {
    ring: Arc<KeyRing>,
    seen: Arc<Mutex<HashSet<[u8; 16]>>>,
    /// Inputs after which one connection is cut; 0 cuts none.
    cut_after: Arc<AtomicUsize>,
    origin: Instant,
}

/// Starts it; `websocket` says which wire it speaks.
pub(crate) fn start(websocket: bool) -> SocketAddr {
    start_cutting(websocket, 0)
}

/// The same; cuts a connection once, at input number `cut_after`, and has forgotten its session.
pub(crate) fn start_cutting(websocket: bool, cut_after: usize) -> SocketAddr {
    let secret: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
    let mut ring = KeyRing::default();
    ring.insert(HelloKey::new(AppId(7), KeyId(3), &secret).expect("a good secret")).expect("room for a key");
    let shared =
        Shared { ring: Arc::new(ring), seen: Arc::default(), cut_after: Arc::new(cut_after.into()), origin: Instant::now() };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = shared.clone();
            std::thread::spawn(move || {
                // A client that leaves or attacks ends its thread: nothing else is to be done.
                let _gone = if websocket { shared.serve_websocket(stream) } else { shared.serve_frames(stream) };
            });
        }
    });
    address
}

impl Shared {
    fn serve_frames(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut hello = [0; HELLO_BYTES];
        stream.read_exact(&mut hello).ok()?;
        self.admit(&hello)?;
        let mut session = Session::new(self.now());
        let (mut bytes, mut buffer) = (vec![], [0; 8192]);
        loop {
            let mut out = vec![];
            while let Some(frame) = frame::read(&bytes, CLIENT_PAYLOAD_BYTES_MAX).ok()? {
                self.answer(&mut session, frame.payload, Framing::Tcp, &mut out)?;
                let consumed = frame.consumed;
                bytes.drain(..consumed);
            }
            stream.write_all(&out).ok()?;
            match stream.read(&mut buffer).ok()? {
                0 => return None,
                got => bytes.extend_from_slice(&buffer[..got]),
            }
        }
    }

    fn serve_websocket(&self, stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut socket: WebSocket<TcpStream> = tungstenite::accept(stream).ok()?;
        let hello = socket.read().ok()?.into_data();
        self.admit(hello.as_ref().try_into().ok()?)?;
        let mut session = Session::new(self.now());
        loop {
            let payload = socket.read().ok()?.into_data();
            // One message at a time answers with any number of messages: framed as over TCP, then cut again.
            let mut out = vec![];
            self.answer(&mut session, &payload, Framing::Tcp, &mut out)?;
            let mut rest = &out[..];
            while let Some(frame) = frame::read(rest, CLIENT_PAYLOAD_BYTES_MAX).ok()? {
                socket.send(Message::binary(frame.payload.to_vec())).ok()?;
                rest = &rest[frame.consumed..];
            }
        }
    }

    fn admit(&self, hello: &[u8; HELLO_BYTES]) -> Option<()> {
        let hello = Hello::read(hello).ok()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        hello.check_time(UnixMs(since.as_millis() as u64)).ok()?;
        hello.check_mac(&self.ring).ok()?;
        self.seen.lock().expect("no thread panics with it").insert(*hello.nonce()).then_some(())
    }

    fn answer(&self, session: &mut Session, payload: &[u8], framing: Framing, out: &mut Vec<u8>) -> Option<()> {
        let (now, room) = (self.now(), RoomId(1));
        match session.handle_payload(now, payload, framing, out).ok()? {
            Some(Event::Login { .. }) => session.accept_login(now, SessionId(1), [1; 16], framing, out).ok(),
            Some(Event::Join { .. }) => session.enqueue_joined(room, "echo", 20, 0, framing, out).ok().map(drop),
            Some(Event::Input { .. }) if self.cut_after.fetch_sub(1, Ordering::Relaxed) == 1 => None,
            Some(Event::Input { op, data, .. }) => session.enqueue_event(room, op, data, framing, out).ok(),
            Some(Event::Resume { .. }) => {
                put_close(Reject::ResumeUnknown, framing, out);
                Some(())
            }
            Some(Event::Bye) => None,
            _ => Some(()),
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }
}
