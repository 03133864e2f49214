//! Sessions: rotation, theft, logout everywhere, new passwords.

use hillfort_store::{
    Ban, Conflict, Identity, IdentityKind, Missing, NewAccount, NewSession, OtherWays, Rotate, Rotation, SESSIONS_MAX, Session,
    SessionId, SignedIn, Store, StoreError, UserId,
};

use crate::stores::{cases, device, nobody, person};

cases![
    begins_and_ends,
    signs_in,
    signs_in_at_once,
    banned_people_stay_out,
    signed_out_while_signing_in,
    rotates,
    reuse_ends_the_family,
    grace,
    grace_elsewhere,
    rotated_at_once,
    everywhere,
    bounded,
    purges,
    resets,
    reset_once
];

fn new(token: u8) -> NewSession {
    NewSession {
        id: SessionId::random(),
        token: [token; 32],
        expires: 1000,
        vars: "{\"v\":\"1\"}".into(),
        origin: "192.0.2.7".into(),
    }
}

fn turn(id: SessionId, presented: u8, next: u8) -> Rotate {
    Rotate { id, presented: [presented; 32], next: [next; 32], expires: 2000, vars: None, origin: "192.0.2.7".into(), grace: 0 }
}

fn rotated(rotation: Rotation) -> Session {
    if let Rotation::Rotated(session) = rotation { session } else { panic!("{rotation:?}") }
}

async fn begins_and_ends(store: Store) {
    let a = person(&store, "a").await.id;
    let one = new(1);
    let session = store.sessions.create(a, one.clone(), 10).await.unwrap();
    assert_eq!((session.id, session.user, session.generation, session.vars.as_str()), (one.id, a, 0, "{\"v\":\"1\"}"));
    assert_eq!((session.origin.as_str(), session.create_time, session.update_time, session.expires), ("192.0.2.7", 10, 10, 1000));
    assert_eq!(store.sessions.get(one.id, 999).await, Ok(Some(session.clone())));
    assert_eq!(store.sessions.get(one.id, 1000).await, Ok(None));
    assert_eq!(store.sessions.of_user(a, 11).await, Ok(vec![session]));
    assert_eq!(store.sessions.create(a, one.clone(), 10).await, Err(Conflict::Id.into()));
    assert_eq!(store.sessions.create(nobody(), new(1), 10).await, Err(Missing::Account.into()));
    assert_eq!(store.sessions.revoke(one.id).await, Ok(true));
    assert_eq!(store.sessions.revoke(one.id).await, Ok(false));
    assert_eq!(store.sessions.get(one.id, 11).await, Ok(None));
    assert_eq!(store.sessions.rotate(turn(one.id, 1, 2), 12).await, Ok(Rotation::Ended));
    assert_eq!(store.sessions.of_user(nobody(), 1).await, Err(Missing::Account.into()));
    let bad = NewSession { vars: "x".into(), ..new(1) };
    assert!(matches!(store.sessions.create(a, bad, 1).await, Err(StoreError::Invalid(_))));
}

async fn signs_in(store: Store) {
    let account = |name: &str| Some(NewAccount::named(UserId::random(), name));
    let sign_in = async |name: &str, account, session: &NewSession| {
        store.sessions.sign_in(device(name), account, session.clone(), 10).await
    };
    let sessions =
        async |user| store.sessions.of_user(user, 11).await.unwrap().into_iter().map(|open| open.id).collect::<Vec<_>>();
    let (first, second, third) = (new(1), new(2), new(3));
    assert_eq!(sign_in("a", None, &first).await, Err(Missing::Account.into()));
    assert_eq!(store.sessions.get(first.id, 11).await, Ok(None));

    let made = sign_in("a", account("ada"), &first).await.unwrap();
    assert_eq!((made.username.as_str(), made.generation, &made.ban, made.created), ("ada", 0, &None, true));
    assert_eq!(store.accounts.get(made.user).await.unwrap().identities, [device("a")]);
    let found = sign_in("a", account("eve"), &second).await.unwrap();
    assert_eq!(found, SignedIn { created: false, ..made.clone() });
    assert_eq!(sign_in("a", None, &third).await, Ok(found));
    assert_eq!(sessions(made.user).await.len(), 3);
    let open = store.sessions.get(second.id, 11).await.unwrap().unwrap();
    let expected = Session {
        id: second.id,
        user: made.user,
        generation: 0,
        vars: second.vars.clone(),
        origin: second.origin.clone(),
        create_time: 10,
        update_time: 10,
        expires: second.expires,
    };
    assert_eq!(open, expected);

    // What cannot be whole leaves nothing behind.
    assert_eq!(sign_in("b", account("bob"), &second).await, Err(Conflict::Id.into()), "the session's id");
    assert_eq!(sign_in("a", None, &second).await, Err(Conflict::Id.into()));
    assert_eq!(sign_in("b", account("ada"), &new(4)).await, Err(Conflict::Username.into()));
    assert!(matches!(
        sign_in("b", account("bob"), &NewSession { vars: "x".into(), ..new(4) }).await,
        Err(StoreError::Invalid(_))
    ));
    assert_eq!(store.accounts.by_identities(vec![device("b")]).await, Ok(vec![]));
    assert_eq!(sessions(made.user).await.len(), 3);

    let other = person(&store, "other").await.id;
    let kept = store.sessions.create(other, new(5), 10).await.unwrap().id;
    let mut latest = Vec::new();
    for at in 0..SESSIONS_MAX as i64 {
        let new = new(6);
        latest.push(new.id);
        store.sessions.sign_in(device("a"), None, new, 100 + at).await.unwrap();
    }
    let mut left = sessions(made.user).await;
    left.sort_unstable();
    latest.sort_unstable();
    assert_eq!(left, latest, "the latest");
    assert_eq!(sessions(other).await, [kept]);
    // By a clock that was set back, it is the new one all the same that stays.
    let back = new(7);
    store.sessions.sign_in(device("a"), None, back.clone(), 1).await.unwrap();
    assert_eq!(sessions(made.user).await.len(), SESSIONS_MAX);
    assert!(sessions(made.user).await.contains(&back.id));
}

