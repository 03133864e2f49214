//! Calls that must be signed, over REST, gRPC and as functions; names of routes that go stale.

use axum::body::Body;
use axum::http::Request;
use hillfort_api::api::{Rpc, UpdateAccountRequest};
use hillfort_api::{Call, Caller, Code, Service, Via};
use hillfort_social::signed::sign;
use hillfort_social::{MustSign, RouteAliases};
use prost::Message;
use serde_json::{Value, json};

use crate::rig::{HTTP_KEY, Rig, SERVER_KEY, Signed, config, framed, request};

fn rig() -> Rig {
    let texts = ["write", "GetAccount", "UpdateAccount", "rpc:hillfort.routes"].map(str::to_owned);
    Rig::new(hillfort_social::Config { signed: MustSign::parse(&texts).unwrap(), route_aliases: RouteAliases::On, ..config() })
}

fn with(mut request: Request<Body>, signatures: &[&str]) -> Request<Body> {
    for signature in signatures {
        request.headers_mut().append("x-hillfort-signature", signature.parse().unwrap());
    }
    request
}

/// Status of a request that is signed with this counter.
fn send(rig: &Rig, session: &Signed, counter: u64, method: &str, path: &str, body: &str) -> u16 {
    let signature = sign(&session.key, method, path, rig.now_ms(), counter, body.as_bytes()).unwrap();
    rig.rest(with(request(method, path, &session.bearer, body.to_owned()), &[&signature])).status
}

const OBJECT: &str = r#"{"objects":[{"collection":"saves","key":"slot","value":"{}"}]}"#;

#[test]
fn what_must_be_signed_is_refused_without_and_done_once_with() {
    let rig = rig();
    let ada = rig.device("device-0001");
    let write = |session: &Signed, signatures: &[&str], body: &str| {
        rig.rest(with(request("PUT", "/v2/storage", &session.bearer, body.to_owned()), signatures))
    };
    let good = sign(&ada.key, "PUT", "/v2/storage", rig.now_ms(), 1, OBJECT.as_bytes()).unwrap();
    for (signatures, body) in [
        (&[][..], OBJECT),
        (&[""], OBJECT),
        (&["1.1.00"], OBJECT),
        (&[&good, &good], OBJECT),
        (&[&good], r#"{"objects":[{"collection":"saves","key":"slot","value":"{\"gold\":9}"}]}"#),
        (&[&good], ""),
    ] {
        let answer = write(&ada, signatures, body);
        assert_eq!((answer.status, answer.code()), (401, 16), "{signatures:?} {body}");
    }
    let eve = rig.device("device-0002");
    assert_eq!(write(&eve, &[&good], OBJECT).status, 401, "another session");
    assert_eq!(write(&ada, &[&good], OBJECT).status, 200, "what was refused has spent no counter");
    assert_eq!(write(&ada, &[&good], OBJECT).status, 401, "once");
    rig.pass(1);
    assert_eq!(send(&rig, &ada, 1, "PUT", "/v2/storage", OBJECT), 401, "a counter is good once, whatever the time");
    assert_eq!(send(&rig, &ada, 2, "GET", "/v2/account", ""), 200);
    assert_eq!(rig.call("GET", "/v2/account", &ada.bearer, &Value::Null).status, 401);
    // Method and path are signed, with the query.
    let other = sign(&ada.key, "GET", "/v2/account?x=1", rig.now_ms(), 3, b"").unwrap();
    assert_eq!(rig.rest(with(request("GET", "/v2/account", &ada.bearer, ""), &[&other])).status, 401);
    assert_eq!(rig.rest(with(request("GET", "/v2/account?x=1", &ada.bearer, ""), &[&other])).status, 200);
    let late = sign(&ada.key, "GET", "/v2/account", rig.now_ms() - 300_001, 4, b"").unwrap();
    assert_eq!(rig.rest(with(request("GET", "/v2/account", &ada.bearer, ""), &[&late])).status, 401);
    // What is not named needs no signature, and bears one.
    assert_eq!(rig.call("GET", "/v2/user", &ada.bearer, &Value::Null).status, 200);
    assert_eq!(rig.call("POST", "/v2/account/authenticate/device", SERVER_KEY, &json!({ "id": "device-0001" })).status, 200);
}

#[test]
fn a_packed_body_is_signed_as_it_was_before() {
    let rig = rig();
    let ada = rig.device("device-0001");
    let signature = sign(&ada.key, "PUT", "/v2/storage", rig.now_ms(), 1, OBJECT.as_bytes()).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, OBJECT.as_bytes()).unwrap();
    let mut ask = with(request("PUT", "/v2/storage", &ada.bearer, gzip.finish().unwrap()), &[&signature]);
    ask.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(rig.rest(ask).status, 200);
}

