//! What modules ask: the same accounts and data, on the server's behalf.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hillfort_api::{Code, UserId};
use hillfort_modules::backend::{
    AccountUpdate, Answer, Ask, Backend, Credential, Fault, MultiUpdate, ObjectDelete, ObjectKey, ObjectQuery, ObjectWrite,
    WalletUpdate,
};

use crate::rig::{Rig, refused};

/// Who answers what this crate does not.
struct Others;

impl Backend for Others {
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        Box::pin(async move { Ok(Answer::Text(format!("{ask:?}"))) })
    }
}

fn ask(rig: &Rig, ask: Ask) -> Result<Answer, Fault> {
    rig.runtime.block_on(rig.social.backend(None).ask(ask))
}

fn key(name: &str, user_id: Option<[u8; 16]>) -> ObjectKey {
    ObjectKey { collection: "saves".into(), key: name.into(), user_id }
}

fn object(name: &str, user_id: Option<[u8; 16]>, value: &str) -> ObjectWrite {
    ObjectWrite { key: key(name, user_id), value: value.into(), version: String::new(), permission_read: 0, permission_write: 0 }
}

fn refused_with<T: std::fmt::Debug>(answer: Result<T, Fault>, code: Code) {
    assert_eq!(answer.unwrap_err().code, code as u8);
}

