//! REST: statuses, headers, errors and bounds.

use std::io::Write;
use std::time::Duration;

use axum::http::Request;
use flate2::Compression;
use flate2::write::GzEncoder;
use hillfort_api::{Call, Code, Via, Who};
use hillfort_nakama::Settings;
use hillfort_stream::Lag;
use serde_json::json;

use crate::rig::{BYTES_MAX, PATIENT, Rig, SPENT, TOKEN, no_body, request, settings};

#[test]
fn health_needs_nothing() {
    let rig = Rig::new();
    let answer = rig.rest(request("GET", "/healthcheck", None, ""));
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(answer.headers["cache-control"], "no-store, no-cache, must-revalidate");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers.get("access-control-allow-origin"), None);
    assert_eq!(rig.asked(), 0, "the door knows that it is there");
}

#[test]
fn what_is_nowhere_is_answered_as_nakama_answers_it() {
    let rig = Rig::new();
    let check = |method, path, status, code, message| {
        let answer = rig.rest(request(method, path, Some(TOKEN), ""));
        assert_eq!((answer.status, answer.json()), (status, json!({ "code": code, "message": message })), "{path}");
    };
    check("GET", "/v2/nothing", 404, 5, "Not Found");
    check("POST", "/healthcheck", 501, 12, "Method Not Allowed");
    check("PATCH", "/v2/account", 501, 12, "Method Not Allowed");
    check("GET", "/v2/storage/%ff", 400, 3, "Bad Request");
}

#[test]
fn pages_of_other_origins_may_ask() {
    let rig = Rig::new();
    let mut ask = request("OPTIONS", "/v2/account", None, "");
    ask.headers_mut().insert("origin", "https://game.example".parse().unwrap());
    ask.headers_mut().insert("access-control-request-method", "PUT".parse().unwrap());
    let answer = rig.rest(ask);
    assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (200, &"*".parse().unwrap()));
    for name in ["authorization", "content-type"] {
        let allowed = answer.headers["access-control-allow-headers"].to_str().unwrap().to_lowercase();
        assert!(allowed.contains(name), "{allowed}");
    }
    let mut ask = request("GET", "/v2/account", None, "");
    ask.headers_mut().insert("origin", "null".parse().unwrap());
    let answer = rig.rest(ask);
    assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (401, &"*".parse().unwrap()));
}

#[test]
fn a_field_at_fault_is_named() {
    let answer = Rig::new().rest(request("POST", "/v2/rpc/echo", Some(TOKEN), "{}"));
    assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(3)));
    let answer = Rig::new().rest(request("GET", "/v2/match?limit=many", Some(TOKEN), ""));
    let message = "limit must be a whole number from -2147483648 to 2147483647";
    let wanted = json!({
        "code": 3,
        "message": message,
        "details": [{
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "field_violations": [{ "field": "limit", "description": message }],
        }],
    });
    assert_eq!((answer.status, answer.json()), (400, wanted));
}

#[test]
fn bodies_are_bounded_and_may_be_packed() {
    let rig = Rig::new();
    let body = |length: usize| format!("\"{}\"", "a".repeat(length - 2));
    assert_eq!(rig.rest(request("POST", "/v2/rpc/echo", Some(TOKEN), body(BYTES_MAX))).status, 200);
    let answer = rig.rest(request("POST", "/v2/rpc/echo", Some(TOKEN), body(BYTES_MAX + 1)));
    assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(3)));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(body(BYTES_MAX).as_bytes()).unwrap();
    let mut ask = request("POST", "/v2/rpc/echo", Some(TOKEN), gzip.finish().unwrap());
    ask.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(rig.rest(ask).json()["payload"].as_str().unwrap().len(), BYTES_MAX - 2);
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < BYTES_MAX);
    let mut ask = request("POST", "/v2/rpc/echo", Some(TOKEN), bomb);
    ask.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(rig.rest(ask).status, 400);
}

#[test]
fn the_service_learns_who_calls_and_from_where() {
    let rig = Rig::new();
    rig.rest(request("POST", "/v2/rpc/echo?a=1", Some(TOKEN), ""));
    let (caller, call) = rig.last();
    assert!(matches!(&caller.who, Who::User(user) if user.username == "ann"));
    assert_eq!((caller.via, caller.address.to_string().as_str()), (Via::Rest, "192.0.2.1:4711"));
    assert!(matches!(call, Call::RpcFunc(rpc) if rpc.id == "echo"));
}

