//! Whoever answers a request can end what it came by, and what waited there to be written is dropped.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use axum::{Router, response::Response};
use bytes::Bytes;
use hillfort_stream::Line;

use super::grpc::{HTTP2, config_with_door};
use super::rig::*;
use crate::Door;

/// More than sockets take.
const LONG: usize = 32 << 20;
const PART: usize = 16 * 1024;

/// Answers that nobody reads.
#[derive(Debug, Default, Clone)]
struct Unread {
    lines: Arc<Mutex<Vec<Line>>>,
    dropped: Arc<AtomicUsize>,
}

struct Long(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Long {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Long {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
    }
}

/// An answer that is given part by part.
struct Parts(Bytes);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        let most = self.0.len().min(PART);
        let part = self.0.split_to(most);
        Poll::Ready((!part.is_empty()).then(|| Ok(hyper::body::Frame::data(part))))
    }
}

impl Unread {
    fn rig(&self) -> Rig {
        let answer = |unread: Self, line: Line| {
            unread.lines.lock().unwrap().push(line);
            Bytes::from_owner(Long(vec![0; LONG], Arc::clone(&unread.dropped)))
        };
        let (one, other) = (self.clone(), self.clone());
        let parts = get(async move |Extension(line): Extension<Line>| Response::new(Body::new(Parts(answer(one, line)))));
        let whole = get(async move |Extension(line): Extension<Line>| Response::new(Body::from(answer(other, line))));
        Rig::with_router(
            config_with_door(),
            Router::new().route("/parts", parts).route("/whole", whole).route("/", get(async || "fort")),
        )
    }

    fn begun(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    fn cut(&self, number: usize) {
        self.lines.lock().unwrap()[number].cut();
    }
}

#[test]
fn a_connection_of_http_1_ends() {
    let unread = Unread::default();
    let mut rig = unread.rig();
    for (n, door) in [Door::Http, Door::Grpc].into_iter().enumerate() {
        let mut client = Client::new(std::net::TcpStream::connect(rig.addr(door)).unwrap());
        client.send(b"GET /parts HTTP/1.1\r\nHost: fort\r\n\r\n");
        rig.until("the answer", |_| unread.begun() == n + 1);
        rig.settle();
        assert_eq!(unread.dropped.load(Relaxed), n, "it waits for its reader");
        unread.cut(n);
        rig.until("the end", |_| {
            client.read();
            client.ended
        });
        assert!(client.received.len() < LONG);
        rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
        assert_eq!((unread.dropped.load(Relaxed), rig.refusals()), (n + 1, vec![("slow_consumer", n as u64 + 1)]));
    }
}

/// A request of HTTP/2 without a body.
fn get_h2(stream: u8, path: &[u8]) -> Vec<u8> {
    // :method GET, :scheme http, :path, :authority.
    let block = [&[0x82, 0x86, 0x04, path.len() as u8][..], path, &[0x41, 4], b"fort"].concat();
    [&[0, 0, block.len() as u8, 1, 5, 0, 0, 0, stream][..], &block].concat()
}

/// Kinds of the frames of a stream that have come whole.
fn frames(mut bytes: &[u8], stream: u8) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some(rest) = rest.get(length..) else { break };
        if head[8] == stream {
            kinds.push(head[3]);
        }
        bytes = rest;
    }
    kinds
}

#[test]
fn a_stream_of_http_2_ends_and_the_others_go_on() {
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    let unread = Unread::default();
    let mut rig = unread.rig();
    let mut client = Client::new(std::net::TcpStream::connect(rig.addr(Door::Grpc)).unwrap());
    // None of their windows is ever opened.
    client.send(&[HTTP2, &get_h2(1, b"/parts"), &get_h2(3, b"/parts")].concat());
    rig.until("two answers", |_| unread.begun() == 2);
    rig.settle();
    assert_eq!(unread.dropped.load(Relaxed), 0, "they wait for their readers");
    unread.cut(0);
    rig.until("the reset", |_| {
        client.read();
        frames(&client.received, 1).contains(&RESET)
    });
    assert_eq!((unread.dropped.load(Relaxed), frames(&client.received, 3).contains(&RESET)), (1, false));
    client.send(&get_h2(5, b"/"));
    rig.until("another answer", |_| {
        client.read();
        frames(&client.received, 5).contains(&HEADERS)
    });
    assert_eq!((client.ended, rig.refusals()), (false, vec![("slow_consumer", 1)]));
    drop(client);
    rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
    rig.until("what the other kept", |_| unread.dropped.load(Relaxed) == 2);
}

#[test]
fn a_connection_of_http_2_ends_that_has_all_of_an_answer() {
    let unread = Unread::default();
    let mut rig = unread.rig();
    let mut client = Client::new(std::net::TcpStream::connect(rig.addr(Door::Grpc)).unwrap());
    client.send(&[HTTP2, &get_h2(1, b"/whole")].concat());
    rig.until("the answer", |_| {
        client.read();
        unread.begun() == 1 && client.received.len() > 65_535
    });
    rig.settle();
    assert_eq!(unread.dropped.load(Relaxed), 0, "it waits for its reader");
    unread.cut(0);
    rig.until("the end", |_| {
        client.read();
        client.ended
    });
    rig.until("the way back", |rig| rig.stats.snapshot().open_http == 0);
    rig.until("what it kept", |_| unread.dropped.load(Relaxed) == 1);
    assert_eq!(rig.refusals(), [("slow_consumer", 1)]);
}
