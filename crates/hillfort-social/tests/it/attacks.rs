//! Floods, enumeration, and text that means something to others.

use std::time::{Duration, Instant};

use hillfort_api::api::*;
use hillfort_api::{Call, Code, Reply, Who};

use crate::counted::Asked;
use crate::rig::{Rig, device, email, refused};

#[test]
fn an_unknown_name_costs_as_much_as_a_wrong_password() {
    let rig = Rig::new();
    rig.sign_in(email("ada@example.org", "correct horse", None, "ada")).unwrap();
    rig.sign_in(device("device-0001", None, "guest")).unwrap();
    let computed = || rig.social.password_stats().computed.load(std::sync::atomic::Ordering::Relaxed);
    // Time is what a hash takes, some 30 ms against microseconds: so hashes are counted. The bench shows the times.
    for (mail, name) in [("ada@example.org", ""), ("bob@example.org", ""), ("", "ada"), ("", "bob"), ("", "guest")] {
        let before = computed();
        assert!(rig.sign_in(email(mail, "wrong horse", Some(false), name)).is_err());
        assert_eq!(computed(), before + 1, "{mail}{name}");
    }
}

/// Known, unknown, without a password, banned: with a wrong password all are the same, in words and in work. Work is counted in hashes
/// and in questions to the store; and whoever asks for a new password learns nothing either.
#[test]
fn nobody_learns_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let hidden = hillfort_social::Config { hide_unknown: true, ..crate::rig::config() };
    let (rig, asked) = Rig::counted(hidden, hillfort_social::MailConfig::Folder(folder.path().to_owned()));
    rig.sign_in(email("ada@example.org", "correct horse", None, "ada")).unwrap();
    let banned = rig.sign_in(email("mallory@example.org", "correct horse", None, "mallory")).unwrap();
    let guest = rig.sign_in(device("device-0001", None, "guest")).unwrap();
    let id = hillfort_api::UserId::parse(&rig.user_id(&banned)).unwrap();
    rig.runtime.block_on(rig.social.ban(id, None, "for cheating".into(), "ops".into())).unwrap();
    let computed = || rig.social.password_stats().computed.load(std::sync::atomic::Ordering::Relaxed);
    let known = rig.sign_in(email("ada@example.org", "wrong horse", Some(false), "")).unwrap_err();
    assert_eq!(known.code, Code::Unauthenticated);
    let by_address =
        ["ada@example.org", "nobody@example.org", "mallory@example.org", "o'neil@example.org"].map(|mail| (mail, ""));
    for (mail, name) in by_address.into_iter().chain(["ada", "nobody", "guest", "mallory"].map(|name| ("", name))) {
        let before = computed();
        asked.lock().unwrap().clear();
        let told = rig.sign_in(email(mail, "wrong horse", Some(false), name)).unwrap_err();
        assert_eq!((told, computed() - before), (known.clone(), 1), "{mail}{name}");
        let questions = if name.is_empty() { ["by_identities", "password"] } else { ["by_usernames", "password"] };
        assert_eq!(*asked.lock().unwrap(), questions, "{mail}{name}");
    }
    let before = computed();
    let asked = ["ada@example.org", "nobody@example.org", "mallory@example.org"].map(|mail| {
        let payload = serde_json::json!({ "email": mail }).to_string();
        rig.as_user(&guest, Call::RpcFunc(Rpc { id: "hillfort.password_reset_request".into(), payload, ..Default::default() }))
    });
    assert!(asked.iter().all(|answer| answer.is_ok() && *answer == asked[0]), "{asked:?}");
    assert_eq!(computed(), before);
}

#[test]
fn a_flood_from_one_address_is_refused_before_it_costs_anything() {
    let rig = Rig::new();
    let mut refusals = 0;
    for number in 0..400 {
        match rig.sign_in(device(&format!("device-{number:05}"), None, "")) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.code, Code::ResourceExhausted, "{error}");
                refusals += 1;
            }
        }
    }
    assert_eq!(refusals, 200);
    assert_eq!(rig.runtime.block_on(rig.store.accounts.count()).unwrap(), 200);
    let elsewhere = rig.call_from(Rig::from(Who::ServerKey, "203.0.113.1"), device("device-99999", None, ""));
    assert!(elsewhere.is_ok());
}