#[test]
fn functions_are_signed_where_their_id_is_named() {
    let rig = rig();
    let ada = rig.device("device-0001");
    let path = "/v2/rpc/hillfort.routes";
    assert_eq!(rig.call("POST", path, &ada.bearer, &Value::Null).status, 401);
    assert_eq!(rig.call("POST", "/v2/rpc/Hillfort.ROUTES", &ada.bearer, &Value::Null).status, 401, "however it is written");
    assert_eq!(send(&rig, &ada, 1, "POST", path, ""), 200);
    assert_eq!(send(&rig, &ada, 2, "GET", path, ""), 200);
    assert_eq!(rig.call("POST", "/v2/rpc/hillfort.export", &ada.bearer, &Value::Null).status, 200, "another function");
    // A server has a key of its own, and no session: it is refused for what the function is, not for want of a signature.
    let answer = rig.call("POST", &format!("{path}?http_key={HTTP_KEY}"), "", &Value::Null);
    assert_eq!(answer.code(), Code::PermissionDenied as u64);
}

#[test]
fn grpc_signs_the_message() {
    let rig = rig();
    let ada = rig.device("device-0001");
    let ask = |method: &str, message: &[u8], signature: Option<&str>| {
        let request = Request::post(format!("/nakama.api.Nakama/{method}")).header("content-type", "application/grpc");
        let request = request.header("authorization", &ada.bearer).body(Body::from(framed(message))).unwrap();
        rig.grpc(with(request, &signature.into_iter().collect::<Vec<_>>())).grpc_status
    };
    let signed = |method: &str, message: &[u8], counter| {
        sign(&ada.key, "POST", &format!("/nakama.api.Nakama/{method}"), rig.now_ms(), counter, message).unwrap()
    };
    let update = UpdateAccountRequest { display_name: Some("Ada".into()), ..Default::default() }.encode_to_vec();
    let rpc = Rpc { id: "Hillfort.Routes".into(), ..Default::default() }.encode_to_vec();
    for (number, (method, message)) in
        [("UpdateAccount", &update), ("GetAccount", &vec![]), ("RpcFunc", &rpc)].into_iter().enumerate()
    {
        let signature = signed(method, message, number as u64 + 1);
        assert_eq!(ask(method, message, None), Some(16), "{method}");
        let other = UpdateAccountRequest { display_name: Some("Eve".into()), ..Default::default() }.encode_to_vec();
        assert_eq!(ask("UpdateAccount", &other, Some(&signature)), Some(16), "{method}");
        assert_eq!(ask(method, message, Some(&signature)), Some(0), "{method}");
        assert_eq!(ask(method, message, Some(&signature)), Some(16), "{method}: once");
    }
    // A call of REST is no call of gRPC.
    let rest = sign(&ada.key, "GET", "/v2/account", rig.now_ms(), 9, b"").unwrap();
    assert_eq!(ask("GetAccount", b"", Some(&rest)), Some(16));
}

#[test]
fn a_socket_is_no_way_around() {
    let rig = rig();
    let ada = rig.device("device-0001");
    let who = rig.social.caller(hillfort_api::Credentials::Token(ada.bearer.trim_start_matches("Bearer "))).unwrap();
    let via = Via::Socket(hillfort_api::SessionId([1; 16]));
    let caller = Caller { who, address: ([192, 0, 2, 1], 1).into(), via, headers: Vec::new(), query: Vec::new() };
    let ask = |id: &str| {
        let call = Call::RpcFunc(Rpc { id: id.into(), ..Default::default() });
        rig.runtime.block_on(rig.social.call(caller.clone(), call)).map_err(|error| error.code)
    };
    assert_eq!(ask("hillfort.routes"), Err(Code::PermissionDenied));
    assert!(ask("hillfort.export").is_ok());
}

