//! Calls of sessions to the service. A call is a future that the loop polls itself: first at once, and most are done by then, later when it
//! was woken. No task, and no thread of its own. Knows nothing of what calls do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use hillfort_api::error::RealtimeCode;
use hillfort_api::realtime::Envelope;
use hillfort_api::service::{Answer, Later};
use hillfort_api::{ApiError, Call, Caller, Close, Code, Reply, Via, Who};
use hillfort_proto::time::Time;
use slab::Slab;

use super::Shared;
use super::conn::ConnRef;
use super::stats::SocketStats;
use super::thread::SocketThread;

/// Calls under way.
pub(crate) struct Calls {
    flights: Slab<Flight>,
    /// How many of each kind.
    under_way: [usize; 3],
    generation: u32,
    ready: Arc<Ready>,
}

/// What is waited for, by what bounds it: neither those who come in nor hooks that look at what was done take the places of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call, or a hook before a message.
    Call,
    /// Whether a session may be here.
    Open,
    /// A hook after a message.
    After,
}

/// What is done with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is the answer of a module's function.
    Rpc,
    /// These users are followed.
    Follow,
    /// The session's user may be here.
    Open {
        /// Whether others see the user as online.
        status: bool,
    },
}

struct Flight {
    generation: u32,
    work: Work,
    waker: Arc<CallWaker>,
    at: ConnRef,
    cid: String,
}

/// What is waited for.
pub(crate) enum Work {
    Call(Answer, Then),
    /// A hook looks at a message before it is handled.
    Before(Later<Result<Option<Envelope>, ApiError>>),
    /// A hook looks at what came of one.
    After(Later<()>),
}

/// What it came to.
#[expect(clippy::large_enum_variant, reason = "made by a future and taken up at once")]
enum Landed {
    Answer(Result<Reply, ApiError>, Then),
    Message(Result<Option<Envelope>, ApiError>),
    Nothing,
}

/// Calls that may go on, told by whatever thread they wait for.
struct Ready {
    keys: Mutex<Vec<(usize, u32)>>,
    shared: Arc<Shared>,
}

struct CallWaker {
    key: usize,
    generation: u32,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Calls {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { flights: Slab::new(), under_way: [0; 3], generation: 0, ready: Arc::new(Ready { keys: Mutex::default(), shared }) }
    }
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_queued.swap(true, AcqRel) {
            return;
        }
        let mut keys = self.ready.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.push((self.key, self.generation));
        let first = keys.len() == 1;
        drop(keys);
        if first {
            self.ready.shared.wake();
        }
    }
}

impl SocketThread {
    /// Makes a call in the name of a session.
    pub(crate) fn call(&mut self, now: Time, at: ConnRef, cid: String, call: Call, then: Then) {
        let Some(caller) = self.caller(at) else { return };
        let kind = if matches!(then, Then::Open { .. }) { Kind::Open } else { Kind::Call };
        let busy = self.has_too_many(kind);
        if busy || self.session_has_too_many(at, kind) {
            SocketStats::count(&self.shared.stats.calls_refused, 1);
            if kind == Kind::Open {
                return self.end(now, at, Close::TryAgain, "the server has too much to do: try again in a second");
            }
            let whose = if busy { "the server has" } else { "this session has" };
            return self.fail(
                now,
                at,
                cid,
                RealtimeCode::RuntimeException,
                format!("{whose} too many calls under way: wait for answers"),
            );
        }
        if let Err(refused) = self.service.charge(call.name(), &caller.who, caller.address.ip()) {
            return self.on_answer(now, at, cid, then, Err(refused));
        }
        SocketStats::count(&self.shared.stats.calls, 1);
        let answer = self.service.call(caller, call);
        self.fly(now, at, cid, Work::Call(answer, then));
    }

    /// A session as the service sees it.
    pub(crate) fn caller(&mut self, at: ConnRef) -> Option<Caller> {
        let conn = self.conn(at)?;
        let (who, via) = (Who::User(Arc::clone(&conn.user)), Via::Socket(conn.session));
        Some(Caller { who, address: conn.peer, via, headers: Vec::new(), query: Vec::new() })
    }

    /// Whether no more of this kind may be waited for.
    pub(crate) fn has_too_many(&self, kind: Kind) -> bool {
        self.calls.under_way[kind as usize] >= self.shared.config.calls_max
    }

    /// The same of one session.
    pub(crate) fn session_has_too_many(&mut self, at: ConnRef, kind: Kind) -> bool {
        let most = self.shared.config.session_calls_max;
        self.conn(at).is_some_and(|conn| usize::from(*conn.under_way(kind)) >= most)
    }

