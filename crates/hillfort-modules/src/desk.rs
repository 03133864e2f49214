//! The runtime's side of a VM: what its host functions answer from, and what they ask for. Owns the registered functions, the source of randomness and
//! the stage of the match that runs; knows nothing of threads.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hillfort_script::{Data, Entry, Host, HostError, Values};

use crate::backend::{Answer, Ask, Fault};
use crate::cache::Cache;
use crate::log::{Level, Log};
use crate::settings::Settings;
use crate::source::Unsupported;
use crate::stage::Stage;
use crate::work::{Done, Work};

/// Functions of one kind that modules may register.
const REGISTERED_MAX: usize = 10_000;
/// Bytes of an RPC's id.
const ID_BYTES_MAX: usize = 256;

/// What all VMs of a runtime share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) cache: Cache,
    pub(crate) log: Log,
    /// Whether `run_once` has run.
    once: AtomicBool,
}

/// Makes of an answer what the script gets; nothing: it is an answer to something else.
type Finish = Box<dyn FnOnce(Done) -> Option<Result<Values, String>> + Send>;

/// Something that a call waits for.
pub(crate) struct Want {
    pub(crate) work: Work,
    finish: Finish,
    /// What could not be done, when it cannot.
    blame: &'static str,
}

/// Functions that modules registered, by kind and name.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) functions: HashMap<(Kind, String), Entry>,
    /// Names of modules of which matches can be made.
    pub(crate) match_handlers: BTreeSet<String>,
}

/// What a registered function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named as Nakama's functions that register them")]
pub enum Kind {
    Rpc,
    ReqBefore,
    ReqAfter,
    RtBefore,
    RtAfter,
    Shutdown,
}

#[derive(Debug)]
pub(crate) struct Desk {
    shared: Arc<Shared>,
    /// What the call that runs waits for, once it has said so.
    pub(crate) want: Option<Box<Want>>,
    /// While modules load: what they register. Else registering does nothing, as in Nakama's matches.
    pub(crate) registry: Option<Registry>,
    /// While a match runs: its players and what it wants done.
    pub(crate) stage: Option<Stage>,
    /// Whose code runs, for the log.
    pub(crate) place: Arc<str>,
    /// The module that loads.
    pub(crate) loading: String,
    random: Random,
}

/// Random bytes of the system's, many at a time.
#[derive(Debug)]
struct Random {
    bytes: [u8; 256],
    used: usize,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, cache: Cache::default(), log: Log::default(), once: AtomicBool::new(false) }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn line(&self, level: Level, place: &str, message: &str) {
        self.log.line(self.now_ms(), level, place, message);
    }
}

impl Want {
    pub(crate) fn ask(
        ask: Ask,
        blame: &'static str,
        finish: impl FnOnce(Answer) -> Option<Result<Values, String>> + Send + 'static,
    ) -> Self {
        let finish: Finish = Box::new(move |done| match done {
            Done::Answer(answer) => finish(answer),
            Done::Response { .. } => None,
        });
        Self { work: Work::Ask(ask), finish, blame }
    }

    /// Work of the runtime's own: its error says what could not be done.
    pub(crate) fn work(work: Work) -> Self {
        let finish: Finish = Box::new(|done| {
            Some(Ok(Values(match done {
                Done::Answer(Answer::Text(text)) => vec![Data::text(text)],
                Done::Answer(Answer::Flag(flag)) => vec![Data::Bool(flag)],
                Done::Answer(_) => return None,
                Done::Response { code, headers, body } => {
                    let headers = headers.into_iter().map(|(name, value)| (name, Data::Text(value)));
                    vec![Data::Number(code.into()), Data::map(headers), Data::Text(body)]
                }
            })))
        });
        Self { work, finish, blame: "" }
    }

    /// For an [`Ask`] whose answer is that it was done.
    pub(crate) fn nothing(answer: Answer) -> Option<Result<Values, String>> {
        matches!(answer, Answer::Done).then(|| Ok(Values::default()))
    }

    /// For an [`Ask`] whose answer is a text.
    pub(crate) fn text(answer: Answer) -> Option<Result<Values, String>> {
        match answer {
            Answer::Text(text) => Some(Ok(Values(vec![Data::text(text)]))),
            _ => None,
        }
    }

    /// Splits into what is to be done, and what makes a script's values of it.
    pub(crate) fn split(self) -> (Work, impl FnOnce(Result<Done, Fault>) -> Result<Values, String> + Send) {
        let Self { work, finish, blame } = self;
        let blamed = move |text: String| if blame.is_empty() { text } else { format!("{blame}: {text}") };
        (work, move |result: Result<Done, Fault>| match result.map(finish) {
            Ok(Some(result)) => result.map_err(blamed),
            Ok(None) => Err(blamed("the server gave the wrong kind of answer".to_owned())),
            Err(fault) => Err(blamed(fault.message)),
        })
    }
}

impl std::fmt::Debug for Want {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Want").field("work", &self.work).finish_non_exhaustive()
    }
}

impl Kind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "rpc" => Self::Rpc,
            "req_before" => Self::ReqBefore,
            "req_after" => Self::ReqAfter,
            "rt_before" => Self::RtBefore,
            "rt_after" => Self::RtAfter,
            "shutdown" => Self::Shutdown,
            _ => return None,
        })
    }
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let random = Random { bytes: [0; 256], used: 256 };
        Self { shared, want: None, registry: None, stage: None, place: "load".into(), loading: String::new(), random }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.shared.now_ms()
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.shared.line(level, &self.place, message);
    }

    /// Whether this is the first time that anybody asks.
    pub(crate) fn first(&self) -> bool {
        !self.shared.once.swap(true, Ordering::Relaxed)
    }

    /// Fills with random bytes of the system's.
    pub(crate) fn fill_random(&mut self, out: &mut [u8]) -> Result<(), HostError> {
        self.random.fill(out).map_err(|error| HostError(format!("no random numbers: {error}")))
    }

    pub(crate) fn register(&mut self, kind: Kind, function: Entry, name: &str) -> Result<(), HostError> {
        let Some(registry) = &mut self.registry else { return Ok(()) };
        if name.is_empty() && kind != Kind::Shutdown {
            return Err(HostError("bad argument #2 (expects a name that is not empty)".to_owned()));
        }
        if name.len() > ID_BYTES_MAX || registry.functions.len() >= REGISTERED_MAX {
            return Err(HostError(format!("at most {REGISTERED_MAX} functions, with names of at most {ID_BYTES_MAX} bytes")));
        }
        match crate::hooks::check(kind, name) {
            // With a warning, which the look through the sources has given where it saw the name.
            Err(useless) if !useless.is_unknown && self.shared.settings.unsupported == Unsupported::Warn => {}
            checked => checked.map_err(|useless| HostError(useless.text))?,
        }
        registry.functions.insert((kind, name.to_lowercase()), function);
        Ok(())
    }
}

impl Random {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), getrandom::Error> {
        if out.len() > self.bytes.len() - self.used {
            getrandom::fill(&mut self.bytes)?;
            self.used = 0;
        }
        match self.bytes.get(self.used..self.used + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => return getrandom::fill(out),
        }
        self.used += out.len();
        Ok(())
    }
}

impl Host for Desk {
    fn random(&mut self) -> u64 {
        let mut bytes = [0; 8];
        // Where the system has none, there is nothing better than a number all the same: it is for games, not for secrets.
        self.random.fill(&mut bytes).unwrap_or_default();
        u64::from_le_bytes(bytes)
    }
}