/// Budgets and payloads are what is set, for each account, address and class by itself.
#[test]
fn budgets_and_payloads_are_settings() {
    let mut config = crate::rig::config();
    let (few, plenty) = (hillfort_social::limits::Allowance::new(2, 60_000), hillfort_social::limits::Allowance::new(1000, 1));
    config.budgets.account = [plenty; 6];
    config.budgets.address = [plenty; 6];
    config.budgets.account[hillfort_social::Class::Write as usize] = few;
    config.budgets.address[hillfort_social::Class::SignIn as usize] = hillfort_social::limits::Allowance::new(3, 60_000);
    config.payloads = hillfort_social::Payloads { object_bytes: 9, rpc_bytes: 20, batch: 2, vars_bytes: 4 };
    let rig = Rig::with(config, hillfort_social::MailConfig::None);
    let (ada, eve) = (rig.device("device-0001"), rig.device("device-0002"));
    let object =
        |value: &str| WriteStorageObject { collection: "c".into(), key: "k".into(), value: value.into(), ..Default::default() };
    let write = |session: &Session, objects: Vec<WriteStorageObject>| {
        rig.as_user(session, Call::WriteStorageObjects(WriteStorageObjectsRequest { objects }))
    };
    refused(write(&ada, vec![object("{\"a\":1234}")]), Code::InvalidArgument, "value");
    assert!(write(&ada, vec![object("{\"a\":123}")]).is_ok());
    refused(write(&ada, vec![object("{}")]), Code::ResourceExhausted, "");
    assert!(write(&eve, vec![object("{}")]).is_ok(), "another account's budget is its own");
    refused(write(&eve, vec![object("{}"); 3]), Code::InvalidArgument, "objects");
    assert!(rig.as_user(&ada, Call::GetAccount(())).is_ok(), "another class");
    let rpc = |bytes: usize| Call::RpcFunc(Rpc { id: "none".into(), payload: "x".repeat(bytes), ..Default::default() });
    refused(rig.as_user(&ada, rpc(21)), Code::InvalidArgument, "payload");
    refused(rig.as_user(&ada, rpc(20)), Code::NotFound, "");
    refused(
        rig.sign_in(device("device-0003", None, "")).map(drop).and_then(|()| rig.sign_in(device("device-0004", None, ""))),
        Code::ResourceExhausted,
        "",
    );
    let elsewhere = rig.call_from(Rig::from(Who::ServerKey, "203.0.113.1"), device("device-0004", None, ""));
    assert!(elsewhere.is_ok());
    rig.pass(60);
    let vars = |bytes: usize| {
        let account = AccountDevice { id: "device-0005".into(), vars: [("v".to_owned(), "x".repeat(bytes))].into() };
        Call::AuthenticateDevice(AuthenticateDeviceRequest { account: Some(account), ..Default::default() })
    };
    refused(rig.sign_in(vars(4)), Code::InvalidArgument, "vars");
    rig.pass(60);
    assert!(rig.sign_in(vars(3)).is_ok());
}

#[test]
fn one_account_does_not_starve_another() {
    let rig = Rig::new();
    let (flooder, honest) = (rig.device("device-0001"), rig.device("device-0002"));
    let mut refusals = 0;
    for _ in 0..300 {
        refusals += usize::from(rig.as_user(&flooder, Call::GetUsers(GetUsersRequest::default())).is_err());
    }
    assert_eq!(refusals, 100);
    assert!(rig.as_user(&honest, Call::GetAccount(())).is_ok());
}

#[test]
fn names_that_look_alike_are_other_names_and_no_other_signs_in_as_ada() {
    let rig = Rig::new();
    rig.sign_in(email("ada@example.org", "correct horse", None, "ada")).unwrap();
    // Cyrillic letters, a ligature, full width: names of their own, since half the world writes so.
    for name in ["аda", "ａｄａ", "adá", "ADA"] {
        refused(rig.sign_in(email("", "correct horse", None, name)), Code::NotFound, "");
    }
    for name in ["a\u{200b}da", "\u{202e}ada", "ada\u{feff}", "ada\u{0}", "ada\u{ad}"] {
        refused(rig.sign_in(device("device-0001", None, name)), Code::InvalidArgument, "username");
    }
}

