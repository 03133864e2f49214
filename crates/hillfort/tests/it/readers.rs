//! Many who ask for long answers and do not read them: what waits for them is bounded, and the others are told.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::PATIENCE;
use crate::nakama::User;
use crate::server::Server;

/// Three quarters of it are for long answers, an eighth for one address.
const ANSWERS_MAX: usize = 16 << 20;
const EACH: usize = 1_000_000;
/// Each at an address of its own.
const READERS: usize = 100;
/// What a process takes for other things meanwhile: buffers of connections, room in its allocator.
const SLACK: u64 = 24 << 20;

/// Asks for one object, and takes next to nothing at a time.
struct Reader(TcpStream);

impl Reader {
    fn ask(server: SocketAddr, token: &str, body: &str, number: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let own = Ipv4Addr::new(127, 0, 1, u8::try_from(number + 1).unwrap());
        socket.bind(&SocketAddr::from((own, 0)).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        socket.set_read_timeout(Some(PATIENCE * 2)).unwrap();
        let mut stream = TcpStream::from(socket);
        let head = format!("Authorization: Bearer {token}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        stream.write_all(format!("POST /v2/storage HTTP/1.1\r\nHost: fort\r\n{head}\r\n{body}").as_bytes()).unwrap();
        Self(stream)
    }

    /// `None`: it was ended before.
    fn status(&mut self) -> Option<String> {
        let mut line = [0; 12];
        match self.0.read_exact(&mut line) {
            Ok(()) => Some(String::from_utf8(line.to_vec()).unwrap()),
            Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => None,
            Err(e) => panic!("neither answered nor ended: {e}"),
        }
    }

    fn rest(mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }
}

/// A server with an object of `EACH` bytes, its owner, and the request for that.
fn server() -> (Server, User, String) {
    let server = Server::start(&[
        ("nakama.answers_bytes_max", &ANSWERS_MAX.to_string()),
        ("nakama.calls_max", "256"),
        ("nakama.request_bytes_max", "2097152"),
        ("nakama.object_bytes_max", "1048576"),
        // So long is waited for room before a call is refused.
        ("nakama.wait_ms_max", "2000"),
        ("budgets.account_read_burst", "1000000"),
    ]);
    let user = User::sign_in(&server, "reader");
    let value = json!({ "long": "x".repeat(EACH) }).to_string();
    user.done("PUT /v2/storage", &json!({ "objects": [{ "collection": "saves", "key": "long", "value": value }] }));
    let wanted = json!({ "object_ids": [{ "collection": "saves", "key": "long", "user_id": user.id() }] });
    // What the first answer leaves in the process is no reader's.
    user.done("POST /v2/storage", &wanted);
    (server, user, wanted.to_string())
}

#[test]
fn answers_that_nobody_reads_are_bounded_and_a_slow_reader_gets_all() {
    let (server, user, wanted) = server();
    let before = server.rss_bytes();
    let readers: Vec<_> = (0..READERS).map(|number| Reader::ask(server.http, &user.token, &wanted, number)).collect();
    let (mut served, mut refused, mut ended) = (Vec::new(), 0, 0);
    for mut reader in readers {
        match reader.status().as_deref() {
            Some("HTTP/1.1 200") => served.push(reader),
            Some("HTTP/1.1 503") => {
                refused += 1;
                let text = reader.rest();
                assert!(text.contains("try again in a second"), "{text}");
            }
            // It gave way to one that came later.
            None => ended += 1,
            Some(other) => panic!("{other}{}", reader.rest()),
        }
    }
    let more = server.rss_bytes().saturating_sub(before);
    println!("{} served, {refused} refused, {ended} ended, {more} bytes more", served.len());
    assert!(refused + ended > 0, "there was room for all {READERS}");
    assert!(served.len() >= ANSWERS_MAX * 3 / 4 / (1 << 20), "{} served, {refused} refused", served.len());
    assert!(more < ANSWERS_MAX as u64 + SLACK, "{more} bytes more for {READERS} answers of {EACH}");
    drop(served);
    // Who takes its time gets all of it: its socket takes 4 KiB at a time.
    let end = Instant::now() + PATIENCE * 2;
    let slow = loop {
        let mut slow = Reader::ask(server.http, &user.token, &wanted, 0);
        if slow.status().as_deref() == Some("HTTP/1.1 200") {
            break slow;
        }
        assert!(Instant::now() < end, "those who left make room");
    };
    let text = slow.rest();
    assert!(text.len() > EACH && text.ends_with('}'), "{} bytes", text.len());
}
