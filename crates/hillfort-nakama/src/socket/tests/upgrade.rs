//! Requests for a socket whose token is refused: who is charged for it, and who is not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hillfort_api::match_id::RoomCipher;
use hillfort_proto::reject::Reject;
use hillfort_stream::{Doorman, Guest, Upgrades};
use hyper::upgrade::OnUpgrade;
use tower::ServiceExt as _;

use super::rig::Stand;
use crate::socket::{Config, SocketDoor};

/// Notes refusals, and whether they were charged.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<(Reject, bool)>>);

impl Doorman for Notes {
    fn hand_over(self: Arc<Self>, _: OnUpgrade, _: Box<dyn FnOnce(Guest) + Send>) {
        panic!("no request here has a connection")
    }

    fn refuse(&self, reject: Reject) {
        self.0.lock().unwrap().push((reject, true));
    }

    fn count(&self, reject: Reject) {
        self.0.lock().unwrap().push((reject, false));
    }
}

/// The status of a request with these lines in its head, and whether its address is charged for it.
#[track_caller]
fn check(query: &str, head: &[(&str, &str)], status: u16, charged: Option<bool>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let door = SocketDoor::new(Config::default(), Arc::new(Stand::default()), runtime.handle().clone(), RoomCipher::new([0; 4]));
    let notes = Arc::new(Notes::default());
    let mut request = Request::builder().uri(format!("/ws{query}")).header("host", "fort:7350");
    for (name, value) in head {
        request = request.header(*name, *value);
    }
    request = request.extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
    let request = request.extension(Upgrades::new(Arc::clone(&notes) as Arc<dyn Doorman>)).body(Body::empty()).unwrap();
    let door = door.unwrap();
    check_porter(&door, &request, charged);
    let answer = runtime.block_on(door.router().oneshot(request)).unwrap();
    let notes: Vec<_> = notes.0.lock().unwrap().drain(..).collect();
    let wanted: Vec<_> = charged.into_iter().map(|charged| (Reject::SessionToken, charged)).collect();
    assert_eq!((answer.status().as_u16(), notes), (status, wanted), "{query} {head:?}");
}

/// The porter says the same of the same request, and nothing of what it cannot know yet.
fn check_porter(door: &SocketDoor, request: &Request<Body>, charged: Option<bool>) {
    let mut head = format!("GET {} HTTP/1.1\r\n", request.uri());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    head += "\r\n";
    let porter = door.porter();
    assert_eq!(porter.refuse(head.as_bytes()).map(|refusal| refusal.charged), charged, "{head}");
    for cut in 0..head.len() {
        assert_eq!(porter.refuse(&head.as_bytes()[..cut]), None, "{cut} bytes of {head}");
    }
    let answer = charged.and_then(|_| porter.refuse(head.as_bytes())).map(|refusal| String::from_utf8_lossy(refusal.answer));
    assert!(answer.is_none_or(|answer| answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close")));
}

const HANDSHAKE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    HANDSHAKE.into_iter().chain([(name, value)]).collect()
}

#[test]
fn whoever_chooses_a_wrong_token_is_charged_for_it() {
    check("?token=x", &HANDSHAKE, 401, Some(true));
    check("?token=x", &with("origin", "http://fort"), 401, Some(true));
    check("", &HANDSHAKE, 401, Some(true));
    check("?token=good", &with("authorization", "Bearer x"), 401, Some(true));
    check("?token=good", &with("authorization", "Basic x"), 401, Some(true));
    check("?token=good", &HANDSHAKE, 400, None);
}

#[test]
fn visitors_of_other_pages_are_not_charged() {
    for origin in ["http://elsewhere", "http://fort.elsewhere", "null", "x"] {
        check("?token=x", &with("origin", origin), 401, Some(false));
        check("", &with("origin", origin), 401, Some(false));
    }
    // An image.
    check("?token=x", &[], 401, Some(false));
    check("?token=x", &HANDSHAKE[..3], 401, Some(false));
    check("?token=good", &[], 426, None);
}

#[test]
fn sessions_that_are_over_are_not_charged() {
    check("?token=old", &HANDSHAKE, 401, Some(false));
    check("", &with("authorization", "Bearer old"), 401, Some(false));
}

#[test]
fn the_porter_leaves_to_http_what_is_not_its_own() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (service, threads) = (Arc::new(Stand::default()), runtime.handle().clone());
    let door = SocketDoor::new(Config::default(), service, threads, RoomCipher::new([0; 4])).unwrap();
    let porter = door.porter();
    let many = format!("GET /ws?token=x HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(33));
    for head in [
        "",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /wsx?token=x HTTP/1.1\r\n\r\n",
        "GET /ws/?token=x HTTP/1.1\r\n\r\n",
        "GET /ws?token=x&format=xml HTTP/1.1\r\n\r\n",
        "GET /ws?token=good HTTP/1.1\r\n\r\n",
        "POST /ws?token=x HTTP/1.1\r\n\r\n",
        "GET http://fort/ws?token=x HTTP/1.1\r\n\r\n",
        "GET /ws?token=x HTTP/3\r\n\r\n",
        "GET /ws?token=x HTTP/1.1\r\norigin: \u{1}\r\n\r\n",
        "GET /ws?token=\u{0} HTTP/1.1\r\n\r\n",
        &many,
    ] {
        assert_eq!(porter.refuse(head.as_bytes()), None, "{head}");
    }
    let length = |answer: &[u8]| {
        let text = String::from_utf8(answer.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    };
    length(porter.refuse(b"GET /ws?token=x HTTP/1.1\r\n\r\n").unwrap().answer);
    assert!(porter.refuse(b"GET /ws HTTP/1.0\r\n\r\nand more").is_some());
}