#[test]
fn text_is_never_a_command() {
    let rig = Rig::new();
    for (number, name) in
        ["'; DROP TABLE users; --", "\" OR 1=1 --", "%' OR '1'='1", "{{7*7}}", "<script>alert(1)</script>", "${env:HOME}"]
            .into_iter()
            .enumerate()
    {
        let session = rig.sign_in(device(&format!("device-{number:04}"), None, name)).unwrap();
        assert_eq!(rig.account(&session).user.unwrap().username, name);
        let found = rig.as_user(&session, Call::GetUsers(GetUsersRequest { usernames: vec![name.into()], ..Default::default() }));
        let Ok(Reply::Users(users)) = found else { panic!() };
        assert_eq!(users.users.len(), 1, "{name}");
    }
    let address = "o'neil+tag@example.org";
    rig.email(address, "' OR ''='").unwrap();
    refused(rig.email(address, "x' OR 'x'='x"), Code::Unauthenticated, "");
}

/// Waits until the housekeeping has read all accounts, in the one turn in which it is ready.
fn wait_for_the_filter(rig: &Rig, asked: &Asked) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !asked.lock().unwrap().contains(&"list") {
        assert!(Instant::now() < deadline, "the filter is not filled");
        rig.runtime.block_on(tokio::task::yield_now());
    }
}

