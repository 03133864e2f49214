//! A server process in a folder of its own: its arguments, its log lines, its end. Knows nothing of what it serves.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::PATIENCE;
use crate::wire::Door;

/// Settings that make a server take free ports, play alone, and keep nothing of accounts.
const ALONE: [(&str, &str); 7] = [
    ("edge.http_port", "0"),
    ("edge.tcp_port", "0"),
    ("nakama.grpc_port", "0"),
    ("console.port", "0"),
    ("bots.hilltop", "0"),
    // Most tests keep no accounts, and need not wait for disks.
    ("store.url", "memory:"),
    // A machine that does other things as well is no overload.
    ("nakama.wait_ms_max", "60000"),
];

const HILLFORT: &str = env!("CARGO_BIN_EXE_hillfort");

/// A server that runs, and is killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
    /// Working directory, with its data; removed at the end.
    folder: TempDir,
    pub(crate) frames: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) console: SocketAddr,
}

/// What the process said on standard error.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
}

/// The program with nothing of this process's settings.
pub(crate) fn hillfort(folder: &Path) -> Command {
    program(Path::new(HILLFORT), folder)
}

/// The same with another binary.
pub(crate) fn program(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let settings = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("HILLFORT_"));
    settings.for_each(|name| {
        command.env_remove(name);
    });
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Arguments that set `settings`.
pub(crate) fn set(settings: &[(&str, &str)]) -> Vec<String> {
    settings.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]).collect()
}

/// Runs a command that must end by itself.
pub(crate) fn run(command: &mut Command) -> Output {
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (done, ended) = std::sync::mpsc::sync_channel(1);
    let waiter = std::thread::spawn(move || done.send(child.wait_with_output().unwrap()));
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("{command:?} did not end");
    };
    waiter.join().unwrap().unwrap();
    output
}

impl Server {
    /// Where it runs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A server that is ready. `settings` come after those that make it play alone.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), settings)
    }

    /// The same in a folder that may have files, `hillfort.toml` say.
    pub(crate) fn start_in(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        Self::start_within(folder, "", settings)
    }

    /// The same in a folder inside of it.
    pub(crate) fn start_within(folder: TempDir, inside: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_program(Path::new(HILLFORT), folder, inside, settings)
    }

    /// A server that was started by another command than `serve`.
    pub(crate) fn start_by(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = hillfort(folder.path());
        command.args(arguments);
        Self::run(command, folder, &[])
    }

    /// A server that another program starts, in a namespace or with fewer privileges.
    pub(crate) fn start_behind(prefix: &[&str], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(Path::new(prefix[0]), folder.path());
        command.args(&prefix[1..]).args([HILLFORT, "serve"]);
        Self::run(command, folder, settings)
    }

    /// The same with another binary.
    pub(crate) fn start_program(binary: &Path, folder: TempDir, inside: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = program(binary, &folder.path().join(inside));
        command.arg("serve");
        Self::run(command, folder, settings)
    }

    fn run(mut command: Command, folder: TempDir, settings: &[(&str, &str)]) -> Self {
        command.args(set(&ALONE)).args(set(settings)).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Log::default());
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        let reader = Some(std::thread::spawn(move || lines.read(BufReader::new(stderr))));
        let nowhere = "127.0.0.1:0".parse().unwrap();
        let mut server = Self { child, log, reader, folder, frames: nowhere, http: nowhere, console: nowhere };
        server.frames = server.address("frames   ");
        server.http = server.address("game     http");
        server.console = server.address("console  http");
        crate::web::show_key(server.console, server.data().join("console.key"));
        server
    }

    /// The two ways in: TCP frames, WebSocket.
    pub(crate) fn doors(&self) -> [Door; 2] {
        [Door::frames(self.frames), Door::websocket(self.http)]
    }

    /// Processes that it has started and that still run.
    pub(crate) fn children(&self) -> Vec<Pid> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // A thread may end in this moment; then it has no children.
        let lists = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
        let pids = lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>());
        pids.map(|pid| Pid::from_raw(pid).unwrap()).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.log.wait("the end of the server", |state| state.ended.then_some(()));
        self.child.wait().unwrap()
    }

    /// Kills it as the kernel would, and gives its folder back for the next one.
    pub(crate) fn kill(mut self) -> TempDir {
        self.end();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// Waits for a log line.
    pub(crate) fn logged(&self, part: &str) -> String {
        self.log.wait(part, |state| state.lines.iter().find(|line| line.contains(part)).cloned())
    }

    /// All lines up to now.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.state().lines.clone()
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Resident memory in bytes.
    pub(crate) fn rss_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    fn address(&self, before: &str) -> SocketAddr {
        let line = self.logged(before);
        let rest = line.split_once(before).unwrap().1.trim_start_matches('s').trim_start_matches("://");
        rest.trim_end_matches('/').parse().unwrap()
    }

    fn end(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _waited = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _panicked = reader.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            println!("the server's log:\n{}", self.log().join("\n"));
        }
    }
}

impl Log {
    fn read(&self, stderr: impl BufRead) {
        for line in stderr.lines().map_while(Result::ok) {
            self.state().lines.push(line);
            self.changed.notify_all();
        }
        self.state().ended = true;
        self.changed.notify_all();
    }

    fn wait<T>(&self, what: &str, mut find: impl FnMut(&LogState) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        loop {
            if let Some(found) = find(&state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                let lines = state.lines.join("\n");
                drop(state);
                panic!("waited in vain for {what:?} in\n{lines}");
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap()
    }
}
