//! What strangers can do to the console: be slow, forge headers, and sign in while their operator changes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use hillfort_store::{OperatorUpdate, Role};
use serde_json::json;
use socket2::{Domain, Socket, Type};

use super::rig::{DEADLINE, settings, start, start_with};
use crate::console::admission::OF_CLIENT_MAX;
use crate::console::feed::Feed;
use crate::console::{ConsoleKey, Source, api, sign_in};

/// A connection from an address of this machine.
fn from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Asks who is there, and reads the first bytes of the answer; none when the connection was cut.
fn asks(mut stream: TcpStream, host: SocketAddr) -> String {
    let mut answer = [0; 15];
    let asked = stream.write_all(format!("GET /api/me HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes());
    match asked.and_then(|()| stream.read_exact(&mut answer)) {
        Ok(()) => String::from_utf8_lossy(&answer).into_owned(),
        Err(_) => String::new(),
    }
}

#[test]
fn slow_connections_of_one_address_crowd_nobody_else_out() {
    let rig = start_with(|settings| settings.proxies = vec!["10.0.0.0/8".parse().unwrap()]);
    let mut slow: Vec<_> = (0..16).map(|_| from([127, 0, 0, 7], rig.address)).collect();
    let headers = format!("host: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n", rig.address);
    for stream in &mut slow {
        stream.write_all(format!("POST /api/sign-in HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
    }
    // Its share is taken: its oldest makes room, and no other.
    assert_eq!(asks(from([127, 0, 0, 7], rig.address), rig.address), "HTTP/1.1 200 OK");
    assert_eq!(slow.remove(0).read(&mut [0; 1]).unwrap_or(0), 0, "the oldest was cut");
    assert_eq!(asks(from([127, 0, 0, 8], rig.address), rig.address), "HTTP/1.1 200 OK", "another has its own");
    rig.console.stop();
}

/// Reads a whole answer, and leaves the connection open; its status, 0 when the connection was cut.
fn status(stream: &TcpStream) -> u16 {
    let mut reader = BufReader::new(stream);
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return 0;
        }
        let line = line.trim().to_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest[..3].parse().unwrap();
        } else if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().unwrap();
        } else if line.is_empty() {
            reader.read_exact(&mut vec![0; length]).unwrap();
            return status;
        }
    }
}

#[test]
fn slow_connections_of_many_addresses_keep_no_operator_out() {
    let rig = start_with(|settings| settings.proxies = vec!["10.0.0.0/8".parse().unwrap()]);
    let headers = format!("host: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n", rig.address);
    let begun = format!("POST /api/sign-in HTTP/1.1\r\n{headers}\r\n");
    let rooms = format!("GET /api/rooms HTTP/1.1\r\nhost: {}\r\n{}\r\n", rig.address, rig.who);
    let ask = |mut stream: &TcpStream| stream.write_all(rooms.as_bytes()).map_or(0, |()| status(stream));
    // An operator's connection that has shown who it is.
    let known = from([127, 0, 0, 30], rig.address);
    assert_eq!(ask(&known), 200);
    let mut slow = Vec::new();
    for address in (10..18).flat_map(|address| [address; 16]) {
        let mut stream = from([127, 0, 0, address], rig.address);
        // It may have made room for another already.
        stream.write_all(begun.as_bytes()).ok();
        slow.push(stream);
    }
    // They are 128, for 64 places: a newcomer gets one, and the operator keeps its own.
    for address in 40..60 {
        assert_eq!(ask(&from([127, 0, 0, address], rig.address)), 200, "{address}");
    }
    assert_eq!(ask(&known), 200, "it was not cut");
    rig.console.stop();
}

