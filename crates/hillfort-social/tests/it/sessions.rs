//! Sessions: access, refresh, reuse, logout, restart; keys.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hillfort_api::api::*;
use hillfort_api::{Call, Code, Credentials, Service, Who};
use hillfort_social::Config;

use super::STORE;
use crate::rig::{Rig, config, device, refused};

fn logout(token: &str, refresh_token: &str) -> Call {
    Call::SessionLogout(SessionLogoutRequest { token: token.into(), refresh_token: refresh_token.into() })
}

fn claims(token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn tokens_say_what_sdks_read() {
    let rig = Rig::on(STORE);
    let account = AccountDevice { id: "device-0001".into(), vars: BTreeMap::from([("tier".into(), "gold".into())]) };
    let request = AuthenticateDeviceRequest { account: Some(account), create: None, username: "ada".into() };
    let session = rig.sign_in(Call::AuthenticateDevice(request)).unwrap();
    let (access, refresh) = (claims(&session.token), claims(&session.refresh_token));
    let now_s = rig.now_ms() / 1000;
    assert_eq!((&access["usn"], &access["vrs"]["tier"]), (&"ada".into(), &"gold".into()));
    assert_eq!((access["exp"].as_i64(), access["iat"].as_i64()), (Some(now_s + 60), Some(now_s)));
    assert_eq!(refresh["exp"].as_i64(), Some(now_s + 3600));
    assert_eq!(access["tid"], refresh["tid"]);
    assert_eq!(access["uid"].as_str().unwrap(), rig.user_id(&session));
    let who = rig.who(&session.token).unwrap();
    let user = who.user().unwrap();
    assert_eq!((user.username.as_str(), user.vars["tier"].as_str(), user.expires_s), ("ada", "gold", now_s + 60));
}

#[test]
fn a_session_ends_with_its_time_and_a_refresh_goes_on() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    rig.pass(66);
    refused(rig.who(&session.token), Code::Unauthenticated, "");
    let next = rig.refresh(&session.refresh_token).unwrap();
    assert!(!next.created && rig.who(&next.token).is_ok());
    assert_eq!(claims(&next.token)["tid"], claims(&session.token)["tid"], "the same session");
    rig.pass(3606);
    refused(rig.refresh(&next.refresh_token), Code::Unauthenticated, "");
}

#[test]
fn variables_live_on_unless_they_are_replaced() {
    let rig = Rig::on(STORE);
    let vars = |tier: &str| BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
    let account = AccountDevice { id: "device-0001".into(), vars: vars("gold") };
    let session = rig
        .sign_in(Call::AuthenticateDevice(AuthenticateDeviceRequest { account: Some(account), ..Default::default() }))
        .unwrap();
    let session = rig.refresh(&session.refresh_token).unwrap();
    assert_eq!(claims(&session.token)["vrs"]["tier"], "gold");
    let request = SessionRefreshRequest { token: session.refresh_token, vars: vars("silver") };
    let session = rig.sign_in(Call::SessionRefresh(request)).unwrap();
    assert_eq!(claims(&session.token)["vrs"]["tier"], "silver");
    let too_many = BTreeMap::from([("k".to_owned(), "v".repeat(2048))]);
    let request = SessionRefreshRequest { token: session.refresh_token, vars: too_many };
    refused(rig.sign_in(Call::SessionRefresh(request)), Code::InvalidArgument, "vars");
}

/// Bytes that are few as they are, and too many when they are written in a token.
#[test]
fn variables_that_no_token_has_room_for_begin_no_session() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let user = hillfort_store::UserId(hillfort_api::UserId::parse(&rig.user_id(&session)).unwrap().0);
    let open = || rig.runtime.block_on(rig.store.sessions.of_user(user, rig.now_ms())).unwrap().len();
    assert_eq!(open(), 1);
    for (count, fits) in [(100, true), (900, false)] {
        let vars = BTreeMap::from([("v".into(), "\u{1}".repeat(count))]);
        let account = AccountDevice { id: "device-0001".into(), vars };
        let signed_in =
            rig.sign_in(Call::AuthenticateDevice(AuthenticateDeviceRequest { account: Some(account), ..Default::default() }));
        match signed_in {
            Ok(_) => assert!(fits),
            refused_one => {
                assert!(!fits);
                refused(refused_one, Code::InvalidArgument, "vars");
            }
        }
        assert_eq!(open(), 2, "the session that fits is there");
    }
}

