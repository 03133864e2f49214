//! The attack panel's backend: starts the load tool as a process of its own, one at a time, against a loopback address, has the kernel filter
//! stand where its packets come in, and sees that it ends. Owns the marks on the charts and the last verdict. Knows nothing of how an attack is made.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::SAMPLE_EVERY;
use super::feed::{Feed, unix_ms};
use super::process::Usage;
use super::source::Reading;
use super::verdict::{BEFORE_MS, Counted, Verdict};

mod ground;
mod kind;

pub use ground::FilterPost;
pub(super) use kind::Kind;
pub(super) use kind::Offer;

use ground::{Ground, Told};

/// The attacker is told to end after this many seconds ...
const SECONDS: u64 = 8;
/// ... and killed after this time.
const KILL_AFTER: Duration = Duration::from_secs(15);
/// Longer, when it makes a network namespace before and removes it afterwards.
const GROUND_TAKES: Duration = Duration::from_secs(15);
/// Bytes that are read of what the attacker prints; one that prints more is not listened to any further.
const OUTPUT_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of its error message that are shown.
const ERROR_BYTES_MAX: u64 = 400;
/// Marks that are kept for the charts; the history is five minutes long, an attack takes eight seconds.
const MARKS_MAX: usize = 40;
/// Time after the end until the verdict, so that the last samples are in.
const SETTLE: Duration = Duration::from_millis(SAMPLE_EVERY.as_millis() as u64 * 3);

/// How to start the load tool: `program prefix… <kind> --target … --seconds 8 --progress json --nice 15`, and `--own-namespace` for single packets.
#[derive(Debug, Clone)]
pub struct AttackTool {
    /// The program, as a rule the running one.
    pub program: PathBuf,
    /// Arguments before the kind: `["load", "attack"]`.
    pub prefix: Vec<String>,
    /// The TCP door to attack. An address that is not loopback is refused.
    pub target: SocketAddr,
    /// Whether this process may open raw sockets, which single packets need.
    pub raw_sockets: bool,
    /// Whether the door speaks TLS.
    pub tls: bool,
    /// Has the kernel filter stand where single packets come in; `None`: there is none.
    pub post: Option<Arc<dyn FilterPost>>,
}

/// Why an attack was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartRefused {
    /// Not in development mode, or no tool is known.
    #[error("attacks can be started in development mode only")]
    NotDevelopment,
    /// The target is another machine.
    #[error("attacks go to a loopback address only")]
    NotLoopback,
    /// One runs.
    #[error("an attack is running; one at a time")]
    Busy,
    /// This machine or this server does not allow it.
    #[error("{0}")]
    Cannot(&'static str),
    /// The process could not be started.
    #[error("the load tool could not be started: {0}")]
    Start(#[from] std::io::Error),
}

/// What the attacker says about itself; one line of its output. Counts since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// Connections begun.
    pub(super) offered: u64,
    /// Strokes: hellos, frames or inputs, whichever the attack is about.
    pub(super) sent: u64,
    /// Of both, what the server refused.
    pub(super) refused: u64,
    /// Strokes that had the effect of an honest one.
    pub(super) succeeded: u64,
    /// Connections that it holds now.
    pub(super) open: u64,
    /// Single packets, of attacks that make no connections; the attacker cannot see what becomes of them.
    pub(super) packets: u64,
}

/// How the attacker's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "how", content = "why")]
pub(super) enum End {
    /// By itself.
    Finished,
    /// It was killed after [`KILL_AFTER`].
    Killed,
    /// With an error.
    Failed(String),
}

/// Part of the time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Mark {
    pub(super) kind: Kind,
    /// Milliseconds since the Unix epoch.
    pub(super) from: u64,
    /// `None` while it runs.
    pub(super) to: Option<u64>,
}

/// All that a page must know about attacks.
#[derive(Debug, Default, Serialize)]
struct Board {
    running: bool,
    progress: Option<Progress>,
    /// Of attacks by packets, from when it is known.
    ground: Option<Ground>,
    end: Option<End>,
    verdict: Option<Verdict>,
    marks: VecDeque<Mark>,
    #[serde(skip)]
    version: u64,
}

/// The one attack that may run.
#[derive(Debug)]
pub(super) struct Runner {
    tool: Option<AttackTool>,
    feed: Arc<Feed>,
    board: Mutex<Board>,
}

impl Runner {
    /// `tool` is `None` when attacks are not offered.
    pub(super) fn new(tool: Option<AttackTool>, feed: Arc<Feed>) -> Self {
        Self { tool, feed, board: Mutex::default() }
    }

    /// What the panel offers; `None`: it is not to be shown.
    pub(super) fn offers(&self) -> Option<Vec<Offer>> {
        self.tool.as_ref().map(AttackTool::offers)
    }

