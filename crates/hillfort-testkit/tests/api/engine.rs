//! The databases of the tests: made for one test, looked at as a whole, and gone with it. Knows nothing of the API.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hillfort_store::{Options, Store};
use hillfort_testkit::postgres::Server;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Memory,
    Sqlite,
    Postgres,
}

/// A database of a kind, which is gone with this.
pub(crate) struct Database {
    url: String,
    _server: Option<Server>,
    _folder: TempDir,
}

/// Patience for a busy machine.
fn options() -> Options {
    let patience = Duration::from_secs(60);
    Options { busy_timeout: patience, statement_timeout: patience, ..Options::default() }
}

impl Database {
    /// `None` where PostgreSQL is not installed; that was said.
    pub(crate) fn new(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = if engine == Engine::Postgres { Some(Server::start()?) } else { None };
        let url = match &server {
            Some(server) => server.database(),
            None if engine == Engine::Memory => "memory:".to_owned(),
            None => format!("sqlite:{}", folder.path().join("people.db").display()),
        };
        Some(Self { url, _server: server, _folder: folder })
    }

    pub(crate) fn open(&self, runtime: &Runtime) -> Store {
        runtime.block_on(Store::open(&self.url, options())).unwrap()
    }

    /// The rows of all tables with this account's id, and how many rows there are in all; it fails where a table or a column is missing.
    pub(crate) fn rows_of(&self, runtime: &Runtime, user: &str) -> (Vec<String>, usize) {
        let kept = Kept::default();
        runtime.block_on(hillfort_store::export(&self.url, options(), Box::new(kept.clone()))).unwrap();
        let text = String::from_utf8(std::mem::take(&mut *kept.0.lock().unwrap())).unwrap();
        let rows: Vec<_> = text.lines().filter(|line| line.contains("\"row\"")).collect();
        // An id is kept as bytes.
        let id = format!("\"{}\"", user.replace('-', ""));
        (rows.iter().filter(|row| row.contains(&id)).map(|row| (*row).to_owned()).collect(), rows.len())
    }
}

/// Bytes that were written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