/// Two parts of a client refresh at once: both answers go on, whichever of them is kept.
#[test]
fn two_refreshes_of_one_token_at_once_do_not_end_the_session() {
    for keeps_first in [true, false] {
        let rig = Rig::on(STORE);
        let first = rig.device("device-0001");
        let (one, two) = rig.runtime.block_on(async {
            let ask = || {
                let request = SessionRefreshRequest { token: first.refresh_token.clone(), vars: BTreeMap::new() };
                rig.social.call(Rig::caller(Who::ServerKey), Call::SessionRefresh(request))
            };
            tokio::join!(ask(), ask())
        });
        let [one, two] = [one, two].map(|answer| match answer.unwrap() {
            hillfort_api::Reply::Session(session) => session,
            other => panic!("{other:?}"),
        });
        assert_eq!(one.refresh_token, two.refresh_token, "within one second, byte by byte");
        rig.pass(9);
        let late = rig.refresh(&first.refresh_token).unwrap();
        assert_eq!(claims(&late.refresh_token)["trn"], claims(&one.refresh_token)["trn"]);
        rig.pass(60);
        let kept = if keeps_first { one } else { late };
        let next = rig.refresh(&kept.refresh_token).unwrap();
        assert!(rig.who(&next.token).is_ok());
        // Whoever uses the other one much later shares the session with somebody.
        rig.pass(11);
        refused(rig.refresh(&two.refresh_token), Code::Unauthenticated, "");
        refused(rig.refresh(&next.refresh_token), Code::Unauthenticated, "");
    }
}

