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

/// The newest first.
struct Made(Arc<[RoomLine]>);

impl Rooms for Made {
    fn rooms(&self) -> Arc<[RoomLine]> {
        Arc::clone(&self.0)
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

fn line(n: u64, label: &str, size: u32, handler: &str) -> RoomLine {
    RoomLine {
        room: RoomId(0x1_0000_0000 | n << 8),
        game: "hill".into(),
        handler: handler.into(),
        label: label.into(),
        size,
        tick_rate: 10,
        made_unix_ms: 1_000 * n as i64,
    }
}

/// Three rooms, the third newest, and a relayed match of two sessions.
fn list() -> MatchList {
    list_of(vec![
        line(3, "hill", 7, ""),
        line(2, "{\"mode\":\"ffa\",\"rank\":9}", 0, "arena"),
        line(1, "{\"mode\":\"ffa\",\"rank\":3}", 2, "arena"),
    ])
}

/// These rooms, and a relayed match of two sessions.
fn list_of(rooms: Vec<RoomLine>) -> MatchList {
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
            generation: 0,
        };
        let place = Place { at: ConnRef { key: u32::from(n), generation: 1 }, format: Format::Json };
        sockets.shared().registry.open(session, Arc::new(user), place);
        sockets.shared().registry.join(StreamPlace { stream: &stream, session }, Meta::default()).unwrap();
    }
    MatchList::new(sockets, Arc::new(Made(rooms.into())), cipher)
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

/// What comes of a query, however often the list has to be turned to.
fn ask(list: &MatchList, query: &str) -> Result<usize, ApiError> {
    let mut later = list.list(ListMatchesRequest { query: Some(query.to_owned()), limit: Some(100), ..all() });
    loop {
        if let Poll::Ready(found) = Future::poll(later.as_mut(), &mut Context::from_waker(Waker::noop())) {
            return found.map(|found| found.len());
        }
    }
}

/// Queries and labels that take much: each is answered, or refused with what to do, within the steps that a query has.
#[test]
fn hostile_queries_end_where_their_steps_do() {
    const ROOMS: u64 = 2_000;
    let text = "a".repeat(2_000);
    let members = format!("{{\"a\":[{}1]}}", "1,".repeat(900));
    let plain = list_of((0..ROOMS).rev().map(|n| line(n, &format!("{{\"mode\":\"ffa\",\"rank\":{n}}}"), 1, "arena")).collect());
    let texts = list_of((0..ROOMS).rev().map(|n| line(n, &text, 1, "arena")).collect());
    let arrays = list_of((0..ROOMS).rev().map(|n| line(n, &members, 1, "arena")).collect());
    let check = |list: &MatchList, query: &str, wanted: Option<usize>| {
        // The second finds labels that are taken apart.
        for _ in 0..2 {
            let found = ask(list, query);
            let shown = &query[..query.len().min(60)];
            match (wanted, found) {
                (Some(wanted), Ok(found)) => assert_eq!(found, wanted, "{shown}"),
                (None, Err(error)) => {
                    assert_eq!((error.code, error.field), (Code::ResourceExhausted, Some("query")), "{shown}");
                    assert!(error.message.contains("2000 matches: give it fewer clauses"), "{error}");
                }
                (wanted, found) => panic!("{shown}: {found:?} instead of {wanted:?}"),
            }
        }
    };
    check(&plain, "+label.mode:ffa +label.rank:>=1900", Some(100));
    check(&plain, "+label.mode:ffa +label.rank:<10", Some(10));
    check(&plain, "+label.mode:f*a -label.rank:>9", Some(10));
    check(&plain, &"-label.mode:duel ".repeat(64), Some(100));
    check(&plain, &"+label.none:x ".repeat(64), Some(0));
    check(&plain, &"label.none:x ".repeat(64), Some(0));
    check(&texts, &format!("+label_string:*{}b", "a".repeat(1_000)), None);
    check(&texts, &format!("+label_string:{}b", "a*".repeat(1_000)), None);
    check(&texts, &format!("{}x", "*a*b".repeat(500)), None);
    check(&texts, "+label_string:/(a?){99}b/", Some(0));
    check(&texts, "+label_string:/(a|b)*a(a|b){12}/", None);
    check(&texts, "/(a|b|ab)*c/ /(a*)*b/ /(a?){99}b/ /a{99}b/", None);
    check(&arrays, &"label.a:2 ".repeat(64), None);
    check(&arrays, &"2 ".repeat(64), None);
    check(&arrays, "+label.a:2", None);
    check(&arrays, "+label.a:1", Some(100));
}

/// Usual patterns take less than each match gives, so they are answered however many matches there are.
#[test]
fn patterns_over_many_labels_are_answered() {
    const ROOMS: u64 = 20_000;
    let label = |n: u64| {
        let note = "x".repeat(200);
        format!("{{\"mode\":\"ranked_{}\",\"map\":\"de_hill_{n}\",\"region\":\"eu-west-{}\",\"note\":\"{note}\"}}", n % 9, n % 5)
    };
    let list = list_of((0..ROOMS).rev().map(|n| line(n, &label(n), 1, "arena")).collect());
    for (query, found) in [
        ("+label.mode:/ranked_[78]/ +label.region:/eu-(west|east)-4/", 100),
        ("+label.map:/\\w+_19999/", 1),
        ("+label.map:/.*hill_1999[89]/ -label.mode:/x+/", 2),
        ("+label.note:/.*y.*/", 0),
        ("+label.mode:/none/", 0),
        ("+label_string:/.*de_hill_17777.*/", 1),
    ] {
        assert_eq!(ask(&list, query).unwrap_or_else(|why| panic!("{query}: {why}")), found, "{query}");
    }
}

/// A list that is asked for other sizes forgets nothing.
#[test]
fn labels_are_taken_apart_once() {
    let rooms: Vec<_> = (0..10).rev().map(|n| line(n, "{\"mode\":\"ffa\"}", n as u32, "arena")).collect();
    let mut list = list_of(rooms.clone());
    assert_eq!(ask(&list, "+label.mode:ffa").unwrap(), 10);
    let before = list.index();
    let only = ListMatchesRequest { query: Some("+label.mode:ffa".to_owned()), min_size: Some(9), ..all() };
    assert_eq!(now(list.list(only)).unwrap().len(), 1);
    assert!(Arc::ptr_eq(&before, &list.index()), "nothing has changed");
    // Another moment: one room has another label, one is new, the others stay.
    let mut rooms = rooms;
    rooms[3].label = "{\"mode\":\"duel\"}".into();
    rooms.insert(0, line(10, "{\"mode\":\"ffa\"}", 1, "arena"));
    list.rooms = Arc::new(Made(rooms.into()));
    assert_eq!(ask(&list, "+label.mode:ffa").unwrap(), 10);
    let after = list.index();
    for at in 1..11 {
        let same = std::ptr::eq(after.label(at).0, before.label(at - 1).0);
        assert_eq!(same, at != 4, "{at}");
    }
}