#[test]
fn a_flood_of_unknown_ids_is_answered_from_memory() {
    let (rig, asked) = Rig::counted(crate::rig::config(), hillfort_social::MailConfig::None);
    let session = rig.device("device-0001");
    wait_for_the_filter(&rig, &asked);
    let stats = rig.social.people_stats();
    for turn in 0..150_u64 {
        let ids = (0..1000).map(|number| {
            let bits =
                u128::from((turn * 1000 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(turn << 32 | number);
            hillfort_api::UserId(bits.to_be_bytes()).to_string()
        });
        let found = rig.as_user(&session, Call::GetUsers(GetUsersRequest { ids: ids.collect(), ..Default::default() }));
        assert_eq!(found, Ok(Users::default().into()));
    }
    let reached = stats.asked.load(std::sync::atomic::Ordering::Relaxed);
    assert!(reached <= 300, "{reached} of 150,000 reached the store");
}

/// Identities that nobody has: Facebook's ids in lookups, and devices that sign in without making an account.
#[test]
fn a_flood_of_unknown_identities_is_answered_from_memory() {
    let mut config = crate::rig::config();
    let plenty = hillfort_social::limits::Allowance::new(1 << 20, 1);
    config.budgets = hillfort_social::Budgets { account: [plenty; 6], address: [plenty; 6] };
    let (rig, asked) = Rig::counted(config, hillfort_social::MailConfig::None);
    let ada = rig.device("device-of-ada");
    wait_for_the_filter(&rig, &asked);
    asked.lock().unwrap().clear();
    let stats = rig.social.people_stats();
    for turn in 0..50 {
        let facebook_ids = (0..1000).map(|number| format!("{turn}{number:04}")).collect();
        let found = rig.as_user(&ada, Call::GetUsers(GetUsersRequest { facebook_ids, ..Default::default() }));
        assert_eq!(found, Ok(Users::default().into()));
    }
    let reached = stats.asked.load(std::sync::atomic::Ordering::Relaxed);
    assert!(reached <= 100, "{reached} of 50,000 reached the store");
    asked.lock().unwrap().clear();
    for number in 0..5000 {
        assert_eq!(rig.device_or_none(&format!("device-{number:05}")), None);
    }
    let reached = asked.lock().unwrap().iter().filter(|&&asked| asked == "sign_in").count();
    assert!(reached <= 15, "{reached} of 5,000 reached the store");
    // Whoever is there is found: who was made, what was linked a moment ago, and all of them by a server that was started anew.
    let found = |rig: &Rig| ["device-of-ada", "linked-device"].map(|device| rig.device_or_none(device).is_some());
    assert_eq!(found(&rig), [true, false]);
    let link = AccountDevice { id: "linked-device".into(), ..Default::default() };
    rig.as_user(&ada, Call::LinkDevice(link.clone())).unwrap();
    assert_eq!(found(&rig), [true, true]);
    let id = rig.user_id(&ada);
    let stored = hillfort_store::UserId(hillfort_api::UserId::parse(&id).unwrap().0);
    let facebook = hillfort_store::Identity::new(hillfort_store::IdentityKind::Facebook, "770077");
    rig.runtime.block_on(rig.store.accounts.link(stored, facebook, None, rig.now_ms())).unwrap();
    let by_facebook = |rig: &Rig| {
        let request = GetUsersRequest { facebook_ids: vec!["770077".into(), "770078".into()], ..Default::default() };
        match rig.as_user(&ada, Call::GetUsers(request)).unwrap() {
            Reply::Users(users) => users.users.into_iter().map(|user| user.id).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    asked.lock().unwrap().clear();
    let again = rig.restarted(crate::rig::config());
    assert_eq!(found(&again), [true, true], "before the filter is filled");
    assert_eq!(by_facebook(&again), [id.as_str()]);
    wait_for_the_filter(&again, &asked);
    assert_eq!(found(&again), [true, true]);
    again.pass(11);
    assert_eq!(by_facebook(&again), [id.as_str()]);
    again.as_user(&again.device("device-of-ada"), Call::UnlinkDevice(link)).unwrap();
    assert_eq!(found(&again), [true, false]);
}

/// The filter keeps nothing of who was refused: it would be filled again and again.
#[test]
fn a_sign_up_that_is_refused_for_a_taken_name_leaves_its_identity_nobodys() {
    let (rig, asked) = Rig::counted(crate::rig::config(), hillfort_social::MailConfig::None);
    let ada = rig.sign_in(device("device-of-ada", None, "ada")).unwrap();
    wait_for_the_filter(&rig, &asked);
    let second = AccountEmail { email: "ada@example.org".into(), password: "correct horse".into(), ..Default::default() };
    rig.as_user(&ada, Call::LinkEmail(second.clone())).unwrap();
    refused(rig.sign_in(device("device-of-eve", None, "ada")), Code::AlreadyExists, "username");
    let other = AccountEmail { email: "eve@example.org".into(), ..second };
    refused(rig.as_user(&ada, Call::LinkEmail(other)), Code::AlreadyExists, "");
    asked.lock().unwrap().clear();
    assert_eq!(rig.device_or_none("device-of-eve"), None);
    assert_eq!(*asked.lock().unwrap(), Vec::<&str>::new(), "the filter knows that it is nobody's");
    // The same identity with a free name.
    rig.sign_in(device("device-of-eve", None, "eve")).unwrap();
    assert!(rig.device_or_none("device-of-eve").is_some());
}

/// Objects that are not there are looked up in the store: 64 of them count as a call.
#[test]
fn objects_that_are_looked_up_are_paid_for() {
    let rig = Rig::new();
    let ada = rig.device("device-0001");
    let read = |count: usize| {
        let ids = (0..count).map(|number| ReadStorageObjectId {
            collection: "c".into(),
            key: number.to_string(),
            ..Default::default()
        });
        rig.as_user(&ada, Call::ReadStorageObjects(ReadStorageObjectsRequest { object_ids: ids.collect() }))
    };
    let calls = (0..).take_while(|_| read(1024).is_ok()).count();
    // Of 200 at once each took seventeen.
    assert_eq!(calls, 12);
    refused(read(1), Code::ResourceExhausted, "");
    rig.pass(5);
    assert!(read(1).is_ok());
}

/// Doors make room for an answer before the call looks at its question.
#[test]
fn a_question_that_is_too_long_claims_no_room_for_its_answer() {
    let rig = Rig::new();
    for ids in [0, 1, 1024, 3 * 1024, 100_000, 1_000_000] {
        let call = Call::GetUsers(GetUsersRequest { ids: vec![String::new(); ids], ..Default::default() });
        assert_eq!(hillfort_api::Service::answer_max(&rig.social, &call), ids.min(3 * 1024) * 1024);
    }
}

#[test]
fn a_list_of_long_profiles_is_bounded() {
    let rig = Rig::new();
    let metadata = format!("{{\"x\":\"{}\"}}", "y".repeat(60_000));
    let ids: Vec<String> = (0..80)
        .map(|number| {
            rig.pass(60);
            let id = rig.user_id(&rig.device(&format!("device-of-{number:04}")));
            let user = hillfort_store::UserId(hillfort_api::UserId::parse(&id).unwrap().0);
            let update = hillfort_store::AccountUpdate { metadata: Some(metadata.clone()), ..Default::default() };
            rig.runtime.block_on(rig.store.accounts.update(user, update, 1)).unwrap();
            id
        })
        .collect();
    let ada = rig.device("device-0001");
    let users = |count: usize| {
        let ids = ids[..count].to_vec();
        rig.as_user(&ada, Call::GetUsers(GetUsersRequest { ids, ..Default::default() }))
    };
    let Ok(Reply::Users(found)) = users(69) else { panic!("69 of some 60,300 bytes are below 4 MiB") };
    assert_eq!(found.users.len(), 69);
    refused(users(70), Code::InvalidArgument, "");
}