/// A change that takes too long may be done yet: the audit log says so, and then what came of it.
#[test]
fn a_change_that_takes_long_is_not_called_refused() {
    let rig = start_with(|settings| settings.patience = std::time::Duration::from_millis(50));
    let body = json!({ "key": "guard.connect.rate", "value": 4_000 }).to_string();
    let headers = format!("host: {}\r\n{}content-type: application/json\r\n", rig.address, rig.who);
    let mut stream = TcpStream::connect(rig.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = format!("POST /api/limits HTTP/1.1\r\n{headers}content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(status(&stream), 504);
    let outcome = |at: usize| {
        let lines = rig.audit();
        let detail: serde_json::Value = serde_json::from_str(&lines.get(at)?.detail).unwrap();
        Some((lines[at].actor.clone(), detail["outcome"].as_str().unwrap().to_owned()))
    };
    let (actor, said) = outcome(0).unwrap();
    assert!(actor == "command line" && said.starts_with("unknown: "), "{said}");
    drop(stream);
    let deadline = std::time::Instant::now() + DEADLINE;
    while rig.audit().len() < 2 {
        assert!(std::time::Instant::now() < deadline, "nothing came of it");
    }
    // The newest is first: the body never came.
    assert_eq!(outcome(0).unwrap().1, "refused");
    rig.console.stop();
}

#[test]
fn slow_requests_of_one_client_behind_a_proxy_leave_others_theirs() {
    let rig = start_with(|settings| settings.proxies = vec!["127.0.0.1/32".parse().unwrap()]);
    let of = |client: &str| format!("host: {}\r\nx-forwarded-for: {client}\r\n", rig.address);
    let headers = format!("{}content-type: application/json\r\ncontent-length: 100\r\n", of("198.51.100.1"));
    let mut slow: Vec<_> = (0..OF_CLIENT_MAX).map(|_| TcpStream::connect(rig.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(format!("POST /api/sign-in HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
    }
    let until = |client: &str, expect: u16| {
        let deadline = std::time::Instant::now() + DEADLINE;
        while rig.ask("GET", "/api/me", &of(client), "").0 != expect {
            assert!(std::time::Instant::now() < deadline, "{client} is not told {expect}");
        }
    };
    until("198.51.100.1", 429);
    assert_eq!(rig.ask("GET", "/api/me", &of("198.51.100.2"), "").0, 200, "another client is answered");
    drop(slow);
    until("198.51.100.1", 200);
    rig.console.stop();
}

#[test]
fn forged_headers_neither_get_around_limits_nor_into_the_log() {
    let wrong = json!({ "name": "anna", "password": "wrong" }).to_string();
    let ask = |rig: &super::rig::Rig, forwarded: &str| {
        let headers = format!("{}x-forwarded-for: {forwarded}\r\n", rig.browser(""));
        rig.ask("POST", "/api/sign-in", &headers, &wrong).0
    };
    // Nobody is listed: a new address in each request is still one address.
    let rig = start_with(|settings| settings.plain_sign_in = true);
    let statuses: Vec<_> = (0..8).map(|n| ask(&rig, &format!("198.51.100.{n}"))).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert!(rig.audit().iter().all(|line| line.address == "127.0.0.1"), "{:?}", rig.audit());
    rig.console.stop();

    // Behind a proxy each client has its own, whatever it writes before the proxy's word.
    let rig = start_with(|settings| {
        (settings.plain_sign_in, settings.proxies) = (true, vec!["127.0.0.1/32".parse().unwrap()]);
    });
    let statuses: Vec<_> = (0..8).map(|n| ask(&rig, &format!("203.0.113.{n}, 198.51.100.1"))).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(ask(&rig, "198.51.100.1, 198.51.100.2"), 401);
    let from: Vec<_> = rig.audit().into_iter().map(|line| line.address).collect();
    assert_eq!(from, ["198.51.100.2", "198.51.100.1", "198.51.100.1", "198.51.100.1", "198.51.100.1", "198.51.100.1"]);
    rig.console.stop();
}

#[test]
fn nobody_signs_in_as_what_an_operator_was() {
    let rig = start(false, None);
    rig.operator("root", "administrator");
    rig.operator("anna", "administrator");
    let (store, threads) = (rig.office.store.clone(), rig.office.threads.clone());
    let (source, office) = (Arc::clone(&rig.source) as Arc<dyn Source>, rig.office.clone());
    let feed = Arc::new(Feed::new("0.0.0"));
    let state = api::State::new(source, office, settings(ConsoleKey::random().unwrap()), feed, 1).unwrap();
    threads.block_on(async {
        let read = store.operators.get("anna".into()).await.unwrap();
        let token = sign_in::begin(&state, &read).await.unwrap();
        let found = state.sessions.find(&token, std::time::Instant::now()).unwrap();
        assert_eq!((found.role, found.generation), (Role::Administrator, read.generation));
        // Its password was right; then it lost its role, before the session began.
        let role = OperatorUpdate { role: Some(Role::Viewer), password_hash: None };
        store.operators.update("anna".into(), role, 1).await.unwrap();
        state.sessions.end(&token);
        let refused = sign_in::begin(&state, &read).await.unwrap_err();
        assert!(refused.status == 409 && refused.text.contains("sign in again"), "{refused:?}");
        // The same of one who was removed, and made again.
        let viewer = store.operators.get("anna".into()).await.unwrap();
        store.operators.delete("anna".into()).await.unwrap();
        assert_eq!(sign_in::begin(&state, &viewer).await.unwrap_err().status, 409);
        store.operators.create("anna".into(), Role::Operator, "x".into(), viewer.generation + 5).await.unwrap();
        assert_eq!(sign_in::begin(&state, &viewer).await.unwrap_err().status, 409);
        assert!(state.sessions.names().is_empty(), "nothing is left of them");
    });
    rig.console.stop();
}

#[test]
fn answers_stay_in_no_cache() {
    let rig = start(false, None);
    for (path, stored) in [("/api/me", false), ("/api/rooms", false), ("/api/none", false), ("/metrics", false), ("/", true)] {
        let (_, answer) = rig.get(path);
        assert_eq!(answer.contains("cache-control: no-store"), !stored, "{path}: {answer}");
    }
    assert_eq!(rig.status_of_live(&format!("host: {}\r\n{}", rig.address, rig.who)), 200);
    rig.console.stop();
}
