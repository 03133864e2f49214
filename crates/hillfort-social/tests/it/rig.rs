//! The rig: a service over a store, a clock, and shorthands for calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hillfort_api::api::*;
use hillfort_api::{ApiError, Call, Caller, Code, Credentials, Reply, Service, Via, Who};
use hillfort_social::passwords::PasswordCost;
use hillfort_social::{Config, MailConfig, Social};
use hillfort_store::{Options, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::counted::{Asked, Counted};

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// Where a rig keeps what it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept {
    InMemory,
    /// In a folder of its own, which ends with the rig.
    BySqlite,
}

pub(crate) struct Rig {
    pub(crate) social: Social,
    pub(crate) store: Store,
    now_ms: Arc<AtomicI64>,
    pub(crate) runtime: Arc<Runtime>,
    folder: Option<Arc<TempDir>>,
}

/// Passwords that cost nothing, so that tests are quick. What they cost in earnest is measured by a bench.
pub(crate) fn config() -> Config {
    Config {
        server_key: "a server key".into(),
        http_key: "an http key".into(),
        passwords: PasswordCost { memory_kib: 64, passes: 1, threads: 2, queue: 64 },
        ..Config::default()
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(config(), MailConfig::None)
    }

    pub(crate) fn with(config: Config, mail: MailConfig) -> Self {
        Self::beside(Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()), config, mail)
    }

    pub(crate) fn on(kept: Kept) -> Self {
        Self::with_on(kept, config(), MailConfig::None)
    }

    pub(crate) fn with_on(kept: Kept, config: Config, mail: MailConfig) -> Self {
        let Kept::BySqlite = kept else { return Self::with(config, mail) };
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
        let store = runtime.block_on(Store::open(&url, Options::default())).unwrap();
        Self { folder: Some(Arc::new(folder)), ..Self::over(runtime, store, config, mail, NOW_MS) }
    }

    /// One on the runtime of a neighbour, which runs while this is waited for.
    pub(crate) fn beside(runtime: Arc<Runtime>, config: Config, mail: MailConfig) -> Self {
        let store = runtime.block_on(Store::open("memory:", Options::default())).unwrap();
        Self::over(runtime, store, config, mail, NOW_MS)
    }

    /// One whose questions to the store about accounts are noted.
    pub(crate) fn counted(config: Config, mail: MailConfig) -> (Self, Asked) {
        let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
        let mut store = runtime.block_on(Store::open("memory:", Options::default())).unwrap();
        let asked = Asked::default();
        store.accounts = Arc::new(Counted { inner: store.accounts, asked: Arc::clone(&asked) });
        store.sessions = Arc::new(Counted { inner: store.sessions, asked: Arc::clone(&asked) });
        (Self::over(runtime, store, config, mail, NOW_MS), asked)
    }

    fn over(runtime: Arc<Runtime>, store: Store, config: Config, mail: MailConfig, now_ms: i64) -> Self {
        let now_ms = Arc::new(AtomicI64::new(now_ms));
        let clock = Arc::clone(&now_ms);
        let clock = Arc::new(move || clock.load(Ordering::Relaxed));
        let social = runtime.block_on(Social::start(config, store.clone(), mail, clock)).unwrap();
        Self { social, store, now_ms, runtime, folder: None }
    }

    /// The server stopped and started again: memory is gone, the store is not.
    pub(crate) fn restarted(&self, config: Config) -> Self {
        let again = Self::over(Arc::clone(&self.runtime), self.store.clone(), config, MailConfig::None, self.now_ms());
        Self { folder: self.folder.clone(), ..again }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub(crate) fn caller(who: Who) -> Caller {
        Self::from(who, "192.0.2.1")
    }

    pub(crate) fn from(who: Who, address: &str) -> Caller {
        let address = SocketAddr::new(address.parse().unwrap(), 1234);
        Caller { who, address, via: Via::Rest, headers: Vec::new(), query: Vec::new() }
    }

    /// A call as the door makes it: it checks the class that the table asks for, and has it charged.
    pub(crate) fn call_from(&self, caller: Caller, call: Call) -> Result<Reply, ApiError> {
        call.name().row().auth.admits(&caller.who)?;
        self.social.charge(call.name(), &caller.who, caller.address.ip())?;
        self.runtime.block_on(self.social.call(caller, call))
    }

    pub(crate) fn call(&self, who: Who, call: Call) -> Result<Reply, ApiError> {
        self.call_from(Self::caller(who), call)
    }

    pub(crate) fn who(&self, token: &str) -> Result<Who, ApiError> {
        self.social.caller(Credentials::Token(token))
    }

    /// A call with a session.
    pub(crate) fn as_user(&self, session: &Session, call: Call) -> Result<Reply, ApiError> {
        self.call(self.who(&session.token)?, call)
    }

    pub(crate) fn sign_in(&self, call: Call) -> Result<Session, ApiError> {
        match self.call(Who::ServerKey, call)? {
            Reply::Session(session) => Ok(session),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn device(&self, id: &str) -> Session {
        self.sign_in(device(id, None, "")).unwrap()
    }

    /// A sign-in with a device that makes no account.
    pub(crate) fn device_or_none(&self, id: &str) -> Option<Session> {
        self.sign_in(device(id, Some(false), "")).map_err(|error| assert_eq!(error.code, Code::NotFound)).ok()
    }

    pub(crate) fn email(&self, address: &str, password: &str) -> Result<Session, ApiError> {
        self.sign_in(email(address, password, Some(true), ""))
    }

    pub(crate) fn refresh(&self, token: &str) -> Result<Session, ApiError> {
        self.sign_in(Call::SessionRefresh(SessionRefreshRequest { token: token.into(), vars: BTreeMap::new() }))
    }

    pub(crate) fn account(&self, session: &Session) -> Account {
        match self.as_user(session, Call::GetAccount(())).unwrap() {
            Reply::Account(account) => account,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn user_id(&self, session: &Session) -> String {
        self.account(session).user.unwrap().id
    }
}

pub(crate) fn device(id: &str, create: Option<bool>, username: &str) -> Call {
    let account = AccountDevice { id: id.into(), vars: BTreeMap::new() };
    Call::AuthenticateDevice(AuthenticateDeviceRequest { account: Some(account), create, username: username.into() })
}

pub(crate) fn email(address: &str, password: &str, create: Option<bool>, username: &str) -> Call {
    let account = AccountEmail { email: address.into(), password: password.into(), vars: BTreeMap::new() };
    Call::AuthenticateEmail(AuthenticateEmailRequest { account: Some(account), create, username: username.into() })
}

/// That a call fails with this code, naming this field (empty: none).
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, ApiError>, code: Code, field: &str) {
    let error = result.expect_err("it must be refused");
    assert_eq!((error.code, error.field.unwrap_or_default()), (code, field), "{error}");
}
