//! Owns how a case gets an empty store of each kind.

use hillfort_store::{Account, Identity, IdentityKind, NewAccount, Options, Store, UserId};
use hillfort_testkit::postgres::Server;
use std::pin::Pin;
use tempfile::TempDir;

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// A test of any store: its name, and what it does.
pub(crate) type Case = (&'static str, fn(Store) -> Pin<Box<dyn Future<Output = ()>>>);

/// Names functions as cases.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn cases() -> Vec<crate::stores::Case> {
            vec![$((concat!(module_path!(), "::", stringify!($name)), |store| Box::pin($name(store)))),*]
        }
    };
}
pub(crate) use cases;

/// Where stores of a kind are made.
pub(crate) struct Place {
    kind: Kind,
    folder: TempDir,
    server: Option<Server>,
    made: u32,
}

impl Place {
    /// `None` where PostgreSQL is not installed, or not built in; that was said.
    pub(crate) fn new(kind: Kind) -> Option<Self> {
        Self::with(kind, "fsync=off")
    }

    /// As [`Self::new`], but a server waits for the disk at each commit.
    pub(crate) fn lasting(kind: Kind) -> Option<Self> {
        Self::with(kind, "fsync=on")
    }

    fn with(kind: Kind, setting: &str) -> Option<Self> {
        let server = if kind == Kind::Postgres {
            if cfg!(not(feature = "postgres")) {
                eprintln!("\nNOT RUN: tests on PostgreSQL, since this build lacks the feature `postgres`.\n");
                return None;
            }
            Some(Server::start_with(&["-c", setting])?)
        } else {
            None
        };
        Some(Self { kind, folder: TempDir::new().unwrap(), server, made: 0 })
    }

    pub(crate) fn url(&mut self) -> String {
        self.made += 1;
        match (self.kind, &self.server) {
            (Kind::Memory, _) => "memory:".to_owned(),
            (Kind::Sqlite, _) => format!("sqlite:{}/{}/store.db", self.folder.path().display(), self.made),
            (Kind::Postgres, server) => server.as_ref().unwrap().database(),
        }
    }

    pub(crate) fn server(&mut self) -> Option<&mut Server> {
        self.server.as_mut()
    }

    pub(crate) async fn store(&mut self) -> Store {
        Store::open(&self.url(), options()).await.unwrap()
    }
}

/// Options with patience for a busy machine.
pub(crate) fn options() -> Options {
    let patience = std::time::Duration::from_secs(60);
    Options { busy_timeout: patience, statement_timeout: patience, ..Options::default() }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs each case on an empty store of the kind.
pub(crate) fn on_each(kind: Kind, cases: &[Case]) {
    let Some(mut place) = Place::new(kind) else { return };
    for (name, case) in cases {
        eprintln!("{kind:?}: {name}");
        block_on(async {
            let store = place.store().await;
            case(store).await;
        });
    }
}

/// A device's identity.
pub(crate) fn device(name: &str) -> Identity {
    Identity::new(IdentityKind::Device, format!("device-{name}"))
}

/// An account with one device.
pub(crate) async fn person(store: &Store, name: &str) -> Account {
    let new = NewAccount::named(UserId::random(), name);
    let found = store.accounts.register_or_find(device(name), Some(new), 1000).await.unwrap();
    assert!(found.created);
    found.account
}

/// An id that nobody has.
pub(crate) fn nobody() -> UserId {
    UserId::random()
}

/// All pages of a list.
pub(crate) async fn pages<T, F: Future<Output = hillfort_store::Result<hillfort_store::Page<T>>>>(
    mut page: impl FnMut(Option<String>) -> F,
) -> Vec<Vec<T>> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let next = page(cursor).await.unwrap();
        assert!(all.len() < 1000, "the list has no end");
        all.push(next.items);
        cursor = next.cursor;
        if cursor.is_none() {
            return all;
        }
    }
}
