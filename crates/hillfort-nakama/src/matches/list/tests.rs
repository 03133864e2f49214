//! Lists of matches as requests ask for them, over rooms that are made up.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use hillfort_api::Service;
use hillfort_api::service::Answer;
use hillfort_api::{Call, Caller, Credentials, SessionId, SessionUser, UserId, Who};

use super::*;
use crate::socket::conn::{ConnRef, Format};
use crate::socket::registry::{Meta, Place, StreamPlace};
use crate::socket::{Config, SocketDoor};

struct Nobody;

impl Service for Nobody {
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError> {
        Err(credentials.refused())
    }

    fn call(&self, _: Caller, _: Call) -> Answer {
        Box::pin(std::future::ready(Err(ApiError::not_yet("anything"))))
    }
}

struct Made(Vec<RoomLine>);

impl Rooms for Made {
    fn rooms(&self) -> Vec<RoomLine> {
        self.0.clone()
    }

    fn create(&self, game: &'static str, params: Vec<u8>) -> Later<Result<RoomId, Reject>> {
        let params = HandlerParams::decode(params.as_slice()).unwrap();
        let made = if params.handler == "arena" { Ok(RoomId(0x1_0000_0900)) } else { Err(Reject::RoomCrashed) };
        assert_eq!(game, HANDLER_GAME);
        Box::pin(std::future::ready(made))
    }

    fn look(&self, room: RoomId) -> Later<Option<RoomLine>> {
        Box::pin(std::future::ready(self.0.iter().find(|line| line.room == room).cloned()))
    }

    fn signal(&self, room: RoomId, data: Vec<u8>) -> Later<Result<Vec<u8>, Reject>> {
        let answer = if room == RoomId(0x1_0000_0100) { Ok(data) } else { Err(Reject::RoomUnknown) };
        Box::pin(std::future::ready(answer))
    }
}

fn now<T>(later: Later<T>) -> T {
    let mut later = later;
    match Future::poll(later.as_mut(), &mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("answers at once"),
    }
}

