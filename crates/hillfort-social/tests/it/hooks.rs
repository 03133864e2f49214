//! Hooks around calls, functions of modules, and lists of matches, through their ports.

use std::sync::{Arc, Mutex};

use hillfort_api::api::*;
use hillfort_api::realtime::Envelope;
use hillfort_api::{ApiError, Call, CallName, Caller, Code, Reply, Who};
use hillfort_social::{Hooks, Later, Matches, Runtime};

use crate::rig::{Rig, device, refused};

/// Modules that change, refuse and note.
#[derive(Default)]
struct Modules {
    seen: Mutex<Vec<String>>,
}

impl Runtime for Modules {
    fn hooks(&self, call: CallName) -> Hooks {
        let hooked = matches!(call.row().name, "AuthenticateDevice" | "UpdateAccount" | "GetAccount" | "DeleteAccount");
        Hooks { before: hooked, after: hooked }
    }

    fn before(&self, caller: Caller, call: Call) -> Later<Result<Option<Call>, ApiError>> {
        self.seen.lock().unwrap().push(format!("before {:?} {}", call.name(), caller.who.user().is_some()));
        let answer = match call {
            Call::AuthenticateDevice(mut request) => {
                request.username = format!("{}-changed", request.username);
                Ok(Some(Call::AuthenticateDevice(request)))
            }
            Call::UpdateAccount(_) => Err(ApiError::new(Code::Aborted, "not today")),
            Call::DeleteAccount(()) => Ok(None),
            call => Ok(Some(call)),
        };
        Box::pin(async move { answer })
    }

    fn after(&self, caller: Caller, call: Call, reply: Reply) -> Later<()> {
        let name = caller.who.user().map(|user| user.username.clone()).unwrap_or_default();
        let is_session = matches!(reply, Reply::Session(_));
        self.seen.lock().unwrap().push(format!("after {:?} {name} {is_session}", call.name()));
        Box::pin(async {})
    }

    fn message_hooks(&self, _: &'static str) -> Hooks {
        Hooks::default()
    }

    fn before_message(&self, _: Caller, envelope: Envelope) -> Later<Result<Option<Envelope>, ApiError>> {
        Box::pin(std::future::ready(Ok(Some(envelope))))
    }

    fn after_message(&self, _: Caller, _: Option<Envelope>, _: Envelope) -> Later<()> {
        Box::pin(std::future::ready(()))
    }

    fn rpc(&self, caller: Caller, id: String, payload: String) -> Later<Option<Result<String, ApiError>>> {
        Box::pin(async move {
            match id.as_str() {
                "echo" => Some(Ok(format!("{payload} from {:?}", caller.who.user().map(|user| &user.username)))),
                "fail" => Some(Err(ApiError::new(Code::OutOfRange, "no"))),
                _ => None,
            }
        })
    }
}

impl Matches for Modules {
    fn list(&self, request: ListMatchesRequest) -> Later<Result<Vec<Match>, ApiError>> {
        let found = Match { match_id: format!("limit {:?}", request.limit), ..Default::default() };
        Box::pin(async move { Ok(vec![found]) })
    }

    fn create(&self, _: String, _: Option<String>) -> Later<Result<String, ApiError>> {
        panic!("no call creates matches")
    }

    fn get(&self, _: String) -> Later<Result<Option<Match>, ApiError>> {
        panic!("no call looks at one")
    }

    fn signal(&self, _: String, _: String) -> Later<Result<String, ApiError>> {
        panic!("no call signals one")
    }
}

fn rpc(id: &str, payload: &str) -> Call {
    Call::RpcFunc(Rpc { id: id.into(), payload: payload.into(), ..Default::default() })
}

