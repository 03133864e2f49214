//! What every door asks: who calls, and then the service, in its own threads and within a time. Knows nothing of bytes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::http::Extensions;
use bytes::Bytes;
use hillfort_api::calls::{Auth, Row, State};
use hillfort_api::{ApiError, CALLS, Call, CallName, Caller, Code, Reply, Sent, Service, Via, Who, source};
use hillfort_stream::Lag;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::answers::Answers;
use crate::credentials::Shown;

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
    /// Bytes of all answers that wait for their readers, or may have to. What has no room there is refused: before it is begun, where it is
    /// known to be long.
    pub answers_bytes_max: usize,
}

/// Refusals for want of time come after this, and up to as much again, each at a moment of its own: whoever is refused cannot ask again at
/// once, so that refusing never takes the time of those who are answered.
const PAUSE: Duration = Duration::from_millis(150);
/// Refusals that wait at the same time; more are given at once.
const PAUSES_MAX: usize = 8192;

/// The way from doors to the service.
pub struct Gate {
    service: Arc<dyn Service>,
    threads: Handle,
    pub(crate) settings: Settings,
    places: Arc<Semaphore>,
    answers: Answers,
    pauses: Semaphore,
    refusals: AtomicU64,
    counts: Box<[Counts]>,
    has_panicked: AtomicBool,
}

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
        let answers = Answers::new(settings.answers_bytes_max);
        let counts = CALLS.iter().map(|_| Counts::default()).collect();
        let (pauses, refusals, has_panicked) = (Semaphore::new(PAUSES_MAX), AtomicU64::new(0), AtomicBool::new(false));
        Self { service, threads, settings, places, answers, pauses, refusals, counts, has_panicked }
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

    /// Lets a caller go on to the body of its request: one that has budget left, at a door that is not too far behind. Whoever asks too much is
    /// told that first, so that it is not the others who are refused for it. Whether the server lives may be asked at any time.
    pub(crate) async fn enter(
        &self,
        call: CallName,
        who: &Who,
        address: IpAddr,
        extensions: &Extensions,
    ) -> Result<(), ApiError> {
        if call == CallName::Healthcheck {
            return Ok(());
        }
        let is_behind = extensions.get::<Lag>().is_some_and(|lag| lag.now() > self.settings.wait_max);
        if let Err(refused) = self.service.charge(call, who, address) {
            if is_behind {
                self.pause().await;
            }
            return Err(refused);
        }
        if is_behind { Err(self.busy().await) } else { Ok(()) }
    }

    /// The refusal of a call for which there is no time or place, after a pause.
    async fn busy(&self) -> ApiError {
        self.pause().await;
        ApiError::new(Code::Unavailable, "the server is busy: try again in a second")
    }

    async fn pause(&self) {
        if let Ok(_pausing) = self.pauses.try_acquire() {
            // Spread by a step that has no factor in common with the whole.
            let part = self.refusals.fetch_add(1, Relaxed).wrapping_mul(37) % 100;
            tokio::time::sleep(PAUSE + PAUSE * u32::try_from(part).unwrap_or(0) / 100).await;
        }
    }

    /// Has the call answered, in the bytes that `write` makes of it: on the threads that answer, as a long one would keep everybody at its door
    /// waiting. The answer holds its part of all that wait for their readers until it is written.
    pub(crate) async fn call(
        &self,
        caller: Caller,
        call: Call,
        patience: Duration,
        write: impl FnOnce(Reply) -> Result<Vec<u8>, ApiError> + Send + 'static,
    ) -> Result<Bytes, ApiError> {
        if call.name() == CallName::Healthcheck {
            return write(Reply::Empty(())).map(Bytes::from);
        }
        let (answers, source) = (self.answers.clone(), source(caller.address.ip()));
        let room = answers.make_room(self.service.answer_max(&call), self.settings.wait_max).await?;
        self.carry_out(caller, call, patience, move |reply| answers.hold(room, source, write(reply)?)).await
    }

    /// Carries the call out, and what follows from its reply, in the threads that answer.
    async fn carry_out<T: Send + 'static>(
        &self,
        caller: Caller,
        call: Call,
        patience: Duration,
        then: impl FnOnce(Reply) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        if call.name().row().state == State::NotYet {
            return Err(ApiError::not_yet(call.name().row().name));
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(self.busy().await);
        };
        let (answer, begun, wait_max) = (self.service.call(caller, call), Instant::now(), self.settings.wait_max);
        let task = self.threads.spawn(async move {
            let answer = if begun.elapsed() > wait_max { None } else { Some(answer.await.and_then(then)) };
            drop(place);
            answer
        });
        match tokio::time::timeout(patience, task).await {
            Ok(Ok(Some(answer))) => answer,
            Ok(Ok(None)) => Err(self.busy().await),
            Ok(Err(_)) => {
                if !self.has_panicked.swap(true, Relaxed) {
                    tracing::error!("a handler of the API panicked; further ones are only counted, as Internal");
                }
                Err(ApiError::new(Code::Internal, "the server failed to answer: its log says more"))
            }
            // The task goes on, and keeps its place: what it has begun is finished.
            Err(_) => Err(ApiError::new(Code::DeadlineExceeded, "the call took too long, and may still be carried out")),
        }
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
            Ok(()) => self.carry_out(caller, call, self.settings.patience, Ok).await,
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