fn register(rig: &Rig, id: &str, username: &str) -> [u8; 16] {
    let credential = Credential::Device { id: id.into() };
    match ask(rig, Ask::Authenticate { credential, username: Some(username.into()), create: true }) {
        Ok(Answer::Authenticated(who)) => {
            assert!(who.created && who.username == username);
            who.user_id
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_module_signs_people_in_and_gives_tokens() {
    let rig = Rig::new();
    let ada = register(&rig, "device-0001", "ada");
    let again = Ask::Authenticate { credential: Credential::Device { id: "device-0001".into() }, username: None, create: false };
    let Ok(Answer::Authenticated(who)) = ask(&rig, again) else { panic!() };
    assert!(!who.created && who.user_id == ada);
    let unknown = Ask::Authenticate { credential: Credential::Custom { id: "custom-1".into() }, username: None, create: false };
    refused_with(ask(&rig, unknown), Code::NotFound);
    // She has no password; and the limits of guesses are not a module's.
    for wrong in 0..10 {
        let credential = Credential::Username { username: "ada".into(), password: format!("password {wrong}") };
        refused_with(ask(&rig, Ask::Authenticate { credential, username: None, create: true }), Code::Unauthenticated);
    }
    let link = |credential| ask(&rig, Ask::Link { user_id: ada, credential });
    let email = || Credential::Email { email: "ada@example.org".into(), password: "correct horse".into() };
    assert_eq!(link(email()), Ok(Answer::Done));
    refused_with(link(Credential::Username { username: "a".into(), password: "b".into() }), Code::InvalidArgument);
    let by_name = Ask::Authenticate {
        credential: Credential::Username { username: "ada".into(), password: "correct horse".into() },
        username: Some("ada".into()),
        create: false,
    };
    assert!(matches!(ask(&rig, by_name), Ok(Answer::Authenticated(_))));
    assert_eq!(ask(&rig, Ask::Unlink { user_id: ada, credential: email() }), Ok(Answer::Done));

    let vars = vec![("tier".into(), "gold".into())];
    let generate = Ask::TokenGenerate { user_id: ada, username: String::new(), expires_s: Some(rig.now_ms() / 1000 + 500), vars };
    let Ok(Answer::Token(token)) = ask(&rig, generate) else { panic!() };
    let who = rig.who(&token.token).unwrap();
    let user = who.user().unwrap();
    assert_eq!((user.user_id.0, user.vars["tier"].as_str(), user.expires_s), (ada, "gold", token.expires_s));
    let logout = Ask::SessionLogout { user_id: ada, token: token.token.clone(), refresh_token: String::new() };
    assert_eq!(ask(&rig, logout), Ok(Answer::Done));
    refused(rig.who(&token.token), Code::Unauthenticated, "");
    refused_with(
        ask(&rig, Ask::TokenGenerate { user_id: [9; 16], username: String::new(), expires_s: None, vars: Vec::new() }),
        Code::NotFound,
    );
}

#[test]
fn a_module_sees_and_changes_people() {
    let rig = Rig::new();
    let (ada, bob) = (register(&rig, "device-0001", "ada"), register(&rig, "device-0002", "bob"));
    let update = AccountUpdate {
        user_id: ada,
        display_name: Some("Ada".into()),
        metadata: Some(r#"{"rank":3}"#.into()),
        username: Some(String::new()),
        ..Default::default()
    };
    assert_eq!(ask(&rig, Ask::AccountUpdate(update)), Ok(Answer::Done));
    let Ok(Answer::Accounts(accounts)) = ask(&rig, Ask::Accounts(vec![ada, [9; 16]])) else { panic!() };
    assert_eq!(accounts.len(), 1);
    assert_eq!((accounts[0].user.display_name.as_str(), accounts[0].user.metadata.as_str()), ("Ada", r#"{"rank":3}"#));
    assert_eq!(accounts[0].devices, ["device-0001"]);
    let users = Ask::Users { ids: vec![ada], usernames: vec!["bob".into(), "nobody".into()], facebook_ids: vec!["1".into()] };
    let Ok(Answer::Users(users)) = ask(&rig, users) else { panic!() };
    assert_eq!(users.iter().map(|user| user.user_id).collect::<Vec<_>>(), [ada, bob]);
    let Ok(Answer::Users(some)) = ask(&rig, Ask::UsersRandom(10)) else { panic!() };
    assert_eq!(some.len(), 2);
    assert_eq!(ask(&rig, Ask::UsersBan(vec![bob])), Ok(Answer::Done));
    refused(rig.sign_in(crate::rig::device("device-0002", None, "")), Code::PermissionDenied, "");
    assert_eq!(ask(&rig, Ask::UsersUnban(vec![bob])), Ok(Answer::Done));
    rig.device("device-0002");
    let Ok(Answer::Text(export)) = ask(&rig, Ask::AccountExport(ada)) else { panic!() };
    assert!(export.contains("device-0001"));
    assert_eq!(ask(&rig, Ask::AccountDelete { user_id: bob, recorded: true }), Ok(Answer::Done));
    let tombstone = rig.runtime.block_on(rig.store.accounts.tombstone(hillfort_store::UserId(bob))).unwrap().unwrap();
    assert_eq!(tombstone.by, "module");
    refused_with(ask(&rig, Ask::AccountDelete { user_id: bob, recorded: true }), Code::NotFound);
}

#[test]
fn a_module_keeps_data_that_no_person_may_touch() {
    let rig = Rig::new();
    let ada = register(&rig, "device-0001", "ada");
    let written = ask(&rig, Ask::StorageWrite(vec![object("k1", Some(ada), r#"{"n":1}"#), object("k2", None, "{}")]));
    let Ok(Answer::Acks(acks)) = written else { panic!("{written:?}") };
    assert_eq!((acks[0].key.user_id, acks[1].key.user_id), (Some(ada), None));
    let Ok(Answer::Objects(found)) = ask(&rig, Ask::StorageRead(vec![key("k1", Some(ada)), key("k2", None), key("k3", None)]))
    else {
        panic!()
    };
    assert_eq!(found.iter().map(|object| object.key.key.as_str()).collect::<Vec<_>>(), ["k1", "k2"]);
    assert_eq!(found[0].version, acks[0].version);
    let list =
        |caller_id| ObjectQuery { user_id: Some(ada), collection: "saves".into(), limit: 10, cursor: String::new(), caller_id };
    let count = |query| match ask(&rig, Ask::StorageList(query)) {
        Ok(Answer::ObjectList(list)) => list.objects.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((count(list(None)), count(list(Some(ada)))), (1, 0), "the server's eyes, and hers");
    let wrong = ObjectWrite { version: "x".into(), ..object("k1", Some(ada), "{}") };
    refused_with(ask(&rig, Ask::StorageWrite(vec![wrong])), Code::FailedPrecondition);
    let bad = ObjectWrite { permission_read: 7, ..object("k1", Some(ada), "{}") };
    refused_with(ask(&rig, Ask::StorageWrite(vec![bad])), Code::InvalidArgument);
    let wrong = ObjectWrite { version: "x".into(), ..object("hot", Some(ada), "{}") };
    refused_with(ask(&rig, Ask::StorageWriteBehind(vec![wrong])), Code::InvalidArgument);
    for n in 0..100 {
        let write = object("hot", Some(ada), &format!(r#"{{"n":{n}}}"#));
        assert_eq!(ask(&rig, Ask::StorageWriteBehind(vec![write])), Ok(Answer::Done));
    }
    // The end of the server waits for what waits.
    rig.runtime.block_on(rig.social.close());
    let Ok(Answer::Objects(found)) = ask(&rig, Ask::StorageRead(vec![key("hot", Some(ada))])) else { panic!() };
    assert_eq!(found[0].value, r#"{"n":99}"#);
    refused_with(ask(&rig, Ask::StorageWriteBehind(vec![object("hot", None, "{}")])), Code::Unavailable);
    let delete = ObjectDelete { key: key("k1", Some(ada)), version: String::new() };
    assert_eq!(ask(&rig, Ask::StorageDelete(vec![delete.clone(), delete])), Ok(Answer::Done));
}

#[test]
fn a_module_pays_and_notes_it() {
    let rig = Rig::new();
    let ada = register(&rig, "device-0001", "ada");
    let pay = |amount: i64| WalletUpdate {
        user_id: ada,
        changeset: vec![("coins".into(), amount)],
        metadata: r#"{"for":"a quest"}"#.into(),
    };
    let Ok(Answer::Wallets(paid)) = ask(&rig, Ask::WalletsUpdate { updates: vec![pay(50)], ledger: true }) else { panic!() };
    assert_eq!((paid[0].previous.clone(), paid[0].updated.clone()), (vec![], vec![("coins".into(), 50)]));
    refused_with(ask(&rig, Ask::WalletsUpdate { updates: vec![pay(-20), pay(-50)], ledger: true }), Code::FailedPrecondition);
    let together = MultiUpdate {
        accounts: vec![AccountUpdate { user_id: ada, username: Some("countess".into()), ..Default::default() }],
        writes: vec![object("quest", Some(ada), "{}")],
        wallets: vec![pay(-20)],
        ledger: true,
        ..Default::default()
    };
    let Ok(Answer::Multi(done)) = ask(&rig, Ask::MultiUpdate(together)) else { panic!() };
    assert_eq!((done.acks.len(), done.wallets[0].updated.clone()), (1, vec![("coins".into(), 30)]));
    let users = Ask::Users { ids: vec![], usernames: vec!["countess".into(), "ada".into()], facebook_ids: vec![] };
    let Ok(Answer::Users(users)) = ask(&rig, users) else { panic!() };
    assert_eq!(users.len(), 1, "the new name, and not the old one");
    let Ok(Answer::Ledger(ledger)) = ask(&rig, Ask::LedgerList { user_id: ada, limit: 10, cursor: String::new() }) else {
        panic!()
    };
    let mut amounts: Vec<i64> = ledger.items.iter().map(|item| item.changeset[0].1).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [-20, 50]);
    let item_id = ledger.items[0].id;
    let Ok(Answer::LedgerItem(item)) = ask(&rig, Ask::LedgerUpdate { item_id, metadata: r#"{"checked":true}"#.into() }) else {
        panic!()
    };
    assert_eq!(item.metadata, r#"{"checked":true,"for":"a quest"}"#, "new members are laid over the old ones");
    let too_much = WalletUpdate { changeset: vec![("coins".into(), i64::MAX), ("coins".into(), 1)], ..pay(0) };
    refused_with(ask(&rig, Ask::WalletsUpdate { updates: vec![too_much], ledger: false }), Code::InvalidArgument);
}

fn pay(user_id: [u8; 16], name: &str, amount: i64) -> WalletUpdate {
    WalletUpdate { user_id, changeset: vec![(name.into(), amount)], metadata: String::new() }
}

fn said(answer: Result<Answer, Fault>) -> String {
    answer.expect_err("it is refused").message
}

#[test]
fn a_wallet_that_is_refused_says_why_and_nothing_changes() {
    let rig = Rig::new();
    let (ada, bob, nobody) = (register(&rig, "device-0001", "ada"), register(&rig, "device-0002", "bob"), [9; 16]);
    let update = |updates| ask(&rig, Ask::WalletsUpdate { updates, ledger: true });
    let negative = "wallet update rejected negative value at path 'coins'";
    assert_eq!(said(update(vec![pay(ada, "coins", -1)])), negative);
    assert_eq!(said(update(vec![pay(ada, "coins", i64::MIN)])), negative);
    assert_eq!(said(update(vec![pay(nobody, "coins", 1)])), "user not found");
    assert_eq!(said(update(vec![pay(ada, "coins", 1), pay(nobody, "coins", 1)])), "user not found");
    assert!(update(vec![pay(bob, "coins", i64::MAX)]).is_ok());
    assert_eq!(said(update(vec![pay(ada, "coins", 1), pay(bob, "coins", 1)])), "Refused: the wallet cannot hold more coins.");
    let multi = |wallets| {
        let writes = vec![object("quest", Some(ada), "{}")];
        ask(&rig, Ask::MultiUpdate(MultiUpdate { writes, wallets, ledger: true, ..Default::default() }))
    };
    assert_eq!(said(multi(vec![pay(bob, "coins", -1), pay(ada, "coins", -1)])), negative);
    assert_eq!(said(multi(vec![pay(nobody, "coins", 1)])), "user not found");
    assert_eq!(ask(&rig, Ask::StorageRead(vec![key("quest", Some(ada))])), Ok(Answer::Objects(vec![])), "all or nothing");
    let Ok(Answer::Accounts(accounts)) = ask(&rig, Ask::Accounts(vec![ada, bob])) else { panic!() };
    assert_eq!((accounts[0].wallet.clone(), accounts[1].wallet.clone()), (vec![], vec![("coins".into(), i64::MAX)]));
    let Ok(Answer::Ledger(ledger)) = ask(&rig, Ask::LedgerList { user_id: ada, limit: 100, cursor: String::new() }) else {
        panic!()
    };
    assert!(ledger.items.is_empty(), "what was refused is no line");
    // Unknown people have an empty ledger, as in Nakama.
    let none = ask(&rig, Ask::LedgerList { user_id: nobody, limit: 100, cursor: String::new() });
    assert!(matches!(none, Ok(Answer::Ledger(ledger)) if ledger.items.is_empty()));
    refused_with(ask(&rig, Ask::LedgerList { user_id: ada, limit: 1, cursor: "damaged".into() }), Code::InvalidArgument);
    refused_with(ask(&rig, Ask::LedgerUpdate { item_id: nobody, metadata: "{}".into() }), Code::NotFound);
}

#[test]
fn an_account_shows_each_amount_exactly() {
    use hillfort_api::{Call, Reply};
    let rig = Rig::new();
    let session = rig.device("device-0001");
    let ada = rig.who(&session.token).unwrap().user().unwrap().user_id.0;
    for amount in [9_007_199_254_740_991, 2, i64::MAX - 9_007_199_254_740_993] {
        assert!(ask(&rig, Ask::WalletsUpdate { updates: vec![pay(ada, "coins", amount)], ledger: false }).is_ok());
        let Ok(Answer::Accounts(accounts)) = ask(&rig, Ask::Accounts(vec![ada])) else { panic!() };
        let Ok(Reply::Account(account)) = rig.as_user(&session, Call::GetAccount(())) else { panic!() };
        assert_eq!(account.wallet, format!(r#"{{"coins":{}}}"#, accounts[0].wallet[0].1));
    }
    let Ok(Reply::Account(account)) = rig.as_user(&session, Call::GetAccount(())) else { panic!() };
    assert_eq!(account.wallet, r#"{"coins":9223372036854775807}"#);
}

#[test]
fn a_thousand_lines_of_a_ledger_come_newest_first_each_once() {
    let rig = Rig::new();
    let (ada, bob) = (register(&rig, "device-0001", "ada"), register(&rig, "device-0002", "bob"));
    for at in 0..10 {
        let updates = (0..100).flat_map(|n| [pay(ada, "coins", at * 100 + n), pay(bob, "coins", 1)]).collect();
        assert!(ask(&rig, Ask::WalletsUpdate { updates, ledger: true }).is_ok());
    }
    let (mut cursor, mut amounts, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let Ok(Answer::Ledger(page)) = ask(&rig, Ask::LedgerList { user_id: ada, limit: 100, cursor }) else { panic!() };
        amounts.extend(page.items.iter().map(|item| item.changeset[0].1));
        pages += 1;
        if page.cursor.is_empty() {
            break;
        }
        cursor = page.cursor;
    }
    assert_eq!((pages, amounts), (10, (0..1000).rev().collect::<Vec<_>>()));
}

#[test]
fn what_is_not_of_accounts_goes_on_to_others() {
    let rig = Rig::new();
    refused_with(ask(&rig, Ask::MatchGet("m".into())), Code::Unimplemented);
    let backend = rig.social.backend(Some(Arc::new(Others)));
    let answer = rig.runtime.block_on(backend.ask(Ask::MatchGet("m".into())));
    assert_eq!(answer, Ok(Answer::Text("MatchGet(\"m\")".into())));
    assert!(matches!(rig.runtime.block_on(backend.ask(Ask::Accounts(vec![UserId::default().0]))), Ok(Answer::Accounts(_))));
}