async fn signs_in_at_once(store: Store) {
    for round in 0..8 {
        let name = format!("one{round}");
        let tasks: Vec<_> = (0..12)
            .map(|at| {
                let (sessions, identity) = (store.sessions.clone(), device(&name));
                let account = NewAccount::named(UserId::random(), format!("{name}-{at}"));
                tokio::spawn(async move { sessions.sign_in(identity, Some(account), new(at), 10).await.unwrap() })
            })
            .collect();
        let mut made = Vec::new();
        for task in tasks {
            made.push(task.await.unwrap());
        }
        assert_eq!(made.iter().filter(|who| who.created).count(), 1);
        assert!(made.iter().all(|who| (who.user, &who.username) == (made[0].user, &made[0].username)));
        assert_eq!(store.sessions.of_user(made[0].user, 11).await.unwrap().len(), 12);
    }
    assert_eq!(store.accounts.count().await, Ok(8));
}

async fn banned_people_stay_out(store: Store) {
    let a = person(&store, "a").await.id;
    let ban = Ban { since: 5, until: Some(100), reason: "cheats".into(), by: "op".into() };
    store.accounts.disable(a, ban.clone(), 5).await.unwrap();
    let sign_in = async |at| store.sessions.sign_in(device("a"), None, new(1), at).await.unwrap();
    let refused = SignedIn { user: a, username: "a".into(), generation: 1, ban: Some(ban.clone()), created: false };
    assert_eq!(sign_in(99).await, refused);
    assert_eq!(store.sessions.of_user(a, 99).await, Ok(vec![]));
    assert_eq!(sign_in(100).await, SignedIn { ban: None, ..refused.clone() }, "the ban has ended");
    assert_eq!(store.sessions.of_user(a, 101).await.unwrap().len(), 1);
    let ban = Ban { until: None, ..ban };
    store.accounts.disable(a, ban.clone(), 5).await.unwrap();
    assert_eq!(sign_in(i64::MAX).await, SignedIn { ban: Some(ban), generation: 2, ..refused });
    assert_eq!(store.sessions.of_user(a, 101).await, Ok(vec![]));
}

/// Whoever was told a generation has a session of it, or none: never one that a sign-out everywhere has overlooked.
async fn signed_out_while_signing_in(store: Store) {
    let a = person(&store, "a").await.id;
    for round in 0..20 {
        let entering: Vec<_> = (0..4)
            .map(|at| {
                let sessions = store.sessions.clone();
                tokio::spawn(async move { sessions.sign_in(device("a"), None, new(at), 10 + round).await.unwrap() })
            })
            .collect();
        let leaving = {
            let sessions = store.sessions.clone();
            tokio::spawn(async move { sessions.revoke_all(a, 10).await.unwrap() })
        };
        let ended = leaving.await.unwrap();
        let mut told = Vec::new();
        for task in entering {
            told.push(task.await.unwrap().generation);
        }
        let open = store.sessions.of_user(a, 11).await.unwrap();
        assert!(open.iter().all(|session| session.generation == ended));
        assert_eq!(open.len(), told.iter().filter(|generation| **generation == ended).count(), "{told:?}");
        store.sessions.revoke_all(a, 10).await.unwrap();
    }
}