    /// Starts an attack; it ends by itself.
    pub(super) fn start(self: &Arc<Self>, kind: Kind) -> Result<(), StartRefused> {
        let tool = self.tool.as_ref().ok_or(StartRefused::NotDevelopment)?;
        if !tool.target.ip().is_loopback() {
            return Err(StartRefused::NotLoopback);
        }
        if let Some(why) = tool.cannot(kind) {
            return Err(StartRefused::Cannot(why));
        }
        let mut board = self.board();
        if board.running {
            return Err(StartRefused::Busy);
        }
        let child = tool.spawn(kind)?;
        let mark = Mark { kind, from: unix_ms(), to: None };
        if board.marks.len() >= MARKS_MAX {
            board.marks.pop_front();
        }
        board.marks.push_back(mark);
        (board.running, board.progress, board.end, board.verdict) = (true, Some(Progress::default()), None, None);
        board.ground = None;
        drop(board);
        self.announce();
        tracing::info!(kind = kind.id(), target = %tool.target, "attack started from the console");
        tokio::spawn(Arc::clone(self).watch(child, mark, self.feed.latest()));
        Ok(())
    }

    /// JSON for the page, and a number that grows with every change.
    pub(super) fn json(&self) -> (String, u64) {
        let board = self.board();
        (serde_json::to_string(&*board).expect("plain rows are always JSON"), board.version)
    }

    async fn watch(self: Arc<Self>, mut child: Child, mark: Mark, earlier: Arc<(Reading, Usage)>) {
        let patience = if mark.kind.sends_packets() { KILL_AFTER + GROUND_TAKES } else { KILL_AFTER };
        let end = match tokio::time::timeout(patience, self.listen(&mut child)).await {
            Ok(end) => end,
            Err(_elapsed) => {
                // It may have ended in this very moment; then there is nothing to kill.
                let _ended_already = child.kill().await;
                End::Killed
            }
        };
        let to = unix_ms();
        if let Some(post) = self.post().filter(|_| mark.kind.sends_packets()) {
            post.leave();
        }
        tracing::info!(kind = mark.kind.id(), ?end, "attack ended");
        {
            let mut board = self.board();
            if let Some(last) = board.marks.back_mut() {
                last.to = Some(to);
            }
            board.end = Some(end);
        }
        self.announce();
        tokio::time::sleep(SETTLE).await;
        let before = self.feed.samples_within(mark.from.saturating_sub(BEFORE_MS), mark.from);
        let during = self.feed.samples_within(mark.from + 1, to + u64::try_from(SAMPLE_EVERY.as_millis()).unwrap_or(0));
        let counted = Counted::between(&earlier.0, &self.feed.latest().0);
        {
            let mut board = self.board();
            let progress = board.progress.unwrap_or_default();
            board.verdict = Some(Verdict::judge(Mark { to: Some(to), ..mark }, progress, &counted, &before, &during));
            board.running = false;
        }
        self.announce();
    }

    async fn listen(&self, child: &mut Child) -> End {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let progress = async {
            let Some(stdout) = stdout else { return };
            let mut lines = BufReader::new(stdout.take(OUTPUT_BYTES_MAX)).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(told) = serde_json::from_str::<Told>(&line) {
                    let ground = Ground::take(told, self.post()).await;
                    tracing::info!(?ground, "where the attack takes place");
                    self.board().ground = Some(ground);
                    self.announce();
                } else if let Ok(progress) = serde_json::from_str(&line) {
                    self.board().progress = Some(progress);
                    self.announce();
                }
            }
        };
        let complaint = async {
            let mut text = Vec::new();
            if let Some(mut stderr) = stderr {
                // What cannot be read is not shown; the exit status says that it failed.
                let _unreadable = (&mut stderr).take(ERROR_BYTES_MAX).read_to_end(&mut text).await;
                let _unreadable = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            }
            String::from_utf8_lossy(&text).trim().to_owned()
        };
        let ((), complaint) = tokio::join!(progress, complaint);
        match child.wait().await {
            Ok(status) if status.success() => End::Finished,
            Ok(status) if complaint.is_empty() => End::Failed(status.to_string()),
            Ok(_) => End::Failed(complaint),
            Err(error) => End::Failed(error.to_string()),
        }
    }

    fn post(&self) -> Option<Arc<dyn FilterPost>> {
        self.tool.as_ref().and_then(|tool| tool.post.clone())
    }

    fn announce(&self) {
        self.board().version += 1;
        self.feed.wake();
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().expect("nothing that holds this lock can panic")
    }
}

impl AttackTool {
    fn spawn(&self, kind: Kind) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(&self.prefix)
            .arg(kind.id())
            .args(["--target", &self.target.to_string(), "--seconds", &SECONDS.to_string(), "--progress", "json"])
            // An attacker elsewhere would not take this machine's processor from server, browser and bots; this one gives way.
            .args(["--nice", "15"])
            .args(kind.sends_packets().then_some("--own-namespace"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}
