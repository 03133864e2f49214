//! Accounts: made, found, read, changed, deleted, banned; and what is refused.

use hillfort_api::api::*;
use hillfort_api::{Call, Code, Reply, UserId, Who};

use super::STORE;
use crate::rig::{Rig, device, refused};

fn id_of(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

#[test]
fn a_device_makes_an_account_and_finds_it_again() {
    let rig = Rig::on(STORE);
    let first = rig.sign_in(device("device-0001", None, "ada")).unwrap();
    assert!(first.created);
    let again = rig.sign_in(device("device-0001", Some(false), "another name")).unwrap();
    assert!(!again.created);
    let account = rig.account(&again);
    let user = account.user.unwrap();
    assert_eq!((user.username.as_str(), user.metadata.as_str(), account.wallet.as_str()), ("ada", "{}", "{}"));
    assert_eq!(account.devices.len(), 1);
    assert_eq!(account.devices[0].id, "device-0001");
    assert_eq!(user.create_time.unwrap().seconds, crate::rig::NOW_MS / 1000);
    assert_eq!(user.id, rig.user_id(&first));
}

#[test]
fn what_a_sign_in_may_not_say() {
    let rig = Rig::on(STORE);
    rig.sign_in(device("device-0001", None, "ada")).unwrap();
    let custom = |id: &str| {
        let account = AccountCustom { id: id.into(), ..Default::default() };
        Call::AuthenticateCustom(AuthenticateCustomRequest { account: Some(account), ..Default::default() })
    };
    for (call, code, field) in [
        (device("", None, ""), Code::InvalidArgument, "id"),
        (device("123456789", None, ""), Code::InvalidArgument, "id"),
        (device(&"x".repeat(129), None, ""), Code::InvalidArgument, "id"),
        (device("device 0001", None, ""), Code::InvalidArgument, "id"),
        (device("device\u{0}0001", None, ""), Code::InvalidArgument, "id"),
        (Call::AuthenticateDevice(AuthenticateDeviceRequest::default()), Code::InvalidArgument, "id"),
        (device("device-0002", Some(false), ""), Code::NotFound, ""),
        (device("device-0002", None, "ada"), Code::AlreadyExists, "username"),
        (device("device-0002", None, &"x".repeat(129)), Code::InvalidArgument, "username"),
        (device("device-0002", None, "a\nb"), Code::InvalidArgument, "username"),
        (device("device-0002", None, "ad\u{202e}a"), Code::InvalidArgument, "username"),
        (custom("12345"), Code::InvalidArgument, "id"),
        (Call::AuthenticateCustom(AuthenticateCustomRequest::default()), Code::InvalidArgument, "id"),
        (Call::AuthenticateEmail(AuthenticateEmailRequest::default()), Code::InvalidArgument, "account"),
        (Call::AuthenticateApple(AuthenticateAppleRequest::default()), Code::InvalidArgument, "token"),
        (Call::AuthenticateGoogle(AuthenticateGoogleRequest::default()), Code::InvalidArgument, "token"),
        (Call::AuthenticateFacebook(AuthenticateFacebookRequest::default()), Code::InvalidArgument, "token"),
        (Call::AuthenticateSteam(AuthenticateSteamRequest::default()), Code::InvalidArgument, "token"),
        (Call::AuthenticateGameCenter(AuthenticateGameCenterRequest::default()), Code::InvalidArgument, "bundle_id"),
    ] {
        refused(rig.sign_in(call), code, field);
    }
    // Nothing was made: there is one account.
    assert_eq!(rig.runtime.block_on(rig.store.accounts.count()).unwrap(), 1);
    refused(rig.call(Who::Nobody, device("device-0001", None, "")), Code::Unauthenticated, "");
}

#[test]
fn a_service_that_is_not_configured_says_so() {
    let rig = Rig::on(STORE);
    let token = || "a.b.c".to_owned();
    for call in [
        Call::AuthenticateApple(AuthenticateAppleRequest {
            account: Some(AccountApple { token: token(), ..Default::default() }),
            ..Default::default()
        }),
        Call::AuthenticateGoogle(AuthenticateGoogleRequest {
            account: Some(AccountGoogle { token: token(), ..Default::default() }),
            ..Default::default()
        }),
        Call::AuthenticateFacebook(AuthenticateFacebookRequest {
            account: Some(AccountFacebook { token: token(), ..Default::default() }),
            ..Default::default()
        }),
        Call::AuthenticateSteam(AuthenticateSteamRequest {
            account: Some(AccountSteam { token: token(), ..Default::default() }),
            ..Default::default()
        }),
    ] {
        refused(rig.sign_in(call), Code::FailedPrecondition, "");
    }
}

#[test]
fn a_profile_is_changed_field_by_field() {
    let rig = Rig::on(STORE);
    let session = rig.device("device-0001");
    assert_eq!(rig.account(&session).user.unwrap().lang_tag, "en", "who has named no language");
    let update = |request: UpdateAccountRequest| rig.as_user(&session, Call::UpdateAccount(request));
    let some = |text: &str| Some(text.to_owned());
    rig.pass(5);
    update(UpdateAccountRequest { display_name: some("Ada L."), lang_tag: some("de"), ..Default::default() }).unwrap();
    update(UpdateAccountRequest { username: some("ada"), timezone: some("Europe/London"), ..Default::default() }).unwrap();
    let user = rig.account(&session).user.unwrap();
    assert_eq!((user.username.as_str(), user.display_name.as_str(), user.lang_tag.as_str()), ("ada", "Ada L.", "de"));
    assert_eq!(user.timezone, "Europe/London");
    assert_eq!(user.update_time.unwrap().seconds, crate::rig::NOW_MS / 1000 + 5);
    update(UpdateAccountRequest { display_name: some(""), ..Default::default() }).unwrap();
    assert_eq!(rig.account(&session).user.unwrap().display_name, "");

    // Characters are counted, not bytes.
    let wide = UpdateAccountRequest {
        display_name: some(&"語".repeat(255)),
        avatar_url: some(&"🏰".repeat(512)),
        location: some(&"é".repeat(255)),
        timezone: some(&"語".repeat(255)),
        ..Default::default()
    };
    update(wide).unwrap();
    assert_eq!(rig.account(&session).user.unwrap().display_name, "語".repeat(255));

    rig.sign_in(device("device-0002", None, "bob")).unwrap();
    for (request, field) in [
        (UpdateAccountRequest::default(), ""),
        (UpdateAccountRequest { username: some(""), ..Default::default() }, "username"),
        (UpdateAccountRequest { username: some(&"x".repeat(129)), ..Default::default() }, "username"),
        (UpdateAccountRequest { username: some("bob"), ..Default::default() }, "username"),
        (UpdateAccountRequest { display_name: some(&"x".repeat(256)), ..Default::default() }, "display_name"),
        (UpdateAccountRequest { display_name: some(&"語".repeat(256)), ..Default::default() }, "display_name"),
        (UpdateAccountRequest { display_name: some("a\0b"), ..Default::default() }, "display_name"),
        (UpdateAccountRequest { avatar_url: some(&"x".repeat(513)), ..Default::default() }, "avatar_url"),
        (UpdateAccountRequest { lang_tag: some(&"x".repeat(19)), ..Default::default() }, "lang_tag"),
        (UpdateAccountRequest { location: some(&"x".repeat(256)), ..Default::default() }, "location"),
        (UpdateAccountRequest { timezone: some(&"x".repeat(256)), ..Default::default() }, "timezone"),
    ] {
        refused(update(request), Code::InvalidArgument, field);
    }
    assert_eq!(rig.account(&session).user.unwrap().username, "ada");
}

#[test]
fn users_are_looked_up_without_what_is_private() {
    let rig = Rig::on(STORE);
    let (ada, bob) = (rig.sign_in(device("device-0001", None, "ada")).unwrap(), rig.device("device-0002"));
    let ada_id = rig.user_id(&ada);
    let users = |request: GetUsersRequest| match rig.as_user(&bob, Call::GetUsers(request)) {
        Ok(Reply::Users(users)) => Ok(users.users),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let nobody = "00000000-0000-4000-8000-000000000001".to_owned();
    let found = users(GetUsersRequest {
        ids: vec![ada_id.clone(), nobody, ada_id.clone()],
        usernames: vec!["ada".into(), "nobody".into(), "a\0b".into(), "' OR 1=1 --".into()],
        facebook_ids: vec!["1".into()],
    });
    let found = found.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].username.as_str()), (ada_id.as_str(), "ada"));
    assert!(users(GetUsersRequest::default()).unwrap().is_empty());
    refused(users(GetUsersRequest { ids: vec!["ada".into()], ..Default::default() }), Code::InvalidArgument, "ids");
    refused(
        users(GetUsersRequest { usernames: vec!["x".into(); 1025], ..Default::default() }),
        Code::InvalidArgument,
        "usernames",
    );
}

