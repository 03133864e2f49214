//! Sign-in with passwords, guesses, and new passwords by mail.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hillfort_api::api::*;
use hillfort_api::{ApiError, Call, Code, Reply, Who};
use hillfort_social::passwords::PasswordCost;
use hillfort_social::{Config, MailConfig, Security, SmtpConfig};

use crate::mail_server::{MailServer, Speaks};
use crate::rig::{Rig, config, email, refused};

fn rpc(rig: &Rig, session: &Session, id: &str, payload: serde_json::Value) -> Result<serde_json::Value, ApiError> {
    let rpc = Rpc { id: id.into(), payload: payload.to_string(), ..Default::default() };
    match rig.as_user(session, Call::RpcFunc(rpc))? {
        Reply::Rpc(rpc) => Ok(serde_json::from_str(&rpc.payload).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_password_signs_in_by_address_and_by_name() {
    let rig = Rig::new();
    let first = rig.sign_in(email("Ada@Example.org", "correct horse", None, "ada")).unwrap();
    assert!(first.created);
    let by_address = rig.sign_in(email("ada@example.ORG", "correct horse", Some(false), "")).unwrap();
    let by_name = rig.sign_in(email("", "correct horse", Some(true), "ada")).unwrap();
    for session in [by_address, by_name] {
        assert!(!session.created && rig.user_id(&session) == rig.user_id(&first));
    }
    for (call, code, field) in [
        (email("ada@example.org", "wrong horse", None, ""), Code::Unauthenticated, ""),
        (email("", "wrong horse", None, "ada"), Code::Unauthenticated, ""),
        (email("", "correct horse", None, "Ada"), Code::NotFound, ""),
        (email("bob@example.org", "correct horse", Some(false), ""), Code::NotFound, ""),
        (email("", "correct horse", None, ""), Code::InvalidArgument, "username"),
        (email("bob@example.org", "correct horse", None, "ada"), Code::AlreadyExists, "username"),
        (email("bob@example.org", "1234567", None, ""), Code::InvalidArgument, "password"),
        (email("bob@example.org", "", None, ""), Code::InvalidArgument, "password"),
        (email("bob@example.org", &"x".repeat(1025), None, ""), Code::InvalidArgument, "password"),
        (email("bob", "correct horse", None, ""), Code::InvalidArgument, "email"),
        (email("bob@example.org\n", "correct horse", None, ""), Code::InvalidArgument, "email"),
        (email("b@o.b", "correct horse", None, ""), Code::InvalidArgument, "email"),
    ] {
        refused(rig.sign_in(call), code, field);
    }
    let guest = rig.device("device-0001");
    let name = rig.account(&guest).user.unwrap().username;
    refused(rig.sign_in(email("", "correct horse", None, &name)), Code::Unauthenticated, "");
}

#[test]
fn unknown_names_can_be_hidden() {
    let rig = Rig::with(Config { hide_unknown: true, ..config() }, MailConfig::None);
    rig.email("ada@example.org", "correct horse").unwrap();
    let told = |call| rig.sign_in(call).unwrap_err();
    let known = told(email("ada@example.org", "wrong horse", Some(false), ""));
    for unknown in [email("bob@example.org", "wrong horse", Some(false), ""), email("", "wrong horse", Some(false), "bob")] {
        assert_eq!(told(unknown), known);
    }
}

#[test]
fn a_hash_of_another_cost_is_renewed_by_a_sign_in() {
    let rig = Rig::new();
    let session = rig.email("ada@example.org", "correct horse").unwrap();
    let hash = |rig: &Rig| rig.runtime.block_on(rig.store.accounts.password("ada@example.org".into())).unwrap().1.unwrap();
    assert!(hash(&rig).contains("m=64,t=1"));
    let dearer = Config { passwords: PasswordCost { memory_kib: 128, passes: 2, threads: 1, queue: 8 }, ..config() };
    let rig = rig.restarted(dearer);
    refused(rig.email("ada@example.org", "wrong horse"), Code::Unauthenticated, "");
    assert!(hash(&rig).contains("m=64,t=1"));
    rig.email("ada@example.org", "correct horse").unwrap();
    assert!(hash(&rig).contains("m=128,t=2"), "{}", hash(&rig));
    rig.email("ada@example.org", "correct horse").unwrap();
    assert!(rig.refresh(&session.refresh_token).is_ok(), "sessions live on");
}

#[test]
fn guesses_are_limited_by_account_and_address() {
    let rig = Rig::new();
    rig.email("ada@example.org", "correct horse").unwrap();
    let from = |address: &str, mail: &str, password: &str| {
        rig.call_from(Rig::from(Who::ServerKey, address), email(mail, password, Some(false), "")).map_err(|error| error.code)
    };
    // One account from one address: five.
    for _ in 0..5 {
        assert_eq!(from("198.51.100.1", "ada@example.org", "wrong horse"), Err(Code::Unauthenticated));
    }
    assert_eq!(from("198.51.100.1", "ada@example.org", "wrong horse"), Err(Code::ResourceExhausted));
    assert_eq!(from("198.51.100.1", "ada@example.org", "correct horse"), Err(Code::ResourceExhausted), "right or wrong");
    assert!(from("192.0.2.1", "ada@example.org", "correct horse").is_ok(), "others are not kept out by it");
    rig.pass(61);
    assert!(from("198.51.100.1", "ada@example.org", "correct horse").is_ok());
    // One account from everywhere: fifty; but not for the address from which its owner signed in.
    let mut refusals = 0;
    for number in 0..100 {
        let address = format!("198.51.{}.1", 101 + number);
        refusals += usize::from(from(&address, "ada@example.org", "wrong horse") == Err(Code::ResourceExhausted));
    }
    assert!((50..=52).contains(&refusals), "{refusals}");
    assert_eq!(from("203.0.113.9", "ada@example.org", "correct horse"), Err(Code::ResourceExhausted));
    assert!(from("192.0.2.1", "ada@example.org", "correct horse").is_ok(), "her own");
    // One address, whatever the accounts: thirty.
    let tried = (0..40)
        .filter(|number| from("203.0.113.7", &format!("user{number:03}@example.org"), "password") == Err(Code::NotFound))
        .count();
    assert_eq!(tried, 30);
    // What succeeds is not counted.
    for _ in 0..100 {
        rig.pass(1);
        assert!(from("192.0.2.1", "ada@example.org", "correct horse").is_ok());
    }
}

#[test]
fn a_password_is_changed_by_the_old_one_and_ends_all_sessions() {
    let rig = Rig::new();
    let (first, second) =
        (rig.email("ada@example.org", "correct horse").unwrap(), rig.email("ada@example.org", "correct horse").unwrap());
    let change = |session: &Session, old: &str, new: &str| {
        rpc(&rig, session, "hillfort.password_change", serde_json::json!({"old": old, "new": new}))
    };
    refused(change(&first, "wrong horse", "battery staple"), Code::Unauthenticated, "");
    refused(change(&first, "correct horse", "short"), Code::InvalidArgument, "password");
    refused(
        rpc(&rig, &first, "hillfort.password_change", serde_json::json!({"new": "battery staple"})),
        Code::InvalidArgument,
        "payload",
    );
    refused(
        rpc(
            &rig,
            &rig.device("device-0001"),
            "hillfort.password_change",
            serde_json::json!({"old": "a", "new": "battery staple"}),
        ),
        Code::FailedPrecondition,
        "",
    );
    let answer = change(&first, "correct horse", "battery staple").unwrap();
    assert!(rig.who(answer["token"].as_str().unwrap()).is_ok());
    assert!(rig.refresh(answer["refresh_token"].as_str().unwrap()).is_ok());
    for session in [&first, &second] {
        refused(rig.who(&session.token), Code::Unauthenticated, "");
        refused(rig.refresh(&session.refresh_token), Code::Unauthenticated, "");
    }
    refused(rig.email("ada@example.org", "correct horse"), Code::Unauthenticated, "");
    assert!(rig.email("ada@example.org", "battery staple").is_ok());
}

/// Waits until so many mails were sent; the service's tasks go on meanwhile.
fn wait_for_mail(rig: &Rig, number: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while rig.social.mail_stats().sent.load(Ordering::Relaxed) < number {
        assert!(Instant::now() < deadline, "no mail");
        rig.runtime.block_on(tokio::task::yield_now());
    }
}

#[test]
fn a_lost_password_is_replaced_by_a_token_that_is_good_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with(config(), MailConfig::Folder(folder.path().to_owned()));
    let session = rig.email("ada@example.org", "correct horse").unwrap();
    let guest = rig.device("device-0001");
    let ask = |address: &str| rpc(&rig, &guest, "hillfort.password_reset_request", serde_json::json!({"email": address}));
    let reset = |token: &str, password: &str| {
        rpc(&rig, &guest, "hillfort.password_reset", serde_json::json!({"token": token, "password": password}))
    };
    let token = |number: usize| {
        let text = std::fs::read_to_string(folder.path().join(format!("{number:03}.eml"))).unwrap();
        assert!(text.starts_with("To: ada@example.org\n"), "{text}");
        text.lines().find_map(|line| line.strip_prefix("Token: ")).unwrap().to_owned()
    };
    // The same answer for who is there and who is not.
    assert_eq!(ask("nobody@example.org").unwrap(), ask("ADA@example.org").unwrap());
    wait_for_mail(&rig, 1);
    refused(ask("ada"), Code::InvalidArgument, "email");
    let first = token(0);
    ask("ada@example.org").unwrap();
    wait_for_mail(&rig, 2);
    let second = token(1);
    refused(reset(&first, "battery staple"), Code::InvalidArgument, "token");
    refused(reset(&second, "short"), Code::InvalidArgument, "password");
    refused(reset(&second[1..], "battery staple"), Code::InvalidArgument, "token");
    reset(&second, "battery staple").unwrap();
    refused(reset(&second, "another one"), Code::InvalidArgument, "token");
    refused(rig.who(&session.token), Code::Unauthenticated, "");
    refused(rig.refresh(&session.refresh_token), Code::Unauthenticated, "");
    refused(rig.email("ada@example.org", "correct horse"), Code::Unauthenticated, "");
    assert!(rig.email("ada@example.org", "battery staple").is_ok());
    ask("ada@example.org").unwrap();
    wait_for_mail(&rig, 3);
    refused(ask("ada@example.org"), Code::ResourceExhausted, "");
    let third = token(2);
    rig.pass(30 * 60 + 1);
    let guest = rig.device("device-0001");
    let late = rpc(&rig, &guest, "hillfort.password_reset", serde_json::json!({"token": third, "password": "battery staple"}));
    refused(late, Code::InvalidArgument, "token");
}

#[test]
fn a_lost_password_is_replaced_by_a_mail_that_came_by_smtp() {
    for (speaks, security) in [(Speaks::Tls, Security::Tls), (Speaks::StartTls, Security::StartTls)] {
        let server = MailServer::start(speaks, "localhost");
        let smtp = SmtpConfig {
            host: "localhost".into(),
            port: server.port,
            security,
            user: "mailer".into(),
            password: "secret".into(),
            from: "The Game <noreply@example.org>".into(),
            extra_pem: server.pem.clone(),
        };
        let mut config = config();
        config.reset.link = "https://game.example/reset?token={token}&from=mail".into();
        let rig = Rig::with(config, MailConfig::Smtp(smtp));
        let ada = rig.email("ada@example.org", "correct horse").unwrap();
        let guest = rig.device("device-0001");
        let asked = rpc(&rig, &guest, "hillfort.password_reset_request", serde_json::json!({"email": "ada@example.org"}));
        assert_eq!(asked.unwrap(), serde_json::json!({}));
        wait_for_mail(&rig, 1);
        let mail = server.until_the_end();
        assert!(mail.iter().any(|heard| heard.line == "RCPT TO:<ada@example.org>"), "{mail:#?}");
        // Quoted-printable, as long lines are: "=" at an end goes on in the next, and "=3D" is "=".
        let lines: Vec<_> = mail.iter().map(|heard| heard.line.as_str()).collect();
        assert!(lines.contains(&"Content-Transfer-Encoding: quoted-printable"), "{mail:#?}");
        let text = lines.join("\n").replace("=\n", "").replace("=3D", "=");
        let link = text.lines().find_map(|line| line.strip_prefix("https://game.example/reset?token=")).unwrap();
        let payload = serde_json::json!({"token": link.strip_suffix("&from=mail").unwrap(), "password": "battery staple"});
        rpc(&rig, &guest, "hillfort.password_reset", payload).unwrap();
        refused(rig.who(&ada.token), Code::Unauthenticated, "");
        refused(rig.email("ada@example.org", "correct horse"), Code::Unauthenticated, "");
        assert!(!rig.email("ada@example.org", "battery staple").unwrap().created);
    }
}

/// A person's own devices go on; whoever thinks that somebody else has linked one unlinks all.
#[test]
fn other_ways_to_sign_in_are_named_and_unlinked_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with(config(), MailConfig::Folder(folder.path().to_owned()));
    let ada = rig.email("ada@example.org", "correct horse").unwrap();
    let link = |session: &Session, id: &str| {
        rig.as_user(session, Call::LinkDevice(AccountDevice { id: id.into(), ..Default::default() })).unwrap()
    };
    link(&ada, "device-0001");
    link(&ada, "device-0002");
    let id = rig.user_id(&ada);
    let change = |session: &Session, old: &str, new: &str, unlink: bool| {
        let payload = serde_json::json!({"old": old, "new": new, "unlink_others": unlink});
        let answer = rpc(&rig, session, "hillfort.password_change", payload).unwrap();
        (rig.device_or_none("device-0001"), answer["other_ways"].clone())
    };
    let (kept, ways) = change(&ada, "correct horse", "battery staple", false);
    assert_eq!((rig.user_id(&kept.unwrap()), ways), (id.clone(), serde_json::json!({"device": 2})));
    let ada = rig.email("ada@example.org", "battery staple").unwrap();
    let (gone, ways) = change(&ada, "battery staple", "correct horse", true);
    assert_eq!((gone, ways), (None, serde_json::json!({})));
    let ada = rig.email("ada@example.org", "correct horse").unwrap();
    link(&ada, "device-0003");
    let guest = rig.device("device-of-a-guest");
    rpc(&rig, &guest, "hillfort.password_reset_request", serde_json::json!({"email": "ada@example.org"})).unwrap();
    wait_for_mail(&rig, 1);
    let text = std::fs::read_to_string(folder.path().join("000.eml")).unwrap();
    let token = text.lines().find_map(|line| line.strip_prefix("Token: ")).unwrap();
    let payload = serde_json::json!({"token": token, "password": "battery staple", "unlink_others": true});
    assert_eq!(rpc(&rig, &guest, "hillfort.password_reset", payload).unwrap(), serde_json::json!({"other_ways": {}}));
    assert_eq!(rig.device_or_none("device-0003"), None);
    assert_eq!(rig.user_id(&rig.email("ada@example.org", "battery staple").unwrap()), id);
}

/// A name that is taken, a server that is busy: nobody has guessed.
#[test]
fn what_is_no_guess_is_not_charged() {
    let rig = Rig::new();
    rig.sign_in(email("ada@example.org", "correct horse", None, "ada")).unwrap();
    for number in 0..40 {
        rig.pass(1);
        let taken = rig.sign_in(email(&format!("bob{number}@example.org"), "correct horse", None, "ada"));
        refused(taken, Code::AlreadyExists, "username");
    }
    assert!(rig.email("ada@example.org", "correct horse").is_ok());
}

#[test]
fn without_mail_a_reset_is_refused_whoever_asks() {
    let rig = Rig::new();
    rig.email("ada@example.org", "correct horse").unwrap();
    let guest = rig.device("device-0001");
    for address in ["ada@example.org", "nobody@example.org"] {
        let asked = rpc(&rig, &guest, "hillfort.password_reset_request", serde_json::json!({"email": address}));
        refused(asked, Code::FailedPrecondition, "");
    }
}
