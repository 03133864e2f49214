//! A match handler as its room sees it: what goes in, what comes out. Owns the words of that conversation; knows nothing of rooms, sockets or scripts.
//!
//! A handler does nothing by itself. Its room puts inputs in as they come, calls [`MatchHandler::turn`] often (at least as often as the match ticks;
//! a turn with nothing to do is cheap), and takes outputs until there are none. A handler may wait for the backend: then inputs gather up to their
//! bounds, ticks pass uncounted, and only this match waits.

use std::sync::Arc;
use std::time::Duration;

use crate::id::Id;

/// Messages that wait for the next tick. More are refused.
pub const MESSAGES_MAX: usize = 1024;
/// Bytes of the messages that wait for the next tick.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Join attempts, and joins and leaves, that wait for their turn, each.
pub const WAITING_MAX: usize = 1024;
/// Signals that wait for their turn.
pub const SIGNALS_MAX: usize = 32;
/// Bytes of a label, as in Nakama.
pub const LABEL_BYTES_MAX: usize = 2048;
/// Broadcasts that a match may put off to the end of a tick, as in Nakama.
pub const DEFERRED_MAX: usize = 128;
/// Broadcasts of one turn; the match ends when it makes more.
pub const OUTPUTS_MAX: usize = 65_536;

/// A session in a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The user.
    pub user_id: Id,
    /// The user's session: what tells two presences apart.
    pub session_id: Id,
    /// The user's name.
    pub username: Arc<str>,
    /// The server that the session is on.
    pub node: Arc<str>,
}

/// Why a presence came or went: Nakama's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PresenceReason {
    /// Not said.
    Unknown = 0,
    /// Came.
    Join = 1,
    /// Changed.
    Update = 2,
    /// Left.
    Leave = 3,
    /// The connection is gone.
    Disconnect = 4,
}

/// Somebody wants to come in.
#[derive(Debug, Clone)]
pub struct JoinAttempt {
    /// Comes back with the verdict.
    pub token: u64,
    /// Who.
    pub presence: Presence,
    /// When the session's token expires, UTC seconds.
    pub expires_s: i64,
    /// The session's variables.
    pub vars: Vec<(String, String)>,
    /// The client's address and port, where known.
    pub client: Option<(String, String)>,
    /// What the client said when it asked.
    pub metadata: Vec<(String, String)>,
}

/// Data from a player, for the next tick.
#[derive(Debug, Clone)]
pub struct MatchMessage {
    /// Who sent it.
    pub sender: Presence,
    /// The game's own number of what it is.
    pub op_code: i64,
    /// What.
    pub data: Vec<u8>,
    /// Whether it was sent as reliable.
    pub reliable: bool,
    /// When it came, UTC milliseconds.
    pub receive_time_ms: i64,
}

/// What a handler wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum MatchOutput {
    /// `match_init` is done. Comes first, once; from now on the match ticks `tick_rate` times a second.
    Started {
        /// 1 to 60.
        tick_rate: u8,
        /// At most [`LABEL_BYTES_MAX`] bytes.
        label: String,
    },
    /// Answer to [`JoinAttempt`].
    Verdict {
        /// Of the attempt.
        token: u64,
        /// Nothing when the user may come in, else why not (perhaps empty).
        refused: Option<String>,
    },
    /// Data for players.
    Broadcast(Broadcast),
    /// These sessions must leave.
    Kick(Vec<Id>),
    /// The match has another label.
    Label(String),
    /// Answer to a signal.
    Signalled {
        /// Of the signal.
        token: u64,
        /// What `match_signal` returned.
        result: String,
    },
    /// The match is over; nothing comes after it. What waited for an answer gets none.
    Ended(MatchEnd),
}

/// Data for players.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// The game's own number of what it is.
    pub op_code: i64,
    /// What.
    pub data: Vec<u8>,
    /// For these sessions, each of them in the match; nothing: for all.
    pub to: Option<Vec<Id>>,
    /// Whom the receivers are to see as sender.
    pub sender: Option<Presence>,
    /// Whether it must arrive.
    pub reliable: bool,
}

/// Why a match is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchEnd {
    /// A callback returned no state.
    Done,
    /// A callback failed, ran over its budget or returned what it may not. The text is the developer's, with file and line.
    Failed(String),
}

/// No room for an input: it was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the match has too much to do")]
pub struct Full;

/// What the console shows of a match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MatchFigures {
    /// Ticks that ran.
    pub ticks: u64,
    /// Ticks that passed while a callback waited for the backend.
    pub ticks_missed: u64,
    /// Inputs that found no room.
    pub refused: u64,
    /// A callback is waiting for the backend.
    pub waiting: bool,
}

/// One match and its module's seven callbacks.
pub trait MatchHandler: Send + std::fmt::Debug {
    /// The module's name.
    fn module(&self) -> &str;

    /// Nothing until [`MatchOutput::Started`].
    fn tick_rate(&self) -> u8;

    /// The label as the match set it last.
    fn label(&self) -> &str;

    /// Asks `match_join_attempt`. The answer is a [`MatchOutput::Verdict`]; whoever is let in is not in the match before [`MatchHandler::join`].
    ///
    /// # Errors
    /// Too many wait.
    fn join_attempt(&mut self, attempt: JoinAttempt) -> Result<(), Full>;

    /// These are in the match now: calls `match_join`.
    ///
    /// # Errors
    /// Too many wait.
    fn join(&mut self, presences: Vec<Presence>) -> Result<(), Full>;

    /// These are not any more: calls `match_leave`.
    ///
    /// # Errors
    /// Too many wait.
    fn leave(&mut self, presences: Vec<(Presence, PresenceReason)>) -> Result<(), Full>;

    /// Data for the next tick.
    ///
    /// # Errors
    /// [`MESSAGES_MAX`] or [`MESSAGE_BYTES_MAX`] wait.
    fn message(&mut self, message: MatchMessage) -> Result<(), Full>;

    /// Calls `match_signal`. The answer is a [`MatchOutput::Signalled`] with `token`.
    ///
    /// # Errors
    /// Too many wait.
    fn signal(&mut self, token: u64, data: String) -> Result<(), Full>;

    /// The server wants the match to end: calls `match_terminate`. The match ends when the time is over, at once when no callback keeps it alive.
    fn terminate(&mut self, grace: Duration);

    /// Does what is due: callbacks for inputs in the order in which they came, `match_loop` when its time has come. `now` is of a clock that
    /// only goes forwards.
    fn turn(&mut self, now: Duration);

    /// The next thing to be done, in the order in which the match wanted it.
    fn poll_output(&mut self) -> Option<MatchOutput>;

    /// The state as JSON, for the console: at most `bytes_max` bytes, and an error's text instead when there is more or it is no data.
    fn state(&self, bytes_max: usize) -> String;

    /// Counters.
    fn figures(&self) -> MatchFigures;
}