#[test]
fn a_new_name_is_seen_at_once() {
    let rig = Rig::on(STORE);
    let session = rig.sign_in(device("device-0001", None, "ada")).unwrap();
    let lookup = |name: &str| match rig
        .as_user(&session, Call::GetUsers(GetUsersRequest { usernames: vec![name.into()], ..Default::default() }))
    {
        Ok(Reply::Users(users)) => users.users.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((lookup("ada"), lookup("countess")), (1, 0));
    let rename = UpdateAccountRequest { username: Some("countess".into()), ..Default::default() };
    rig.as_user(&session, Call::UpdateAccount(rename)).unwrap();
    assert_eq!((lookup("ada"), lookup("countess")), (0, 1));
}

#[test]
fn a_deleted_account_is_gone_with_all_it_had() {
    let rig = Rig::on(STORE);
    let session = rig.sign_in(device("device-0001", None, "ada")).unwrap();
    let id = rig.user_id(&session);
    let object = WriteStorageObject { collection: "c".into(), key: "k".into(), value: "{}".into(), ..Default::default() };
    rig.as_user(&session, Call::WriteStorageObjects(WriteStorageObjectsRequest { objects: vec![object] })).unwrap();
    rig.as_user(&session, Call::DeleteAccount(())).unwrap();
    refused(rig.who(&session.token), Code::Unauthenticated, "");
    refused(rig.refresh(&session.refresh_token), Code::NotFound, "");
    let other = rig.device("device-0002");
    let found = rig.as_user(&other, Call::GetUsers(GetUsersRequest { ids: vec![id.clone()], ..Default::default() }));
    assert_eq!(found, Ok(Users::default().into()));
    refused(rig.runtime.block_on(rig.social.export(id_of(&id), None)), Code::NotFound, "");
    let anew = rig.device("device-0001");
    assert!(anew.created && rig.user_id(&anew) != id);
}

#[test]
fn a_persons_data_are_exported_without_secrets() {
    let rig = Rig::on(STORE);
    let session = rig.email("ada@example.org", "correct horse").unwrap();
    let object = WriteStorageObject {
        collection: "diary".into(),
        key: "today".into(),
        value: r#"{"text":"secret to others"}"#.into(),
        permission_read: Some(0),
        ..Default::default()
    };
    rig.as_user(&session, Call::WriteStorageObjects(WriteStorageObjectsRequest { objects: vec![object] })).unwrap();
    let rpc = Rpc { id: "hillfort.export".into(), ..Default::default() };
    let Ok(Reply::Rpc(rpc)) = rig.as_user(&session, Call::RpcFunc(rpc)) else { panic!() };
    let json: serde_json::Value = serde_json::from_str(&rpc.payload).unwrap();
    assert_eq!(json["account"]["identities"][0]["value"], "ada@example.org");
    assert_eq!(json["objects"][0]["id"]["collection"], "diary");
    assert_eq!(json["sessions"].as_array().unwrap().len(), 1);
    assert!(!rpc.payload.contains("argon2"), "{}", rpc.payload);
    let again = || Call::RpcFunc(Rpc { id: "hillfort.export".into(), ..Default::default() });
    assert!(rig.as_user(&session, again()).is_ok());
    refused(rig.as_user(&session, again()), Code::ResourceExhausted, "");
    refused(
        rig.call(Who::HttpKey, Call::RpcFunc(Rpc { id: "hillfort.export".into(), ..Default::default() })),
        Code::PermissionDenied,
        "",
    );
}

#[test]
fn who_is_banned_learns_why_and_until_when_and_nobody_else_does() {
    let rig = Rig::on(STORE);
    let session = rig.email("ada@example.org", "correct horse").unwrap();
    let id = id_of(&rig.user_id(&session));
    let until = rig.now_ms() + 3_600_000;
    rig.runtime.block_on(rig.social.ban(id, Some(until), "cheating".into(), "operator".into())).unwrap();
    refused(rig.who(&session.token), Code::Unauthenticated, "");
    let told = rig.email("ada@example.org", "correct horse").unwrap_err();
    assert_eq!(told.code, Code::PermissionDenied);
    assert_eq!(told.message, "User account banned until 2023-11-14T23:13:20Z. Reason: cheating");
    refused(rig.email("ada@example.org", "wrong horse"), Code::Unauthenticated, "");
    assert_eq!(rig.refresh(&session.refresh_token), Err(told));
    rig.pass(3601);
    assert!(rig.email("ada@example.org", "correct horse").is_ok(), "its time is over");
    rig.runtime.block_on(rig.social.ban(id, None, String::new(), "operator".into())).unwrap();
    assert_eq!(rig.email("ada@example.org", "correct horse").unwrap_err().message, "User account banned.");
    rig.runtime.block_on(rig.social.unban(id)).unwrap();
    assert!(rig.email("ada@example.org", "correct horse").is_ok());
}