#[test]
fn calls_are_bounded_in_number_and_time() {
    let rig = Rig::with(Settings { patience: Duration::from_millis(20), calls_max: 1, ..settings() });
    let answer = rig.rest(request("POST", "/v2/rpc/never", Some(TOKEN), ""));
    assert_eq!((answer.status, answer.json()["code"].as_u64()), (504, Some(4)));
    // It still runs, and so has the only place.
    let answer = rig.rest(request("POST", "/v2/rpc/echo", Some(TOKEN), ""));
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (503, "1"));
    assert_eq!((rig.asked(), rig.charged()), (1, 1), "what was not begun is not charged");
}

#[test]
fn a_door_that_is_behind_refuses_before_it_reads() {
    let rig = Rig::with(Settings { request_bytes_max: 100, ..settings() });
    let asks = |lag: Duration, method: &str, path: &str, body: &'static str| {
        let mut request = request(method, path, Some(TOKEN), body);
        let behind = Lag::default();
        behind.set(lag);
        request.extensions_mut().insert(behind);
        rig.rest(request)
    };
    let too_long = "x".repeat(200).leak();
    for (method, path) in [("POST", "/v2/rpc/echo"), ("PUT", "/v2/storage")] {
        let refused = asks(PATIENT + Duration::from_millis(1), method, path, too_long);
        assert_eq!((refused.status, refused.json()["code"].as_u64()), (503, Some(14)), "{path}");
        assert!(refused.json()["message"].as_str().unwrap().contains("try again"));
        assert_eq!(refused.headers["retry-after"], "1");
    }
    assert_eq!((rig.asked(), rig.charged()), (0, 0), "nor charged");
    assert_eq!(asks(PATIENT * 2, "GET", "/healthcheck", "").status, 200, "it lives");
    assert_eq!(asks(PATIENT, "POST", "/v2/rpc/echo", "").status, 200);
}

#[test]
fn whoever_has_no_budget_left_is_told_before_its_body_and_before_others_are_refused() {
    let rig = Rig::new();
    for lag in [Duration::ZERO, PATIENT * 2] {
        let behind = Lag::default();
        behind.set(lag);
        for (method, path) in [("POST", "/v2/rpc/echo"), ("PUT", "/v2/storage")] {
            let mut request = request(method, path, Some(TOKEN), no_body());
            request.extensions_mut().insert(behind.clone());
            assert_eq!(rig.unread(SPENT, request).status(), 429, "{method} {path}, {lag:?} behind");
        }
        let mut grpc =
            Request::post("/nakama.api.Nakama/RpcFunc").header("content-type", "application/grpc").body(no_body()).unwrap();
        grpc.extensions_mut().insert(behind);
        assert_eq!(rig.unread_grpc(SPENT, grpc).headers()["grpc-status"], "8", "{lag:?} behind");
    }
    assert_eq!(rig.asked(), 0);
    assert_eq!(rig.unread(SPENT, request("GET", "/healthcheck", None, "")).status(), 200, "it lives");
}

#[test]
fn a_call_that_waited_too_long_for_its_turn_is_not_begun() {
    let rig = Rig::with(Settings { wait_max: Duration::ZERO, ..settings() });
    // It would panic.
    let answer = rig.rest(request("POST", "/v2/rpc/panic", Some(TOKEN), ""));
    assert_eq!((answer.status, answer.json()["code"].as_u64(), rig.charged()), (503, Some(14), 0));
}

#[test]
fn a_panic_is_an_answer_and_the_next_call_is_served() {
    let rig = Rig::new();
    let answer = rig.rest(request("POST", "/v2/rpc/panic", Some(TOKEN), ""));
    assert_eq!((answer.status, answer.json()["code"].as_u64()), (500, Some(13)));
    assert_eq!(rig.rest(request("POST", "/v2/rpc/echo", Some(TOKEN), "")).status, 200);
    let counts: Vec<_> = rig.gate.counts().iter().map(|count| (count.code, count.times)).collect();
    assert_eq!(counts, [(Code::Ok, 1), (Code::Internal, 1)]);
}

#[test]
fn the_document_is_served() {
    let answer = Rig::new().rest(request("GET", "/v2/openapi.json", None, ""));
    assert_eq!((answer.status, answer.json()["openapi"].as_str()), (200, Some("3.0.3")));
}