/// Three rooms, the third newest, and a relayed match of two sessions.
fn list() -> MatchList {
    let line = |n: u64, label: &str, size, handler: &str| RoomLine {
        room: RoomId(0x1_0000_0000 | n << 8),
        game: "hill".into(),
        handler: handler.into(),
        label: label.into(),
        size,
        tick_rate: 10,
        made_unix_ms: 1_000 * n as i64,
    };
    let rooms = vec![
        line(1, "{\"mode\":\"ffa\",\"rank\":3}", 2, "arena"),
        line(2, "{\"mode\":\"ffa\",\"rank\":9}", 0, "arena"),
        line(3, "hill", 7, ""),
    ];
    let cipher = RoomCipher::new([1, 2, 3, 4]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let door = SocketDoor::new(Config::default(), Arc::new(Nobody), runtime.handle().clone(), cipher.clone()).unwrap();
    let sockets = door.sockets();
    let stream = StreamKey::relayed(MatchUuid([5; 16]));
    for n in 0..2 {
        let session = SessionId([n; 16]);
        let user = SessionUser {
            user_id: UserId([n; 16]),
            username: "u".to_owned(),
            vars: Default::default(),
            expires_s: 0,
            issued_s: 0,
            token_id: String::new(),
        };
        let place = Place { at: ConnRef { key: u32::from(n), generation: 1 }, format: Format::Json };
        sockets.shared().registry.open(session, Arc::new(user), place);
        sockets.shared().registry.join(StreamPlace { stream: &stream, session }, Meta::default()).unwrap();
    }
    MatchList::new(sockets, Arc::new(Made(rooms)), cipher)
}

fn all() -> ListMatchesRequest {
    ListMatchesRequest { limit: Some(10), ..ListMatchesRequest::default() }
}

/// Found matches in words: handler, or `relayed`, and size.
#[track_caller]
fn check(request: ListMatchesRequest, expect: &[&str]) {
    let found = now(list().list(request)).unwrap();
    let words = found.iter().map(|found| match (found.authoritative, found.label.as_deref()) {
        (true, Some(label)) => format!("{} {} {label}", found.handler_name, found.size),
        (false, None) => format!("relayed {}", found.size),
        odd => panic!("{odd:?}"),
    });
    assert_eq!(words.collect::<Vec<_>>(), expect);
}

#[test]
fn lists_are_as_requests_ask() {
    let (old, new) = ("arena 2 {\"mode\":\"ffa\",\"rank\":3}", "arena 0 {\"mode\":\"ffa\",\"rank\":9}");
    let hill = "hill 7 hill";
    check(all(), &[hill, new, old, "relayed 2"]);
    check(ListMatchesRequest { limit: Some(2), ..all() }, &[hill, new]);
    check(ListMatchesRequest { limit: None, ..all() }, &[hill]);
    check(ListMatchesRequest { authoritative: Some(true), ..all() }, &[hill, new, old]);
    check(ListMatchesRequest { authoritative: Some(false), ..all() }, &["relayed 2"]);
    check(ListMatchesRequest { min_size: Some(1), max_size: Some(6), ..all() }, &[old, "relayed 2"]);
    check(ListMatchesRequest { min_size: Some(3), ..all() }, &[hill]);
    check(ListMatchesRequest { max_size: Some(0), ..all() }, &[new]);
    check(ListMatchesRequest { label: Some("hill".to_owned()), ..all() }, &[hill]);
    check(ListMatchesRequest { label: Some("hil".to_owned()), ..all() }, &[]);
    check(ListMatchesRequest { query: Some("+label.rank:>=5".to_owned()), ..all() }, &[new]);
    check(ListMatchesRequest { query: Some("+label.mode:ffa".to_owned()), limit: Some(1), ..all() }, &[new]);
    check(ListMatchesRequest { query: Some("*".to_owned()), label: Some("x".to_owned()), ..all() }, &[hill, new, old]);
    check(ListMatchesRequest { query: Some("handler_name:hill".to_owned()), ..all() }, &[hill]);
    let error = now(list().list(ListMatchesRequest { query: Some("+".to_owned()), ..all() })).unwrap_err();
    assert_eq!((error.code, error.field, &*error.message), (Code::InvalidArgument, Some("query"), "query: a value is missing"));
}

#[test]
fn matches_are_found_made_and_signalled_by_id() {
    let list = list();
    let id = |room| MatchId { uuid: list.cipher.uuid(room), node: "hillfort" }.to_string();
    let found = now(list.get(id(0x1_0000_0100))).unwrap().unwrap();
    assert_eq!((found.size, found.tick_rate, found.handler_name.as_str()), (2, 10, "arena"));
    assert_eq!(now(list.get(id(0x1_0000_0700))), Ok(None));
    let relayed = MatchId { uuid: MatchUuid([5; 16]), node: "" }.to_string();
    assert_eq!(now(list.get(relayed)).unwrap().map(|found| (found.size, found.authoritative)), Some((2, false)));
    let gone = MatchId { uuid: MatchUuid([6; 16]), node: "" }.to_string();
    assert_eq!(now(list.get(gone.clone())), Ok(None));
    assert_eq!(now(list.get("x".to_owned())).unwrap_err().code, Code::InvalidArgument);
    assert_eq!(now(list.create("arena".to_owned(), Some("{}".to_owned()))), Ok(id(0x1_0000_0900)));
    assert_eq!(now(list.create("none".to_owned(), None)).unwrap_err().code, Code::Internal);
    assert_eq!(now(list.create("arena".to_owned(), Some("x".repeat(65_537)))).unwrap_err().field, Some("params"));
    assert_eq!(now(list.signal(id(0x1_0000_0100), "hi".to_owned())).as_deref(), Ok("hi"));
    for nothing in [id(0x1_0000_0700), gone] {
        assert_eq!(now(list.signal(nothing, String::new())).unwrap_err().code, Code::NotFound);
    }
    assert_eq!(now(list.signal(id(0x1_0000_0100), "x".repeat(65_537))).unwrap_err().field, Some("data"));
}

#[test]
fn labels_are_taken_apart_once() {
    let list = list();
    let mut lines = list.rooms.rooms();
    let before = list.labels(&lines);
    lines[0].label = "{\"mode\":\"duel\"}".into();
    lines.pop();
    let after = list.labels(&lines);
    assert!(Arc::ptr_eq(&before[1], &after[1]) && !Arc::ptr_eq(&before[0], &after[0]));
    assert_eq!(list.labels.lock().unwrap().len(), 2, "those of rooms that are gone are forgotten");
}
