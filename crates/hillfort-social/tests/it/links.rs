//! Ways to sign in, added and taken.

use hillfort_api::api::*;
use hillfort_api::{Call, Code};

use super::STORE;
use crate::rig::{Rig, refused};

fn device(id: &str) -> Call {
    Call::LinkDevice(AccountDevice { id: id.into(), ..Default::default() })
}

fn custom(id: &str) -> Call {
    Call::LinkCustom(AccountCustom { id: id.into(), ..Default::default() })
}

fn email(address: &str, password: &str) -> Call {
    Call::LinkEmail(AccountEmail { email: address.into(), password: password.into(), ..Default::default() })
}

#[test]
fn one_account_by_several_ways() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let id = rig.user_id(&session);
    for call in [device("device-0002"), custom("custom-1"), email("Ada@Example.org", "correct horse"), device("device-0002")] {
        rig.as_user(&session, call).unwrap();
    }
    let account = rig.account(&session);
    assert_eq!((account.email.as_str(), account.custom_id.as_str(), account.devices.len()), ("ada@example.org", "custom-1", 2));
    for other in [rig.device("device-0002"), rig.email("ada@example.org", "correct horse").unwrap()] {
        assert!(!other.created && rig.user_id(&other) == id);
    }
}

#[test]
fn what_is_anothers_cannot_be_linked() {
    let rig = Rig::on(STORE);
    let (ada, eve) = (rig.device("device-0001"), rig.device("device-0002"));
    rig.as_user(&ada, custom("custom-1")).unwrap();
    rig.as_user(&ada, email("ada@example.org", "correct horse")).unwrap();
    for call in [device("device-0001"), custom("custom-1"), email("ADA@example.org", "eve's password")] {
        refused(rig.as_user(&eve, call), Code::AlreadyExists, "");
    }
    assert!(rig.email("ada@example.org", "correct horse").is_ok(), "the password is still hers");
    refused(rig.as_user(&ada, custom("custom-2")), Code::AlreadyExists, "");
}

#[test]
fn a_session_alone_does_not_replace_the_password() {
    let rig = Rig::on(STORE);
    let ada = rig.email("ada@example.org", "correct horse").unwrap();
    refused(rig.as_user(&ada, email("Ada@example.org", "a thief's own")), Code::AlreadyExists, "");
    assert!(rig.email("ada@example.org", "correct horse").is_ok());
}

#[test]
fn what_is_malformed_is_refused_with_its_field() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    for (call, field) in [
        (device(""), "id"),
        (device("123456789"), "id"),
        (device("device 0002"), "id"),
        (custom("12345"), "id"),
        (custom(&"x".repeat(129)), "id"),
        (email("", "correct horse"), "email"),
        (email("ada@example.org", ""), "password"),
        (email("ada@example.org", "1234567"), "password"),
        (email("ada@example.org", &"x".repeat(1025)), "password"),
        (email("ada.example.org", "correct horse"), "email"),
        (email("a@b.c", "correct horse"), "email"),
        (Call::LinkApple(AccountApple::default()), "token"),
        (Call::LinkGoogle(AccountGoogle::default()), "token"),
        (Call::LinkFacebook(LinkFacebookRequest::default()), "token"),
        (Call::LinkFacebookInstantGame(AccountFacebookInstantGame::default()), "signed_player_info"),
        (Call::LinkSteam(LinkSteamRequest::default()), "token"),
        (Call::LinkGameCenter(AccountGameCenter::default()), "bundle_id"),
        (Call::UnlinkDevice(AccountDevice::default()), "id"),
    ] {
        refused(rig.as_user(&session, call), Code::InvalidArgument, field);
    }
    assert_eq!(rig.account(&session).devices.len(), 1);
}

#[test]
fn the_last_way_stays() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    let unlink_device = |id: &str| Call::UnlinkDevice(AccountDevice { id: id.into(), ..Default::default() });
    refused(rig.as_user(&session, unlink_device("device-0001")), Code::PermissionDenied, "");
    rig.as_user(&session, email("ada@example.org", "correct horse")).unwrap();
    refused(rig.as_user(&session, unlink_device("device-0002")), Code::PermissionDenied, "");
    rig.as_user(&session, unlink_device("device-0001")).unwrap();
    refused(rig.as_user(&session, Call::UnlinkEmail(AccountEmail::default())), Code::PermissionDenied, "");
    rig.as_user(&session, custom("custom-1")).unwrap();
    let other = AccountEmail { email: "eve@example.org".into(), ..Default::default() };
    refused(rig.as_user(&session, Call::UnlinkEmail(other)), Code::PermissionDenied, "");
    rig.as_user(&session, Call::UnlinkEmail(AccountEmail::default())).unwrap();
    refused(
        rig.as_user(&session, Call::UnlinkCustom(AccountCustom { id: "custom-2".into(), ..Default::default() })),
        Code::PermissionDenied,
        "",
    );
    for call in [
        Call::UnlinkApple(AccountApple::default()),
        Call::UnlinkGoogle(AccountGoogle::default()),
        Call::UnlinkFacebook(AccountFacebook::default()),
        Call::UnlinkFacebookInstantGame(AccountFacebookInstantGame::default()),
        Call::UnlinkSteam(AccountSteam::default()),
        Call::UnlinkGameCenter(AccountGameCenter::default()),
    ] {
        refused(rig.as_user(&session, call), Code::PermissionDenied, "");
    }
    assert_eq!(rig.account(&session).custom_id, "custom-1");
    let anew = rig.email("ada@example.org", "another password").unwrap();
    assert!(anew.created, "the address is free again");
}