#[test]
fn hooks_go_around_calls() {
    let rig = Rig::new();
    let modules = Arc::new(Modules::default());
    rig.social.set_runtime(modules.clone());
    let session = rig.sign_in(device("device-0001", None, "ada")).unwrap();
    assert_eq!(rig.account(&session).user.unwrap().username, "ada-changed");
    refused(
        rig.as_user(&session, Call::UpdateAccount(UpdateAccountRequest { location: Some("here".into()), ..Default::default() })),
        Code::Aborted,
        "",
    );
    refused(rig.as_user(&session, Call::DeleteAccount(())), Code::NotFound, "");
    assert!(rig.as_user(&session, Call::GetUsers(GetUsersRequest::default())).is_ok());
    assert_eq!(
        *modules.seen.lock().unwrap(),
        [
            "before AuthenticateDevice false",
            "after AuthenticateDevice ada-changed true",
            "before GetAccount true",
            "after GetAccount ada-changed false",
            "before UpdateAccount true",
            "before DeleteAccount true",
        ]
    );
}

#[test]
fn functions_are_called_by_users_and_servers() {
    let rig = Rig::new();
    let session = rig.sign_in(device("device-0001", None, "ada")).unwrap();
    refused(rig.as_user(&session, rpc("echo", "")), Code::NotFound, "");
    rig.social.set_runtime(Arc::new(Modules::default()));
    let session = rig.sign_in(device("device-0002", None, "bob")).unwrap();
    let payload = |reply: Result<Reply, ApiError>| match reply.unwrap() {
        Reply::Rpc(rpc) => rpc.payload,
        other => panic!("{other:?}"),
    };
    assert_eq!(payload(rig.as_user(&session, rpc("ECHO", "hi"))), r#"hi from Some("bob-changed")"#);
    assert_eq!(payload(rig.call(Who::HttpKey, rpc("echo", "hi"))), "hi from None");
    refused(rig.as_user(&session, rpc("fail", "")), Code::OutOfRange, "");
    refused(rig.as_user(&session, rpc("none", "")), Code::NotFound, "");
    refused(rig.as_user(&session, rpc("", "")), Code::InvalidArgument, "id");
    refused(rig.as_user(&session, rpc(&"x".repeat(129), "")), Code::InvalidArgument, "id");
    refused(rig.call(Who::ServerKey, rpc("echo", "")), Code::Unauthenticated, "");
    refused(rig.call(Who::Nobody, rpc("echo", "")), Code::Unauthenticated, "");
}

#[test]
fn matches_are_listed_within_bounds() {
    let rig = Rig::new();
    let session = rig.device("device-0001");
    let list = |request: ListMatchesRequest| rig.as_user(&session, Call::ListMatches(request));
    assert_eq!(list(ListMatchesRequest::default()), Ok(MatchList::default().into()));
    rig.social.set_matches(Arc::new(Modules::default()));
    let Ok(Reply::MatchList(found)) = list(ListMatchesRequest::default()) else { panic!() };
    assert_eq!(found.matches[0].match_id, "limit Some(10)");
    let text = |text: &str| Some(text.to_owned());
    for (request, field) in [
        (ListMatchesRequest { limit: Some(0), ..Default::default() }, "limit"),
        (ListMatchesRequest { limit: Some(101), ..Default::default() }, "limit"),
        (ListMatchesRequest { min_size: Some(-1), ..Default::default() }, "min_size"),
        (ListMatchesRequest { max_size: Some(-1), ..Default::default() }, "max_size"),
        (ListMatchesRequest { min_size: Some(3), max_size: Some(2), ..Default::default() }, "max_size"),
        (ListMatchesRequest { authoritative: Some(false), label: text("a"), ..Default::default() }, "label"),
        (ListMatchesRequest { authoritative: Some(false), query: text("a"), ..Default::default() }, "query"),
        (ListMatchesRequest { label: text(&"x".repeat(2049)), ..Default::default() }, "label"),
        (ListMatchesRequest { query: text(&"x".repeat(2049)), ..Default::default() }, "query"),
    ] {
        refused(list(request), Code::InvalidArgument, field);
    }
}
