//! A runtime over a folder of modules, and callers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hillfort_api::{ApiError, Caller, SessionId, SessionUser, UserId, Via, Who};
use hillfort_modules::source::Finding;
use hillfort_modules::{Id, Runtime, Settings};

use crate::memory::{Memory, Shared};

pub(crate) const ANN: Id = [0xaa; 16];
pub(crate) const BOB: Id = [0xbb; 16];

/// Settings that a busy machine does not run over by being slow.
pub(crate) fn settings(folder: &Path) -> Settings {
    Settings {
        folder: folder.to_owned(),
        env: vec![("greeting".to_owned(), "hello".to_owned())],
        node: "node1".to_owned(),
        // Loops that do not end are ended soon, without optimisation too.
        load_steps_max: 2_000_000,
        call_time_max: std::time::Duration::from_secs(5),
        match_time_max: std::time::Duration::from_secs(5),
        ..Settings::default()
    }
}

pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) memory: Arc<Memory>,
    pub(crate) runtime: Runtime,
}

pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, text) in files {
        write(folder.path(), file, text);
    }
    folder
}

pub(crate) fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().expect("in the folder")).expect("makes folders");
    std::fs::write(path, text).expect("writes");
}

pub(crate) fn try_start(files: &[(&str, &str)], change: impl FnOnce(&mut Settings)) -> Result<Rig, Vec<Finding>> {
    let folder = folder(files);
    let memory = Arc::new(Memory::default());
    let mut settings = settings(folder.path());
    change(&mut settings);
    let runtime = Runtime::start(settings, Arc::new(Shared(Arc::clone(&memory))))?;
    Ok(Rig { folder, memory, runtime })
}

pub(crate) fn start(files: &[(&str, &str)]) -> Rig {
    start_with(files, |_| {})
}

pub(crate) fn start_with(files: &[(&str, &str)], change: impl FnOnce(&mut Settings)) -> Rig {
    try_start(files, change)
        .unwrap_or_else(|findings| panic!("{}", findings.iter().map(|finding| format!("{finding}\n")).collect::<String>()))
}

/// The corpus of modules in the style of Nakama's documentation.
pub(crate) fn corpus() -> Rig {
    let memory = Arc::new(Memory::default());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let runtime = Runtime::start(settings(&path), Arc::new(Shared(Arc::clone(&memory)))).expect("the corpus loads");
    Rig { folder: folder(&[]), memory, runtime }
}

pub(crate) fn caller(user: Option<(Id, &str)>) -> Caller {
    let who = user.map_or(Who::ServerKey, |(id, name)| {
        Who::User(Arc::new(SessionUser {
            user_id: UserId(id),
            username: name.to_owned(),
            vars: BTreeMap::from([("locale".to_owned(), "eo".to_owned())]),
            expires_s: 4_000_000_000,
            issued_s: 1,
            token_id: "t".to_owned(),
            generation: 0,
        }))
    });
    Caller {
        who,
        address: "192.0.2.1:4567".parse().expect("an address"),
        via: Via::Socket(SessionId([7; 16])),
        headers: vec![("x-a".to_owned(), "1".to_owned())],
        query: Vec::new(),
    }
}

pub(crate) fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

impl Rig {
    pub(crate) fn rpc_as(&self, user: (Id, &str), id: &str, payload: &str) -> Result<String, ApiError> {
        block(self.runtime.rpc(&caller(Some(user)), id, payload.to_owned())).unwrap_or_else(|| panic!("no RPC {id}"))
    }

    pub(crate) fn rpc(&self, id: &str, payload: &str) -> Result<String, ApiError> {
        self.rpc_as((ANN, "ann"), id, payload)
    }

    #[track_caller]
    pub(crate) fn says(&self, id: &str, payload: &str) -> String {
        self.rpc(id, payload).unwrap_or_else(|error| panic!("{id}: {error}"))
    }
}

/// Waits until something is so, with a generous deadline.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "never: {what}");
        std::thread::yield_now();
    }
}