/// A thief who has each refresh token as soon as its owner, and uses it within the grace, but from another address.
#[test]
fn a_thief_in_step_ends_the_session_and_is_counted() {
    let rig = Rig::on(STORE);
    let refresh = |token: &str, address: &str| {
        let request = SessionRefreshRequest { token: token.into(), vars: BTreeMap::new() };
        match rig.call_from(Rig::from(Who::ServerKey, address), Call::SessionRefresh(request))? {
            hillfort_api::Reply::Session(session) => Ok(session),
            other => panic!("{other:?}"),
        }
    };
    let first = rig.device("device-0001");
    // The owner may move, and may lose an answer.
    let second = refresh(&first.refresh_token, "198.51.100.1").unwrap();
    assert_eq!(refresh(&first.refresh_token, "::ffff:198.51.100.1").unwrap().refresh_token, second.refresh_token);
    let moved = rig.device("device-0002").refresh_token;
    let next = refresh(&moved, "2001:db8:1:2::3").unwrap().refresh_token;
    assert_eq!(refresh(&moved, "2001:db8:1:2:ffff::4").unwrap().refresh_token, next, "the same network of one customer");
    refused(refresh(&first.refresh_token, "203.0.113.9"), Code::Unauthenticated, "");
    refused(refresh(&second.refresh_token, "198.51.100.1"), Code::Unauthenticated, "");
    refused(rig.who(&second.token), Code::Unauthenticated, "");
    let stats = rig.social.refresh_stats();
    let counts = [&stats.given, &stats.again, &stats.reused].map(|count| count.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(counts, [2, 2, 1]);
}

#[test]
fn without_grace_two_refreshes_of_one_token_end_the_session() {
    let mut strict = config();
    strict.sessions.grace_ms = 0;
    let rig = Rig::with_on(STORE, strict, hillfort_social::MailConfig::None);
    let first = rig.device("device-0001");
    let second = rig.refresh(&first.refresh_token).unwrap();
    refused(rig.refresh(&first.refresh_token), Code::Unauthenticated, "");
    refused(rig.refresh(&second.refresh_token), Code::Unauthenticated, "");
}

#[test]
fn turns_are_no_other_sessions() {
    let rig = Rig::on(STORE);
    let (one, other) = (rig.device("device-0001"), rig.device("device-0001"));
    let (one, other) = (rig.refresh(&one.refresh_token).unwrap(), rig.refresh(&other.refresh_token).unwrap());
    assert_ne!(claims(&one.refresh_token)["trn"], claims(&other.refresh_token)["trn"]);
}

#[test]
fn an_old_refresh_token_ends_the_session() {
    let rig = Rig::on(STORE);
    let first = rig.device("device-0001");
    let second = rig.refresh(&first.refresh_token).unwrap();
    rig.pass(5);
    let again = rig.refresh(&first.refresh_token).unwrap();
    assert!(rig.who(&again.token).is_ok(), "within the grace: the answer may have been lost");
    rig.pass(11);
    // Whoever has the first one now stole it, or was stolen from.
    refused(rig.refresh(&first.refresh_token), Code::Unauthenticated, "");
    for token in [&second.refresh_token, &again.refresh_token] {
        refused(rig.refresh(token), Code::Unauthenticated, "");
    }
    for token in [&first.token, &second.token, &again.token] {
        refused(rig.who(token), Code::Unauthenticated, "");
    }
    assert!(rig.who(&rig.device("device-0001").token).is_ok(), "the person signs in again");
}

#[test]
fn without_grace_a_refresh_token_is_good_once() {
    let mut strict = config();
    strict.sessions.grace_ms = 0;
    let rig = Rig::with_on(STORE, strict, hillfort_social::MailConfig::None);
    let first = rig.device("device-0001");
    rig.refresh(&first.refresh_token).unwrap();
    rig.pass(1);
    refused(rig.refresh(&first.refresh_token), Code::Unauthenticated, "");
}

#[test]
fn one_kind_of_token_is_no_other() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    refused(rig.who(&session.refresh_token), Code::Unauthenticated, "");
    refused(rig.refresh(&session.token), Code::Unauthenticated, "");
    refused(rig.refresh(""), Code::InvalidArgument, "token");
    let stranger = Rig::on(STORE).device("device-0001");
    refused(rig.who(&stranger.token), Code::Unauthenticated, "");
    refused(rig.refresh(&stranger.refresh_token), Code::Unauthenticated, "");
}

#[test]
fn logout_ends_one_session_or_all() {
    let rig = Rig::on(STORE);
    let (phone, tablet) = (rig.device("device-0001"), rig.device("device-0001"));
    rig.as_user(&phone, logout(&phone.token, &phone.refresh_token)).unwrap();
    refused(rig.who(&phone.token), Code::Unauthenticated, "");
    refused(rig.refresh(&phone.refresh_token), Code::Unauthenticated, "");
    assert!(rig.who(&tablet.token).is_ok());

    let other = rig.device("device-0002");
    refused(rig.as_user(&tablet, logout(&other.token, "")), Code::InvalidArgument, "token");
    refused(rig.as_user(&tablet, logout("", &other.refresh_token)), Code::InvalidArgument, "refresh_token");
    refused(rig.as_user(&tablet, logout("x", "")), Code::InvalidArgument, "token");
    refused(rig.as_user(&tablet, logout("", &tablet.token)), Code::InvalidArgument, "refresh_token");
    assert!(rig.who(&other.token).is_ok() && rig.who(&tablet.token).is_ok());

    let laptop = rig.device("device-0001");
    rig.as_user(&laptop, logout("", "")).unwrap();
    for session in [&laptop, &tablet] {
        refused(rig.who(&session.token), Code::Unauthenticated, "");
        refused(rig.refresh(&session.refresh_token), Code::Unauthenticated, "");
    }
    let same_second = rig.device("device-0001");
    assert!(rig.who(&same_second.token).is_ok(), "a sign-in of the same second is another generation");
    assert!(rig.who(&other.token).is_ok());
}

