//! What every door asks: who calls, and then the service, in its own threads and within a time. Knows nothing of bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::http::Extensions;
use hillfort_api::calls::{Auth, Row, State};
use hillfort_api::{ApiError, CALLS, Call, CallName, Caller, Code, Reply, Sent, Service, Via, Who};
use hillfort_stream::{Lag, Line};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::credentials::Shown;
use crate::entry::Entry;
use crate::holds::Holds;

/// Bounds of the doors.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of a request, as it comes and unpacked.
    pub request_bytes_max: usize,
    /// Time for a request's body to come, and for its call to be answered.
    pub patience: Duration,
    /// Calls that are answered at the same time; more are refused as `Unavailable`.
    pub calls_max: usize,
    /// Longest wait of a call for its turn on the thread of its door, and again on those that answer. One that would wait longer is refused as
    /// `Unavailable`: its answer would come when nobody wants it any more, and make those behind it wait, too.
    pub wait_max: Duration,
    /// Bytes of all answers that wait for their readers, or may have to. What has no room there is refused before it is begun.
    pub answers_bytes_max: usize,
    /// Bytes of all requests that are on their way here, or whose calls are under way.
    pub requests_bytes_max: usize,
}

/// Refusals for want of time come after this, and up to as much again, each at a moment of its own: whoever is refused cannot ask again at
/// once, so that refusing never takes the time of those who are answered.
const PAUSE: Duration = Duration::from_millis(150);
/// Refusals that wait already, for which the pause is as long again.
const CROWD: usize = 128;
/// Longest pause, in pauses: 600 ms, and up to as much again.
const PAUSE_TIMES_MAX: usize = 4;
/// Refusals that wait at the same time; more are given at once.
const PAUSES_MAX: usize = 8192;

/// How long the refusal of this number waits, when so many do.
fn pause(number: u64, waiting: usize) -> Duration {
    let times = (1 + waiting / CROWD).min(PAUSE_TIMES_MAX) as u32;
    // Spread by a step that has no factor in common with the whole.
    let part = number.wrapping_mul(37) % 100;
    PAUSE * times * (100 + part as u32) / 100
}

/// The way from doors to the service.
pub struct Gate {
    pub(crate) service: Arc<dyn Service>,
    threads: Handle,
    pub(crate) settings: Settings,
    places: Arc<Semaphore>,
    pub(crate) answers: Holds,
    pub(crate) bodies: Holds,
    pauses: Semaphore,
    refusals: AtomicU64,
    counts: Box<[Counts]>,
    has_panicked: AtomicBool,
}

/// There was no time or place for a call.
#[derive(Debug)]
pub(crate) struct NotBegun;

/// Answers to one call, by code.
#[derive(Debug, Default)]
struct Counts([AtomicU64; Code::ALL.len()]);

