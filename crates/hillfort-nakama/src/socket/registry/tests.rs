//! The registry against a plain model: nothing is left of sessions that are gone.

use hillfort_api::match_id::MatchUuid;

use super::*;

fn user(n: u8) -> Arc<SessionUser> {
    Arc::new(SessionUser {
        user_id: UserId([n; 16]),
        username: format!("user{n}"),
        vars: Default::default(),
        expires_s: 0,
        issued_s: 0,
        token_id: String::new(),
        generation: 0,
    })
}

#[test]
fn nothing_is_left_of_sessions_that_are_gone() {
    let registry = Registry::new(&Config::default());
    let sessions: Vec<_> = (0..12).map(|n| SessionId([n; 16])).collect();
    for (n, session) in (0..).zip(&sessions) {
        let place = Place { at: ConnRef { key: u32::from(n), generation: 1 }, format: Format::Json };
        registry.open(*session, user(n % 4), place);
        let streams = [StreamKey::status(UserId([n % 4; 16])), StreamKey::relayed(MatchUuid([n % 3; 16]))];
        for stream in &streams {
            let joined = registry.join(StreamPlace { stream, session: *session }, Meta::default()).expect("there is room");
            assert!(joined.0);
        }
        registry.follow(*session, &[UserId([7; 16]), UserId([(n + 1) % 4; 16])]).expect("there is room");
    }
    assert_eq!(registry.relayed(10, |size| size == 4).len(), 3);
    assert_eq!(registry.of_user(UserId([1; 16])), [sessions[1], sessions[5], sessions[9]]);
    for (closed, session) in (1..).zip(&sessions) {
        let news = registry.close(*session);
        assert!(news.len() <= 2, "status and match");
        assert_eq!(registry.len(), sessions.len() - closed);
        assert!(registry.close(*session).is_empty(), "only once");
    }
    let here = registry.here();
    let left = (here.sessions.len(), here.users.len(), here.streams.len(), here.followers.len());
    assert_eq!(left, (0, 0, 0, 0));
}

#[test]
fn hidden_presences_are_seen_by_nobody() {
    let registry = Registry::new(&Config::default());
    let stream = StreamKey { mode: 20, label: "spectators".into(), ..StreamKey::default() };
    for n in 0..2 {
        let place = Place { at: ConnRef { key: u32::from(n), generation: 1 }, format: Format::Json };
        registry.open(SessionId([n; 16]), user(n), place);
    }
    let join = |n: u8, hidden| {
        let place = StreamPlace { stream: &stream, session: SessionId([n; 16]) };
        registry.join(place, Meta { hidden, ..Meta::default() }).expect("there is room").1.map(|news| news.to.len())
    };
    assert_eq!((join(0, true), join(1, false)), (None, Some(2)));
    assert_eq!(registry.count_on(&stream), 2);
    assert_eq!(join(0, false), Some(2), "comes into sight");
    assert_eq!(join(0, true), Some(2), "and leaves it");
}