async fn rotates(store: Store) {
    let a = person(&store, "a").await.id;
    let one = new(1);
    store.sessions.create(a, one.clone(), 10).await.unwrap();
    let second = rotated(store.sessions.rotate(turn(one.id, 1, 2), 20).await.unwrap());
    assert_eq!((second.create_time, second.update_time, second.expires, second.vars.as_str()), (10, 20, 2000, "{\"v\":\"1\"}"));
    let vars = Rotate { vars: Some("{}".into()), ..turn(one.id, 2, 3) };
    let third = rotated(store.sessions.rotate(vars, 30).await.unwrap());
    assert_eq!(third.vars, "{}");
    assert_eq!(store.sessions.get(one.id, 31).await, Ok(Some(third)));
    assert_eq!(store.sessions.rotate(turn(one.id, 3, 4), 2000).await, Ok(Rotation::Ended), "too late");
    assert_eq!(store.sessions.rotate(turn(SessionId::random(), 3, 4), 20).await, Ok(Rotation::Ended));
}

async fn reuse_ends_the_family(store: Store) {
    let a = person(&store, "a").await.id;
    let (one, other) = (new(1), new(9));
    store.sessions.create(a, one.clone(), 10).await.unwrap();
    store.sessions.create(a, other.clone(), 10).await.unwrap();
    rotated(store.sessions.rotate(turn(one.id, 1, 2), 20).await.unwrap());
    rotated(store.sessions.rotate(turn(one.id, 2, 3), 21).await.unwrap());
    assert_eq!(store.sessions.rotate(turn(one.id, 1, 7), 22).await, Ok(Rotation::Reused(a)));
    assert_eq!(store.sessions.rotate(turn(one.id, 3, 4), 23).await, Ok(Rotation::Ended), "the good one as well");
    assert_eq!(store.sessions.get(other.id, 24).await.unwrap().unwrap().id, other.id, "other sessions go on");
}

async fn grace(store: Store) {
    let a = person(&store, "a").await.id;
    let one = new(1);
    store.sessions.create(a, one.clone(), 10).await.unwrap();
    let within = |presented, next| Rotate { grace: 100, ..turn(one.id, presented, next) };
    rotated(store.sessions.rotate(within(1, 2), 20).await.unwrap());
    // The answer was lost: the client comes with the old one again, and that one was the last to be used.
    let again = store.sessions.rotate(within(1, 3), 119).await.unwrap();
    assert!(matches!(&again, Rotation::Again(session) if session.id == one.id), "{again:?}");
    rotated(store.sessions.rotate(within(3, 4), 130).await.unwrap());
    assert_eq!(store.sessions.rotate(within(1, 5), 131).await, Ok(Rotation::Reused(a)), "two steps old");
    let two = new(1);
    store.sessions.create(a, two.clone(), 10).await.unwrap();
    rotated(store.sessions.rotate(Rotate { id: two.id, ..within(1, 2) }, 20).await.unwrap());
    assert_eq!(store.sessions.rotate(Rotate { id: two.id, ..within(1, 3) }, 120).await, Ok(Rotation::Reused(a)), "too late");
}

/// Somebody elsewhere who has each token soon after its owner.
async fn grace_elsewhere(store: Store) {
    let a = person(&store, "a").await.id;
    let one = new(1);
    store.sessions.create(a, one.clone(), 10).await.unwrap();
    let from = |origin: &str, presented, next| Rotate { grace: 100, origin: origin.into(), ..turn(one.id, presented, next) };
    // The owner moves: the token that is good is good from everywhere.
    let moved = rotated(store.sessions.rotate(from("198.51.100.1", 1, 2), 20).await.unwrap());
    assert_eq!((moved.origin.as_str(), moved.update_time), ("198.51.100.1", 20));
    let again = store.sessions.rotate(from("198.51.100.1", 1, 2), 21).await.unwrap();
    assert!(matches!(again, Rotation::Again(_)), "{again:?}");
    assert_eq!(store.sessions.rotate(from("203.0.113.9", 1, 2), 22).await, Ok(Rotation::Reused(a)), "a thief in step");
    assert_eq!(store.sessions.rotate(from("198.51.100.1", 2, 3), 23).await, Ok(Rotation::Ended));
    let long = Rotate { origin: "x".repeat(257), ..turn(one.id, 2, 3) };
    assert!(matches!(store.sessions.rotate(long, 24).await, Err(StoreError::Invalid(_))));
}

