//! What strangers can do to the console: be slow, forge headers, and sign in while their operator changes.

use std::io::{Read as _, Write as _};
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
    assert_eq!(asks(from([127, 0, 0, 7], rig.address), rig.address), "", "its share is taken");
    assert_eq!(asks(from([127, 0, 0, 8], rig.address), rig.address), "HTTP/1.1 200 OK", "another has its own");
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
