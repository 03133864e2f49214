//! RPCs over HTTP, which have ways of their own.

use serde_json::json;

use crate::rig::{HTTP_KEY, Rig, SERVER_KEY, TOKEN, request};
use hillfort_api::Who;

#[test]
fn payloads_are_wrapped_unless_the_query_says_otherwise() {
    let rig = Rig::new();
    let answer = rig.rest(request("POST", "/v2/rpc/Echo", Some(TOKEN), r#""{\"a\":1}""#));
    assert_eq!((answer.status, answer.json()), (200, json!({ "payload": "{\"a\":1}" })));
    let answer = rig.rest(request("POST", "/v2/rpc/echo", Some(TOKEN), ""));
    assert_eq!(answer.json(), json!({ "payload": "" }));
    for query in ["?unwrap", "?unwrap=", "?unwrap=false"] {
        let mut ask = request("POST", &format!("/v2/rpc/echo{query}"), Some(TOKEN), r#"{"a":1}"#);
        ask.headers_mut().insert("content-type", "application/json".parse().unwrap());
        let answer = rig.rest(ask);
        assert_eq!(
            (answer.status, answer.headers["content-type"].to_str().unwrap(), &answer.body[..]),
            (200, "application/json", &br#"{"a":1}"#[..])
        );
    }
    let answer = rig.rest(request("POST", "/v2/rpc/echo?unwrap", Some(TOKEN), "text"));
    assert_eq!((answer.headers["content-type"].to_str().unwrap(), &answer.body[..]), ("text/plain", &b"text"[..]));
    let answer = rig.rest(request("GET", "/v2/rpc/echo?payload=x", Some(TOKEN), "ignored"));
    assert_eq!(answer.json(), json!({ "payload": "x" }), "what a GET has to say is in its query");
    assert_eq!(rig.last().0.query, [("payload".to_owned(), "x".to_owned())]);
}

#[test]
fn servers_call_with_the_http_key() {
    let rig = Rig::new();
    let answer = rig.rest(request("POST", &format!("/v2/rpc/echo?http_key={HTTP_KEY}&a=b&a=c"), None, ""));
    assert_eq!(answer.status, 200);
    let (caller, _) = rig.last();
    assert_eq!(caller.who, Who::HttpKey);
    assert_eq!(caller.query, [("a".to_owned(), "b".to_owned()), ("a".to_owned(), "c".to_owned())], "the key stays here");
    let answer = rig.rest(request("POST", "/v2/rpc/echo", Some("Basic ZGVmYXVsdGh0dHBrZXk6"), ""));
    assert_eq!(answer.status, 200);
}

#[test]
fn errors_are_written_as_nakama_writes_those_of_rpcs() {
    let rig = Rig::new();
    let check = |path: &str, authorization, status: u16, code: u8, message: &str| {
        let answer = rig.rest(request("POST", path, authorization, ""));
        assert_eq!(
            (answer.status, answer.json()),
            (status, json!({ "error": message, "message": message, "code": code })),
            "{path}"
        );
    };
    check("/v2/rpc/echo", None, 401, 16, "Auth token or HTTP key required");
    check("/v2/rpc/echo", Some("Bearer bad"), 401, 16, "Auth token invalid");
    check("/v2/rpc/echo", Some(SERVER_KEY), 401, 16, "HTTP key invalid");
    check("/v2/rpc/echo?http_key=bad", Some(TOKEN), 401, 16, "HTTP key invalid");
    check("/v2/rpc/", Some(TOKEN), 400, 3, "RPC ID must be set");
    check("/v2/rpc/nothing", Some(TOKEN), 404, 5, "RPC function not found");
}