fn names(rig: &Rig, session: &Signed) -> Value {
    let answer = rig.call("POST", "/v2/rpc/hillfort.routes?unwrap", &session.bearer, &Value::Null);
    assert_eq!(answer.status, 200);
    answer.json()
}

fn aliased(aliases: RouteAliases) -> Rig {
    let mut config = config();
    config.route_aliases = aliases;
    config.sessions.token_s = 7200;
    Rig::new(config)
}

#[test]
fn a_session_calls_routes_by_names_of_its_own_for_some_minutes() {
    let rig = aliased(RouteAliases::On);
    let (ada, eve) = (rig.device("device-0001"), rig.device("device-0002"));
    let names = names(&rig, &ada);
    let path = |call: &str| format!("/v2/alias/{}", names[call].as_str().unwrap());
    let ask = |method: &str, path: &str, session: &Signed| rig.call(method, path, &session.bearer, &Value::Null).status;
    assert_eq!(ask("GET", &path("GetAccount"), &ada), 200);
    assert_eq!(ask("GET", &path("GetAccount"), &eve), 404, "another session's");
    assert_eq!(ask("POST", &path("GetAccount"), &ada), 501, "another method");
    assert_eq!(rig.call("GET", &path("GetAccount"), "", &Value::Null).status, 401);
    assert_eq!(ask("GET", "/v2/alias/00112233445566778899aabbccddeeff", &ada), 404, "made up");
    // What the path would give is in the query, and the body is what it always is.
    assert_eq!(rig.rest(request("PUT", &path("WriteStorageObjects"), &ada.bearer, OBJECT)).status, 200);
    let list = rig.call(
        "GET",
        &format!("{}?collection=saves&user_id={}", path("ListStorageObjects"), ada.user),
        &ada.bearer,
        &Value::Null,
    );
    assert_eq!(list.json()["objects"][0]["key"], "slot");
    let missing = rig.call("GET", &path("ListStorageObjects"), &ada.bearer, &Value::Null);
    assert_eq!((missing.status, missing.field().as_str()), (400, "collection"));
    let rpc = rig.call("POST", &format!("{}?id=hillfort.export", path("RpcFunc")), &ada.bearer, &Value::Null);
    assert_eq!(rpc.status, 200);
    assert_eq!(ask("GET", "/v2/account", &ada), 200, "the usual names are good, too");
    rig.pass(1200);
    assert_eq!(ask("GET", &path("GetAccount"), &ada), 404, "stale");
}

#[test]
fn where_only_names_are_taken_the_usual_routes_are_closed_to_sessions() {
    let rig = aliased(RouteAliases::Only);
    let ada = rig.device("device-0001");
    assert_eq!(rig.call("GET", "/v2/account", &ada.bearer, &Value::Null).status, 404);
    assert_eq!(rig.call("POST", "/v2/rpc/hillfort.export", &ada.bearer, &Value::Null).status, 404);
    let name = names(&rig, &ada)["GetAccount"].as_str().unwrap().to_owned();
    assert_eq!(rig.call("GET", &format!("/v2/alias/{name}"), &ada.bearer, &Value::Null).status, 200);
    let ask = |method: &str| {
        let request = Request::post(format!("/nakama.api.Nakama/{method}")).header("content-type", "application/grpc");
        let request = request.header("authorization", &ada.bearer).body(Body::from(framed(b""))).unwrap();
        rig.grpc(request).grpc_status
    };
    assert_eq!((ask("GetAccount"), ask(&name), ask("Nothing")), (Some(5), Some(0), Some(12)));
    assert_eq!(rig.call("POST", "/v2/rpc/nothing?http_key=an-http-key", "", &Value::Null).code(), 5, "servers have no names");
    let off = aliased(RouteAliases::Off);
    let ada = off.device("device-0001");
    assert_eq!(off.call("GET", &format!("/v2/alias/{name}"), &ada.bearer, &Value::Null).status, 404);
    assert_eq!(off.call("POST", "/v2/rpc/hillfort.routes", &ada.bearer, &Value::Null).code(), 9);
}