/// How often a call had an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Which call.
    pub call: CallName,
    /// Which answer.
    pub code: Code,
    /// How often, since the start.
    pub times: u64,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Gate {
    /// Calls of `service` run on `threads`.
    pub fn new(service: Arc<dyn Service>, threads: Handle, settings: Settings) -> Self {
        let places = Arc::new(Semaphore::new(settings.calls_max));
        let (answers, bodies) = (Holds::new(settings.answers_bytes_max), Holds::new(settings.requests_bytes_max));
        answers.watch(&threads);
        bodies.watch(&threads);
        let counts = CALLS.iter().map(|_| Counts::default()).collect();
        let (pauses, refusals, has_panicked) = (Semaphore::new(PAUSES_MAX), AtomicU64::new(0), AtomicBool::new(false));
        Self { service, threads, settings, places, answers, bodies, pauses, refusals, counts, has_panicked }
    }

    /// Answers so far, those that there were.
    pub fn counts(&self) -> Vec<Count> {
        let of = |row: &Row| {
            let counts = self.counts[row.call as usize].0.iter().zip(Code::ALL);
            let some = counts.map(|(times, code)| Count { call: row.call, code, times: times.load(Relaxed) });
            some.filter(|count| count.times > 0).collect::<Vec<_>>()
        };
        CALLS.iter().flat_map(of).collect()
    }

    /// Who shows this, and whether they may make calls of this row.
    pub(crate) fn who(&self, row: &Row, shown: &Shown<'_>) -> Result<Who, ApiError> {
        let who = match shown.credentials() {
            None => Who::Nobody,
            Some(credentials) => self.service.caller(credentials)?,
        };
        row.auth.admits(&who)?;
        Ok(who)
    }

    /// The call that the bearer of this token means by a name of its own for it.
    ///
    /// # Errors
    /// `Unauthenticated`: no token, or none that is good. `NotFound`: no such name.
    pub(crate) fn alias(&self, shown: &Shown<'_>, name: &str) -> Result<CallName, ApiError> {
        let who = shown.credentials().map_or(Ok(Who::Nobody), |credentials| self.service.caller(credentials))?;
        Auth::User.admits(&who)?;
        self.service.alias(&who, name).ok_or_else(|| ApiError::new(Code::NotFound, "Not Found"))
    }

    /// Whether the call may be made by this request: under the name that it came by, and signed where it has to be.
    ///
    /// # Errors
    /// `NotFound`: this session calls it by another name. `Unauthenticated`: it is not signed as it must be.
    pub(crate) fn admit(&self, caller: &Caller, call: &Call, by_alias: bool, sent: &Sent<'_>) -> Result<(), ApiError> {
        if !by_alias && self.service.wants_alias(&caller.who, call) {
            return Err(ApiError::new(Code::NotFound, "Not Found"));
        }
        self.service.check_signature(caller, call, sent)
    }

    /// Lets a caller go on to the body of its request: one that has budget left, and did not wait too long for its turn. Whoever asks too much is
    /// told that first, so that it is not the others who are refused for it. Whether the server lives may be asked at any time.
    pub(crate) async fn enter(
        &self,
        call: CallName,
        who: &Who,
        peer: SocketAddr,
        extensions: &Extensions,
    ) -> Result<Entry<'_>, ApiError> {
        let line = extensions.get::<Line>().cloned();
        let entry = Entry { gate: self, call, who: who.clone(), peer, line, body: None };
        if call == CallName::Healthcheck {
            return Ok(entry);
        }
        let is_behind = extensions.get::<Lag>().is_some_and(|lag| lag.now() > self.settings.wait_max);
        if let Err(refused) = self.service.charge(call, who, peer.ip()) {
            if is_behind {
                self.pause().await;
            }
            return Err(refused);
        }
        if is_behind { Err(entry.busy().await) } else { Ok(entry) }
    }

    /// The refusal of a call for which there is no time or place, after a pause.
    pub(crate) async fn busy(&self) -> ApiError {
        self.pause().await;
        ApiError::new(Code::Unavailable, "the server is busy: try again in a second")
    }

    pub(crate) async fn pause(&self) {
        if let Ok(_pausing) = self.pauses.try_acquire() {
            let number = self.refusals.fetch_add(1, Relaxed);
            tokio::time::sleep(pause(number, PAUSES_MAX - self.pauses.available_permits())).await;
        }
    }

    /// Carries the call out, and what follows from its reply, in the threads that answer.
    ///
    /// # Errors
    /// [`NotBegun`].
    pub(crate) async fn carry_out<T: Send + 'static, F: Future<Output = Result<T, ApiError>> + Send>(
        &self,
        caller: Caller,
        call: Call,
        patience: Duration,
        then: impl FnOnce(Reply) -> F + Send + 'static,
    ) -> Result<Result<T, ApiError>, NotBegun> {
        if call.name().row().state == State::NotYet {
            return Ok(Err(ApiError::not_yet(call.name().row().name)));
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| NotBegun)?;
        let (answer, begun, wait_max) = (self.service.call(caller, call), Instant::now(), self.settings.wait_max);
        let task = self.threads.spawn(async move {
            if begun.elapsed() > wait_max {
                return None;
            }
            let answer = match answer.await {
                Ok(reply) => then(reply).await,
                Err(refused) => Err(refused),
            };
            drop(place);
            Some(answer)
        });
        Ok(match tokio::time::timeout(patience, task).await {
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None)) => return Err(NotBegun),
            Ok(Err(_)) => {
                if !self.has_panicked.swap(true, Relaxed) {
                    tracing::error!("a handler of the API panicked; further ones are only counted, as Internal");
                }
                Err(ApiError::new(Code::Internal, "the server failed to answer: its log says more"))
            }
            // The task goes on, and keeps its place: what it has begun is finished.
            Err(_) => Err(ApiError::new(Code::DeadlineExceeded, "the call took too long, and may still be carried out")),
        })
    }

    /// Makes a call for an operator of the console, as `who`: credentials and budgets are passed by, the class of the call is not.
    ///
    /// # Errors
    /// What the call says, or that `who` is not of its class.
    pub async fn call_for_operator(&self, who: Who, address: SocketAddr, call: Call) -> Result<Reply, ApiError> {
        let name = call.name();
        let caller = Caller { who, address, via: Via::Console, headers: Vec::new(), query: Vec::new() };
        let answer = match name.row().auth.admits(&caller.who) {
            Ok(()) if name == CallName::Healthcheck => Ok(Reply::Empty(())),
            Ok(()) => match self.carry_out(caller, call, self.settings.patience, async |reply| Ok(reply)).await {
                Ok(answer) => answer,
                Err(NotBegun) => Err(self.busy().await),
            },
            Err(error) => Err(error),
        };
        self.count(name, answer.as_ref().map_or_else(|error| error.code, |_| Code::Ok));
        answer
    }

    /// Notes how a call ended.
    pub(crate) fn count(&self, call: CallName, code: Code) {
        self.counts[call as usize].0[code as usize].fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_wait_the_longer_the_more_of_them_wait() {
        let within = |waiting, from, to| {
            let pauses: Vec<_> = (0..100).map(|number| pause(number, waiting).as_millis()).collect();
            assert!(pauses.iter().all(|pause| (from..to).contains(pause)), "{waiting}: {pauses:?}");
            let moments: std::collections::HashSet<_> = pauses.into_iter().collect();
            assert_eq!(moments.len(), 100, "each at a moment of its own");
        };
        for (waiting, from, to) in
            [(1, 150, 300), (127, 150, 300), (128, 300, 600), (383, 450, 900), (384, 600, 1200), (PAUSES_MAX, 600, 1200)]
        {
            within(waiting, from, to);
        }
    }
}
