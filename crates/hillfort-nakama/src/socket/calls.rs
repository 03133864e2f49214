//! Calls of sessions to the service. A call is a future that the loop polls itself: first at once, and most are done by then, later when it
//! was woken. No task, and no thread of its own. Knows nothing of what calls do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use hillfort_api::error::RealtimeCode;
use hillfort_api::service::Answer;
use hillfort_api::{ApiError, Call, Caller, Code, Reply, Via, Who};
use hillfort_proto::time::Time;
use slab::Slab;

use super::Shared;
use super::conn::ConnRef;
use super::stats::SocketStats;
use super::thread::SocketThread;

/// Calls under way.
pub(crate) struct Calls {
    flights: Slab<Flight>,
    generation: u32,
    ready: Arc<Ready>,
}

/// What is done with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is the answer of a module's function.
    Rpc,
    /// These users are followed.
    Follow,
}

struct Flight {
    generation: u32,
    answer: Answer,
    waker: Arc<CallWaker>,
    at: ConnRef,
    cid: String,
    then: Then,
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
        Self { flights: Slab::new(), generation: 0, ready: Arc::new(Ready { keys: Mutex::default(), shared }) }
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
        let (session_most, most) = (self.shared.config.session_calls_max, self.shared.config.calls_max);
        let busy = self.calls.flights.len() >= most;
        let Some(conn) = self.conn(at) else { return };
        if busy || usize::from(conn.calls) >= session_most {
            SocketStats::count(&self.shared.stats.calls_refused, 1);
            let whose = if busy { "the server has" } else { "this session has" };
            return self.fail(
                now,
                at,
                cid,
                RealtimeCode::RuntimeException,
                format!("{whose} too many calls under way: wait for answers"),
            );
        }
        conn.calls += 1;
        let (who, via) = (Who::User(Arc::clone(&conn.user)), Via::Socket(conn.session));
        let caller = Caller { who, address: conn.peer, via, headers: Vec::new(), query: Vec::new() };
        SocketStats::count(&self.shared.stats.calls, 1);
        let answer = self.service.call(caller, call);
        let calls = &mut self.calls;
        calls.generation = calls.generation.wrapping_add(1);
        let (entry, generation) = (calls.flights.vacant_entry(), calls.generation);
        let key = entry.key();
        let ready = Arc::clone(&calls.ready);
        let waker = Arc::new(CallWaker { key, generation, is_queued: AtomicBool::new(false), ready });
        entry.insert(Flight { generation, answer, waker, at, cid, then });
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
        let polled = catch_unwind(AssertUnwindSafe(|| flight.answer.as_mut().poll(&mut Context::from_waker(&waker))));
        drop(inside);
        let answer = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(answer)) => answer,
            Err(_) => {
                tracing::error!("a handler of the API panicked");
                Err(ApiError::new(Code::Internal, "the server failed to answer: its log says more"))
            }
        };
        let Flight { at, cid, then, .. } = self.calls.flights.remove(key);
        let Some(conn) = self.conn(at) else { return };
        conn.calls -= 1;
        match (then, answer) {
            (Then::Rpc, Ok(Reply::Rpc(rpc))) => self.reply(now, at, cid, hillfort_api::realtime::envelope::Message::Rpc(rpc)),
            (Then::Rpc, Err(error)) => self.fail(now, at, cid, rpc_code(error.code), error.message),
            (Then::Follow, Ok(Reply::Users(users))) => self.on_users_found(now, at, cid, &users),
            (Then::Follow, Err(error)) => self.fail(now, at, cid, error.code.realtime(), error.message),
            (_, Ok(_)) => {
                tracing::error!("the service gave another reply than the call has");
                self.fail(now, at, cid, RealtimeCode::RuntimeException, "the server failed to answer");
            }
        }
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
