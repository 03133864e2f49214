//! gRPC and gRPC-Web: frames, statuses and bounds.

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hillfort_api::api::Rpc;
use hillfort_api::calls::{Auth, State};
use hillfort_api::{CALLS, Call, Via, Who};
use prost::Message;

use crate::rig::{Answered, BYTES_MAX, HTTP_KEY, Rig, SERVER_KEY, TOKEN};

fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn request(method: &str, content_type: &str, authorization: Option<&str>, body: Vec<u8>) -> Request<Body> {
    let mut request = Request::post(format!("/nakama.api.Nakama/{method}")).header("content-type", content_type);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(Body::from(body)).unwrap()
}

fn status(answer: &Answered) -> (u16, &str) {
    let from = if answer.trailers.is_empty() { &answer.headers } else { &answer.trailers };
    let text = |name| from.get(name).map_or("", |value| value.to_str().unwrap());
    (text("grpc-status").parse().unwrap(), text("grpc-message"))
}

fn rpc(id: &str, payload: &str) -> Vec<u8> {
    Rpc { id: id.into(), payload: payload.into(), ..Default::default() }.encode_to_vec()
}

/// A request for an RPC.
pub(crate) fn asking(id: &str, payload: &str) -> Request<Body> {
    request("RpcFunc", "application/grpc", Some(TOKEN), framed(&rpc(id, payload)))
}

/// Status of an RPC.
pub(crate) fn status_of(rig: &Rig, id: &str, payload: &str) -> u16 {
    status(&rig.grpc(asking(id, payload))).0
}

#[test]
fn a_call_has_an_answer_and_trailers() {
    let rig = Rig::new();
    let answer = rig.grpc(request("RpcFunc", "application/grpc", Some(TOKEN), framed(&rpc("Echo", "é"))));
    assert_eq!((answer.status, status(&answer)), (200, (0, "")));
    assert_eq!(answer.headers["content-type"], "application/grpc");
    assert_eq!(Rpc::decode(&answer.body[5..]).unwrap().payload, "é");
    let (caller, _) = rig.last();
    assert_eq!(caller.via, Via::Grpc);
    let answer = rig.grpc(request("Healthcheck", "application/grpc+proto", None, framed(b"")));
    assert_eq!((status(&answer).0, &answer.body[..]), (0, &[0; 5][..]));
}

#[test]
fn the_web_has_its_own_forms() {
    let rig = Rig::new();
    let answer = rig.grpc(request("RpcFunc", "application/grpc-web+proto", Some(TOKEN), framed(&rpc("echo", "x"))));
    let reply = Rpc { payload: "x".into(), ..Default::default() }.encode_to_vec();
    let trailers = b"grpc-status:0\r\n";
    let wanted = [framed(&reply), vec![0x80, 0, 0, 0, trailers.len() as u8], trailers.to_vec()].concat();
    assert_eq!((answer.status, &answer.body), (200, &wanted));
    let text = STANDARD.encode(framed(&rpc("echo", "x")));
    let answer = rig.grpc(request("RpcFunc", "application/grpc-web-text", Some(TOKEN), text.into_bytes()));
    assert_eq!(STANDARD.decode(&answer.body).unwrap(), wanted);
    let answer = rig.grpc(request("GetAccount", "application/grpc-web", None, framed(b"")));
    let trailers = "grpc-status:16\r\ngrpc-message:Auth token required\r\n";
    assert_eq!(answer.body[5..], *trailers.as_bytes());
}

#[test]
fn pages_may_ask() {
    let ask =
        Request::options("/nakama.api.Nakama/GetAccount").header("origin", "https://game.example").body(Body::empty()).unwrap();
    let answer = Rig::new().grpc(ask);
    assert_eq!((answer.status, answer.headers["access-control-allow-origin"].to_str().unwrap()), (200, "*"));
    assert!(answer.headers["access-control-allow-headers"].to_str().unwrap().contains("X-Grpc-Web"));
}

#[test]
fn the_http_key_is_in_the_message() {
    let rig = Rig::new();
    let with = |key: &str| framed(&Rpc { id: "echo".into(), http_key: key.into(), ..Default::default() }.encode_to_vec());
    assert_eq!(status(&rig.grpc(request("RpcFunc", "application/grpc", None, with(HTTP_KEY)))).0, 0);
    let (caller, call) = rig.last();
    assert_eq!(caller.who, Who::HttpKey);
    assert!(matches!(call, Call::RpcFunc(rpc) if rpc.http_key.is_empty()), "the key stays at the door");
    assert_eq!(status(&rig.grpc(request("RpcFunc", "application/grpc", None, with("bad")))), (16, "HTTP key invalid"));
    assert_eq!(
        status(&rig.grpc(request("RpcFunc", "application/grpc", None, with("")))),
        (16, "Auth token or HTTP key required")
    );
}

#[test]
fn what_cannot_be_a_call_is_refused() {
    let rig = Rig::new();
    let code = |method, body: Vec<u8>| status(&rig.grpc(request(method, "application/grpc", Some(TOKEN), body))).0;
    assert_eq!(code("Nothing", framed(b"")), 12);
    assert_eq!(code("Realtime", framed(b"")), 12);
    assert_eq!(code("GetAccount", Vec::new()), 3);
    assert_eq!(code("GetAccount", framed(b"\xff")), 3);
    assert_eq!(code("RpcFunc", framed(&rpc("", ""))), 3);
    assert_eq!(code("RpcFunc", framed(&rpc("nothing", ""))), 5);
    let most = BYTES_MAX - rpc("echo", "").len() - 3;
    assert_eq!(code("RpcFunc", framed(&rpc("echo", &"a".repeat(most)))), 0);
    assert_eq!(code("RpcFunc", framed(&rpc("echo", &"a".repeat(most + 1)))), 3);
    assert_eq!(rig.grpc(request("GetAccount", "application/json", Some(TOKEN), framed(b""))).status, 415);
    let mut packed = framed(b"x");
    packed[0] = 1;
    assert_eq!(code("GetAccount", packed), 12);
}

#[test]
fn every_call_is_there_and_asks_for_its_credentials() {
    let rig = Rig::new();
    for row in CALLS {
        let ask = |authorization| rig.grpc(request(row.name, "application/grpc", authorization, framed(b"")));
        let needs = match row.auth {
            Auth::None => None,
            Auth::ServerKey => Some(SERVER_KEY),
            Auth::User | Auth::HttpKeyOrUser => Some(TOKEN),
        };
        if needs.is_some() {
            assert_eq!(status(&ask(None)).0, 16, "{}", row.name);
            assert_eq!(status(&ask(Some("Bearer bad"))).0, 16, "{}", row.name);
        }
        let wanted = match (row.name, row.state) {
            ("RpcFunc", _) => 3,
            (_, State::Done) => 0,
            (_, State::NotYet) => 12,
        };
        assert_eq!(status(&ask(needs)).0, wanted, "{}", row.name);
    }
}