#[test]
fn a_single_session_ends_the_others() {
    let mut single = config();
    single.sessions.single = true;
    let rig = Rig::with_on(STORE, single, hillfort_social::MailConfig::None);
    let (first, second) = (rig.device("device-0001"), rig.device("device-0001"));
    refused(rig.who(&first.token), Code::Unauthenticated, "");
    refused(rig.refresh(&first.refresh_token), Code::Unauthenticated, "");
    assert!(rig.as_user(&second, Call::GetAccount(())).is_ok());
    assert!(rig.refresh(&second.refresh_token).is_ok());
}

#[test]
fn a_restart_keeps_sessions_and_what_was_revoked() {
    let mut long = config();
    long.sessions.token_s = 3600;
    let rig = Rig::with_on(STORE, long.clone(), hillfort_social::MailConfig::None);
    let (open, ended, everywhere) = (rig.device("device-0001"), rig.device("device-0002"), rig.device("device-0003"));
    rig.as_user(&ended, logout(&ended.token, "")).unwrap();
    rig.as_user(&everywhere, logout("", "")).unwrap();
    rig.pass(1);
    let rig = rig.restarted(long);
    assert!(rig.as_user(&open, Call::GetAccount(())).is_ok());
    for session in [&ended, &everywhere] {
        // Memory alone does not know; the first call asks the store, and from then on memory knows.
        refused(rig.as_user(session, Call::GetAccount(())), Code::Unauthenticated, "");
        refused(rig.who(&session.token), Code::Unauthenticated, "");
    }
    assert!(rig.refresh(&open.refresh_token).is_ok());
}

#[test]
fn keys_are_what_is_configured_and_never_empty() {
    let rig = Rig::on(STORE);
    let who = |rig: &Rig, credentials: Credentials<'_>| rig.social.caller(credentials);
    assert_eq!(who(&rig, Credentials::ServerKey("a server key")), Ok(Who::ServerKey));
    assert_eq!(who(&rig, Credentials::HttpKey("an http key")), Ok(Who::HttpKey));
    for bad in ["", "a server ke", "a server key ", "an http key"] {
        refused(who(&rig, Credentials::ServerKey(bad)), Code::Unauthenticated, "");
    }
    refused(who(&rig, Credentials::HttpKey("a server key")), Code::Unauthenticated, "");
    let closed = Rig::with_on(
        STORE,
        Config { server_key: String::new(), http_key: String::new(), ..config() },
        hillfort_social::MailConfig::None,
    );
    refused(who(&closed, Credentials::ServerKey("")), Code::Unauthenticated, "");
    refused(who(&closed, Credentials::HttpKey("")), Code::Unauthenticated, "");
}

#[test]
fn a_caller_who_goes_away_cuts_nothing() {
    let rig = Rig::on(STORE);
    // Poll once, drop, and let what has begun go on.
    for number in 0..50 {
        let call = device(&format!("device-{number:04}"), None, &format!("player-{number}"));
        let mut answer = rig.social.call(Rig::from(Who::ServerKey, &format!("192.0.2.{number}")), call);
        rig.runtime.block_on(async {
            std::future::poll_fn(|context| {
                let _ = answer.as_mut().poll(context);
                std::task::Poll::Ready(())
            })
            .await;
            drop(answer);
            let begun = Instant::now();
            let account = loop {
                let found = rig.store.accounts.by_usernames(vec![format!("player-{number}")]).await.unwrap();
                if let Some(account) = found.into_iter().next() {
                    break account;
                }
                assert!(begun.elapsed() < Duration::from_secs(60), "what has begun goes on");
                tokio::task::yield_now().await;
            };
            let sessions = rig.store.sessions.of_user(account.id, rig.now_ms()).await.unwrap();
            assert_eq!(sessions.len(), 1, "account and session, or neither");
        });
    }
}