    /// Waits for something in the name of a session.
    pub(crate) fn fly(&mut self, now: Time, at: ConnRef, cid: String, work: Work) {
        let kind = work.kind();
        let Some(conn) = self.conn(at) else { return };
        *conn.under_way(kind) += 1;
        let calls = &mut self.calls;
        calls.under_way[kind as usize] += 1;
        calls.generation = calls.generation.wrapping_add(1);
        let (entry, generation) = (calls.flights.vacant_entry(), calls.generation);
        let key = entry.key();
        let ready = Arc::clone(&calls.ready);
        let waker = Arc::new(CallWaker { key, generation, is_queued: AtomicBool::new(false), ready });
        entry.insert(Flight { generation, work, waker, at, cid });
        self.poll_call(now, key);
    }

    /// Goes on with the calls that were woken.
    pub(crate) fn poll_calls(&mut self, now: Time) {
        let keys = std::mem::take(&mut *self.calls.ready.keys.lock().unwrap_or_else(PoisonError::into_inner));
        for (key, generation) in keys {
            if self.calls.flights.get(key).is_some_and(|flight| flight.generation == generation) {
                self.poll_call(now, key);
            }
        }
    }

    fn poll_call(&mut self, now: Time, key: usize) {
        let Some(flight) = self.calls.flights.get_mut(key) else { return };
        // Before it runs, so that what wakes it meanwhile counts.
        flight.waker.is_queued.store(false, Release);
        let waker = Waker::from(Arc::clone(&flight.waker));
        // Timers and channels of the runtime work wherever a future is polled, as long as it is entered.
        let inside = self.threads.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| flight.work.poll(&mut Context::from_waker(&waker))));
        drop(inside);
        let landed = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(landed)) => landed,
            Err(_) => {
                tracing::error!("a handler of the API panicked");
                flight.work.failed()
            }
        };
        let Flight { at, cid, work, .. } = self.calls.flights.remove(key);
        let kind = work.kind();
        self.calls.under_way[kind as usize] -= 1;
        let Some(conn) = self.conn(at) else { return };
        *conn.under_way(kind) -= 1;
        match landed {
            Landed::Answer(answer, then) => self.on_answer(now, at, cid, then, answer),
            Landed::Message(message) => self.on_hooked(now, at, cid, message),
            Landed::Nothing => {}
        }
    }

    fn on_answer(&mut self, now: Time, at: ConnRef, cid: String, then: Then, answer: Result<Reply, ApiError>) {
        match (then, answer) {
            (Then::Rpc, Ok(Reply::Rpc(rpc))) => self.reply(now, at, cid, hillfort_api::realtime::envelope::Message::Rpc(rpc)),
            (Then::Rpc, Err(error)) => self.fail(now, at, cid, rpc_code(error.code), error.message),
            (Then::Follow, Ok(Reply::Users(users))) => self.on_users_found(now, at, cid, &users),
            (Then::Follow, Err(error)) => self.fail(now, at, cid, error.code.realtime(), error.message),
            (Then::Open { status }, Ok(Reply::Empty(()))) => self.on_let_in(now, at, status),
            (Then::Open { .. }, Err(error)) => {
                SocketStats::count(&self.shared.stats.turned_away, 1);
                self.end(now, at, turned_away(error.code), &error.message);
            }
            (_, Ok(_)) => {
                tracing::error!("the service gave another reply than the call has");
                self.fail(now, at, cid, RealtimeCode::RuntimeException, "the server failed to answer");
            }
        }
    }
}

impl Work {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Landed> {
        match self {
            Self::Call(answer, then) => answer.as_mut().poll(context).map(|answer| Landed::Answer(answer, *then)),
            Self::Before(hook) => hook.as_mut().poll(context).map(Landed::Message),
            Self::After(hook) => hook.as_mut().poll(context).map(|()| Landed::Nothing),
        }
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Call(_, Then::Open { .. }) => Kind::Open,
            Self::Call(..) | Self::Before(_) => Kind::Call,
            Self::After(_) => Kind::After,
        }
    }

    /// What a panic comes to.
    fn failed(&self) -> Landed {
        let error = ApiError::new(Code::Internal, "the server failed to answer: its log says more");
        match self {
            Self::Call(_, then) => Landed::Answer(Err(error), *then),
            Self::Before(_) => Landed::Message(Err(error)),
            Self::After(_) => Landed::Nothing,
        }
    }
}

/// Why a user may not be here.
const fn turned_away(code: Code) -> Close {
    match code {
        Code::Unauthenticated => Close::SessionEnded,
        Code::PermissionDenied => Close::Banned,
        Code::ResourceExhausted | Code::Unavailable => Close::TryAgain,
        _ => Close::Internal,
    }
}

/// Errors of functions have codes of their own.
fn rpc_code(code: Code) -> RealtimeCode {
    match code {
        Code::NotFound => RealtimeCode::RuntimeFunctionNotFound,
        Code::ResourceExhausted | Code::Unavailable | Code::Unimplemented => RealtimeCode::RuntimeException,
        _ => RealtimeCode::RuntimeFunctionException,
    }
}