async fn rotated_at_once(store: Store) {
    let a = person(&store, "a").await.id;
    let one = new(1);
    store.sessions.create(a, one.clone(), 10).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|at| {
            let (sessions, id) = (store.sessions.clone(), one.id);
            tokio::spawn(async move { sessions.rotate(turn(id, 1, 10 + at), 20).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(matches!(task.await.unwrap(), Rotation::Rotated(_)));
    }
    assert_eq!(won, 1);
    assert_eq!(store.sessions.get(one.id, 21).await, Ok(None), "a token that came twice has ended the session");
}

async fn everywhere(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    for at in 0..3 {
        store.sessions.create(a, new(at), 10).await.unwrap();
    }
    let kept = store.sessions.create(b, new(1), 10).await.unwrap();
    assert_eq!(store.sessions.generation(a).await, Ok(0));
    assert_eq!(store.sessions.revoke_all(a, 20).await, Ok(1));
    assert_eq!(store.sessions.revoke_all(a, 20).await, Ok(2));
    assert_eq!(store.sessions.generation(a).await, Ok(2));
    assert_eq!(store.sessions.of_user(a, 21).await, Ok(vec![]));
    assert_eq!(store.sessions.get(kept.id, 21).await, Ok(Some(kept)));
    assert_eq!(store.sessions.create(a, new(1), 22).await.unwrap().generation, 2);
    assert_eq!(store.sessions.revoke_all(nobody(), 20).await, Err(Missing::Account.into()));
    assert_eq!(store.sessions.generation(nobody()).await, Err(Missing::Account.into()));
}

async fn bounded(store: Store) {
    let a = person(&store, "a").await.id;
    let mut made = Vec::new();
    for at in 0..SESSIONS_MAX {
        made.push(store.sessions.create(a, new(1), at as i64).await.unwrap().id);
    }
    // The first is used again, so the second is the one used least recently.
    rotated(store.sessions.rotate(turn(made[0], 1, 2), 500).await.unwrap());
    made.push(store.sessions.create(a, new(1), 600).await.unwrap().id);
    let open: Vec<SessionId> = store.sessions.of_user(a, 700).await.unwrap().iter().map(|session| session.id).collect();
    assert_eq!(open.len(), SESSIONS_MAX);
    assert!(open.contains(&made[0]) && !open.contains(&made[1]) && open.contains(&made[SESSIONS_MAX]));
}

async fn purges(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    for at in 0..5 {
        store.sessions.create(a, NewSession { expires: 100 + at, ..new(1) }, 10).await.unwrap();
    }
    store.sessions.create_reset(a, [1; 32], 100, 10).await.unwrap();
    store.sessions.create_reset(b, [2; 32], 900, 10).await.unwrap();
    assert_eq!(store.sessions.purge(99, 100).await, Ok(0));
    assert_eq!(store.sessions.purge(102, 2).await, Ok(2));
    assert_eq!(store.sessions.purge(102, 100).await, Ok(2), "one session and one token");
    assert_eq!(store.sessions.of_user(a, 10).await.unwrap().len(), 2);
    assert!(store.sessions.use_reset([2; 32], "hash".into(), OtherWays::Keep, 200).await.is_ok());
}

async fn resets(store: Store) {
    let (a, b) = (person(&store, "a").await.id, person(&store, "b").await.id);
    let email = Identity::new(IdentityKind::Email, "a@example.org");
    store.accounts.link(a, email, Some("old".into()), 1).await.unwrap();
    store.sessions.create(a, new(1), 1).await.unwrap();
    let none = Err(Missing::ResetToken.into());
    store.sessions.create_reset(a, [1; 32], 100, 10).await.unwrap();
    assert_eq!(store.sessions.create_reset(b, [1; 32], 100, 10).await, Err(Conflict::Id.into()));
    store.sessions.create_reset(a, [2; 32], 100, 20).await.unwrap();
    assert_eq!(store.sessions.use_reset([1; 32], "new".into(), OtherWays::Keep, 30).await, none, "replaced");
    assert_eq!(store.sessions.use_reset([2; 32], "new".into(), OtherWays::Keep, 100).await, none, "too late");
    assert_eq!(store.sessions.use_reset([2; 32], "new".into(), OtherWays::Keep, 99).await, Ok(a));
    assert_eq!(store.sessions.use_reset([2; 32], "again".into(), OtherWays::Keep, 99).await, none, "once");
    assert_eq!(store.accounts.password("a@example.org".into()).await, Ok((a, Some("new".into()))));
    assert_eq!((store.sessions.of_user(a, 99).await, store.sessions.generation(a).await), (Ok(vec![]), Ok(1)));
    assert_eq!(store.sessions.create_reset(nobody(), [3; 32], 1, 1).await, Err(Missing::Account.into()));
}

async fn reset_once(store: Store) {
    let a = person(&store, "a").await.id;
    store.sessions.create_reset(a, [1; 32], 100, 10).await.unwrap();
    let tasks: Vec<_> = (0..6)
        .map(|at| {
            let sessions = store.sessions.clone();
            tokio::spawn(async move { sessions.use_reset([1; 32], format!("hash{at}"), OtherWays::Keep, 20).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!((won, store.sessions.generation(a).await), (1, Ok(1)));
}
