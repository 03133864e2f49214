//! Modules in the style of Nakama's documentation, as they stand.

use hillfort_api::api::{AccountDevice, AuthenticateDeviceRequest, Session};
use hillfort_api::realtime::{Envelope, MatchCreate, envelope};
use hillfort_api::{Call, CallName, Code, Reply};

use crate::rig::{ANN, BOB, block, caller, corpus};

#[test]
fn a_daily_reward_is_given_once() {
    let rig = corpus();
    assert_eq!(rig.says("canclaimdailyreward", ""), r#"{"can_claim":true}"#);
    assert_eq!(rig.rpc("claimdailyreward", "x").expect_err("no input").code, Code::InvalidArgument);
    assert_eq!(rig.says("claimdailyreward", ""), r#"{"coins_received":500}"#);
    assert_eq!(rig.says("canclaimdailyreward", ""), r#"{"can_claim":false}"#);
    assert_eq!(rig.says("claimdailyreward", ""), r#"{"coins_received":0}"#);
    assert_eq!((rig.memory.wallet(ANN, "coins"), rig.memory.wallet(BOB, "coins")), (500, 0));
}

#[test]
fn a_shop_sells_what_one_can_pay() {
    let rig = corpus();
    rig.memory.give(ANN, 180);
    assert_eq!(rig.says("shop.buy", r#"{"item":"sword"}"#), r#"{"after":80,"before":180}"#);
    let dear = rig.rpc("shop.buy", r#"{"item":"horse"}"#).expect_err("too dear");
    assert_eq!(dear.code, Code::FailedPrecondition);
    assert!(dear.message.contains("failed to update user wallet: wallet update rejected"), "{}", dear.message);
    let none = rig.rpc("shop.buy", r#"{"item":"dragon"}"#).expect_err("none");
    assert_eq!((none.code, &*none.message), (Code::NotFound, "there is no dragon"));
    assert_eq!(rig.says("shop.inventory", ""), r#"{"items":["sword"],"more":false}"#);
    assert_eq!(rig.says("shop.ledger", ""), "-100");
}

#[test]
fn a_lobby_finds_or_creates_a_match() {
    let rig = corpus();
    assert_eq!(rig.says("find_match", ""), r#"{"created":true,"match_id":"match-0"}"#);
    assert_eq!(rig.says("find_match", ""), r#"{"match_id":"match-0"}"#);
    assert_eq!(rig.says("started", ""), r#"{"greeting":"hello","mode":"run_once","node":"node1"}"#);
}

fn device(id: &str) -> Call {
    let account = Some(AccountDevice { id: id.to_owned(), ..AccountDevice::default() });
    Call::AuthenticateDevice(AuthenticateDeviceRequest { account, ..AuthenticateDeviceRequest::default() })
}

#[test]
fn hooks_change_refuse_and_switch_off() {
    let rig = corpus();
    let nobody = caller(None);
    assert_eq!(rig.runtime.hooks(CallName::AuthenticateDevice), (true, true));
    assert_eq!(rig.runtime.hooks(CallName::GetAccount), (true, false));
    assert_eq!(rig.runtime.hooks(CallName::ListFriends), (false, false));
    let Ok(Some(Call::AuthenticateDevice(changed))) = block(rig.runtime.before(&nobody, device("good-device-id"))) else {
        panic!("no call")
    };
    assert_eq!(
        (changed.username.as_str(), changed.account.map(|account| account.id).as_deref()),
        ("Player-good", Some("good-device-id"))
    );
    let refused = block(rig.runtime.before(&nobody, device("banned-device-id"))).expect_err("banned");
    assert_eq!((refused.code, &*refused.message), (Code::PermissionDenied, "this device is banned"));
    assert_eq!(block(rig.runtime.before(&nobody, device("nobody-device-id"))), Ok(None));

    let reply = Reply::Session(Session { created: true, ..Session::default() });
    assert_eq!(block(rig.runtime.after(&nobody, &device("good-device-id"), &reply)), Ok(()));
    assert_eq!(rig.says("signed_in", "good-device-id"), r#"{"created":true,"mode":"after"}"#);

    // A call that takes nothing: what the hook returns does not count, an error does.
    assert_eq!(block(rig.runtime.before(&nobody, Call::GetAccount(()))), Ok(Some(Call::GetAccount(()))));
    let blocked = caller(Some((BOB, "blocked")));
    assert!(block(rig.runtime.before(&blocked, Call::GetAccount(()))).is_err_and(|error| error.message == "not you"));
}

#[test]
fn hooks_change_messages_of_the_socket() {
    let rig = corpus();
    let message = |name: &str| Some(envelope::Message::MatchCreate(MatchCreate { name: name.to_owned() }));
    let sent = Envelope { cid: "7".to_owned(), message: message("arena") };
    let changed = block(rig.runtime.realtime_before(&caller(Some((ANN, "ann"))), sent));
    assert_eq!(changed, Ok(Some(Envelope { cid: "7".to_owned(), message: message("arena!") })));
    let ping = Envelope { cid: "8".to_owned(), message: Some(envelope::Message::Ping(hillfort_api::realtime::Ping::default())) };
    assert_eq!(block(rig.runtime.realtime_before(&caller(None), ping.clone())), Ok(Some(ping)));
}

#[test]
fn what_the_corpus_registers_is_listed() {
    let status = corpus().runtime.status();
    assert_eq!(status.generation, 1);
    assert!(status.modules.contains(&("shop.economy".to_owned(), "shop/economy.lua".to_owned())), "{:?}", status.modules);
    assert!(status.functions.contains(&(hillfort_modules::Kind::Rpc, "shop.buy".to_owned())));
    assert!(status.functions.contains(&(hillfort_modules::Kind::RtBefore, "matchcreate".to_owned())));
    assert_eq!(status.match_handlers, ["games.tic_tac_toe"]);
}
