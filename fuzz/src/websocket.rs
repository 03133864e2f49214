//! Targets of the WebSocket: the request that asks for one, and its frames.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use hillfort_proto::limits::CLIENT_PAYLOAD_BYTES_MAX;
use hillfort_proto::reject::Reject;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

use crate::borrowed::handshake::{self, NoHandshake, is_foreign};
use crate::borrowed::websocket::{self as frames, Kind, Received};

/// Frames of a client, one after the other: total, the same whether bytes come at once or in parts, within bounds, and what is answered reads
/// as what it is.
pub fn websocket(data: &[u8]) {
    let mut bytes = data.to_vec();
    let (mut rest, mut in_parts) = (&mut bytes[..], false);
    loop {
        let before = rest.to_vec();
        for end in (0..before.len().min(16)).chain(before.len().checked_sub(1)) {
            let mut part = before[..end].to_vec();
            match frames::read(&mut part, in_parts, CLIENT_PAYLOAD_BYTES_MAX) {
                Ok(None) => assert_eq!(part, before[..end], "nothing is unmasked that is not whole"),
                early => assert_eq!(early, frames::read(&mut before.clone(), in_parts, CLIENT_PAYLOAD_BYTES_MAX)),
            }
        }
        let used = match frames::read(rest, in_parts, CLIENT_PAYLOAD_BYTES_MAX) {
            Ok(Some((received, used))) => {
                check(&before[..used], &received, &mut in_parts);
                used
            }
            Ok(None) => {
                assert!(before.len() < 14 + CLIENT_PAYLOAD_BYTES_MAX.max(125));
                return;
            }
            Err(reject) => return assert!(matches!(reject, Reject::WebSocket | Reject::FrameLength)),
        };
        assert!((6..=before.len()).contains(&used));
        rest = &mut std::mem::take(&mut rest)[used..];
    }
}

/// Holds what was read to the bytes that it was read from.
fn check(frame: &[u8], received: &Received<'_>, in_parts: &mut bool) {
    let (is_final, opcode) = (frame[0] & 0x80 != 0, frame[0] & 0x0F);
    let payload = match received {
        Received::Message(_, payload) | Received::FirstPart(_, payload) => *payload,
        Received::Part(payload) | Received::LastPart(payload) | Received::Ping(payload) => *payload,
        Received::Pong | Received::Close => return assert!(is_final && matches!(opcode, 8 | 10)),
    };
    assert!(payload.len() <= CLIENT_PAYLOAD_BYTES_MAX.max(125));
    let mask = &frame[frame.len() - payload.len() - 4..][..4];
    let masked = &frame[frame.len() - payload.len()..];
    assert!(payload.iter().zip(masked).zip(mask.iter().cycle()).all(|((plain, masked), key)| plain ^ key == *masked));
    match received {
        Received::Ping(_) => assert!(is_final && opcode == 9 && payload.len() <= 125),
        Received::Message(kind, _) => assert!(is_final && opcode == code(*kind) && !*in_parts),
        Received::FirstPart(kind, _) => assert!(!std::mem::replace(in_parts, true) && !is_final && opcode == code(*kind)),
        Received::LastPart(_) => assert!(std::mem::replace(in_parts, false) && is_final && opcode == 0),
        _ => assert!(*in_parts && !is_final && opcode == 0),
    }
}

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Binary => 2,
        Kind::Text => 1,
    }
}

/// The head of a request, read by the HTTP that the server speaks, within its limits: total, and a key is only ever taken from a whole upgrade.
pub fn upgrade(data: &[u8]) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let line = Line { in_: data.to_vec(), read: 0, out: Arc::clone(&said) };
    let service = service_fn(|request: Request<Incoming>| async move {
        let (mut parts, _) = request.into_parts();
        let foreign = is_foreign(&parts.headers);
        assert!(parts.headers.contains_key("origin") || !foreign, "no browser asks without an origin");
        let mut response = Response::new(String::new());
        match handshake::accept(&parts.headers, &mut parts.extensions) {
            Ok((_upgrade, (status, answer))) => {
                let all = format!("{:?}", parts.headers).to_ascii_lowercase();
                assert!(["upgrade", "websocket", "13"].iter().all(|word| all.contains(word)), "{all}");
                assert_eq!(parts.headers["sec-websocket-key"].len(), 24);
                *response.status_mut() = status;
                response.headers_mut().extend(answer);
            }
            Err(NoHandshake::NotAsked) => *response.status_mut() = handshake::UPGRADE_REQUIRED.0,
            Err(NoHandshake::NoConnection) => *response.status_mut() = StatusCode::BAD_REQUEST,
        }
        Ok::<_, std::convert::Infallible>(response)
    });
    let connection =
        http1::Builder::new().max_buf_size(16 * 1024).max_headers(64).serve_connection(line, service).with_upgrades();
    let mut connection = pin!(connection);
    // Reading and writing never wait: it ends with the bytes.
    let mut context = Context::from_waker(Waker::noop());
    let ended = (0..16).any(|_| connection.as_mut().poll(&mut context).is_ready());
    let out = said.lock().expect("nobody panicked").clone();
    assert!(ended, "it goes on after its end: {}", String::from_utf8_lossy(&out));
    assert!(out.is_empty() || out.starts_with(b"HTTP/1."), "{}", String::from_utf8_lossy(&out));
}

/// Gives its bytes, then the end; keeps what is written.
struct Line {
    in_: Vec<u8>,
    read: usize,
    out: Arc<Mutex<Vec<u8>>>,
}

impl Read for Line {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let some = (self.in_.len() - self.read).min(into.remaining());
        let from = self.read;
        into.put_slice(&self.in_[from..from + some]);
        self.read += some;
        Poll::Ready(Ok(()))
    }
}

impl Write for Line {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.out.lock().expect("nobody panicked").extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
