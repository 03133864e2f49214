//! A thread with a VM of its own that runs RPCs and hooks. Owns the way of a call: a short one runs where its caller is, when the VM is free and the
//! caller has time; every other runs in the thread, and one that waits goes on there. Newly loaded modules take the place of the old ones, after
//! which old calls end where they began.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use hillfort_script::modules::Failure;
use hillfort_script::{Data, DataLimits, Values};
use rustix::time::ClockId;
use tokio::sync::{mpsc, oneshot};

use crate::backend::Fault;
use crate::desk::{Desk, Kind, Shared};
use crate::log::Level;
use crate::runtime::context::Context;
use crate::vm::{Loaded, Progress, Waiting, read};
use crate::work::{Done, Hands, Work};

/// A call that took more of the processor where its caller is was not short.
const SHORT: Duration = Duration::from_millis(1);
/// So many calls of a function run in the thread after one that was not short, and twice as many after each further one that took long.
const AWAY_CALLS: u32 = 256;
/// After more calls that took long, all run in the thread.
const LONG_CALLS_MAX: u32 = 9;
/// Calls that are away for good.
const ALL_CALLS: u32 = u32::MAX;

/// What a call gives.
pub(crate) type Outcome = Result<Data, Refused>;

/// Something to do for the thread.
pub(crate) enum Job {
    /// A call that has not begun.
    Begin(Box<CallJob>, oneshot::Sender<Outcome>),
    /// A call that has, and waits for this.
    GoOn(Box<Under>, Waiting, Work),
    /// Work of a match's, whose answer goes to the slot.
    Work(Work, oneshot::Sender<Result<Done, Fault>>),
    /// The modules may have to be loaded anew.
    Look,
}

/// A call of a registered function.
pub(crate) struct CallJob {
    /// What is called.
    pub(crate) key: (Kind, String),
    pub(crate) context: Context,
    pub(crate) arguments: Values,
    pub(crate) begun: Instant,
}

/// A call under way.
pub(crate) struct Under {
    loaded: Arc<Loaded>,
    place: Arc<str>,
    begun: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No function of this name.
    Unknown,
    /// It took longer in all than a call may.
    Late,
    /// The thread has too much to do.
    Full,
    /// It failed.
    Failed(Failure),
    /// What it returned is too much.
    TooMuch(String),
    /// A bug of ours.
    Lost,
}

/// Whether a function is known to be short: it is, until a call of it waits, or takes long. New modules have new habits.
#[derive(Debug, Default)]
pub(crate) struct Habit {
    /// Calls that go to the thread before one is tried again.
    away: AtomicU32,
    /// Calls that took long.
    long: AtomicU32,
}

/// What became of a call that was tried where its caller is.
#[expect(clippy::large_enum_variant, reason = "made and taken up at once")]
pub(crate) enum Tried {
    /// It is over.
    Over(Outcome),
    /// It waits, and goes on in the thread.
    Goes(oneshot::Receiver<Outcome>),
    /// It has not begun.
    Not(CallJob),
}

/// What the thread and its callers share.
#[derive(Debug)]
struct Seat {
    loaded: RwLock<Arc<Loaded>>,
    /// The thread wants the VM: callers leave it alone.
    wanted: AtomicBool,
    /// Jobs in queue or under way.
    load: AtomicUsize,
    shared: Arc<Shared>,
}

/// A thread with its queue and its VM.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
    seat: Arc<Seat>,
}

/// How a call stands after it ran for a while.
enum Stands {
    Over(Outcome),
    Waits(Waiting, Work),
}

impl Habit {
    /// Whether the next call may run where its caller is.
    pub(crate) fn is_short(&self) -> bool {
        let less = |away: u32| if away == ALL_CALLS { Some(away) } else { away.checked_sub(1) };
        self.away.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err()
    }

    /// A call took long: others would have waited for it. Each further one keeps the function away for twice as long, in the end for good.
    fn was_long(&self) {
        let before = self.long.fetch_add(1, Ordering::Relaxed);
        let away = if before < LONG_CALLS_MAX { AWAY_CALLS << before } else { ALL_CALLS };
        self.away.fetch_max(away, Ordering::Relaxed);
    }

    /// A call waited: nobody but its caller did.
    fn waited(&self) {
        self.away.fetch_max(AWAY_CALLS, Ordering::Relaxed);
    }
}

impl Worker {
    /// Starts a thread with its first modules.
    pub(crate) fn start(number: usize, loaded: Loaded, shared: Arc<Shared>, hands: Hands) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(shared.settings.queue_max.max(1));
        let loaded = RwLock::new(Arc::new(loaded));
        let seat = Arc::new(Seat { loaded, wanted: AtomicBool::new(false), load: AtomicUsize::new(0), shared });
        let worker = Self { jobs, seat: Arc::clone(&seat) };
        std::thread::Builder::new().name(format!("modules-{number}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
            match runtime {
                Ok(runtime) => {
                    let turn = Turn { seat, hands, waiting: FuturesUnordered::new() };
                    runtime.block_on(turn.run(queue));
                    // A thread for secrets may be at it still: nobody waits for what it makes.
                    runtime.shutdown_background();
                }
                Err(error) => tracing::error!("the thread for modules cannot start: {error}"),
            }
        })?;
        Ok(worker)
    }

    /// Jobs in queue or under way.
    pub(crate) fn load(&self) -> usize {
        self.seat.load.load(Ordering::Relaxed)
    }

    /// Hands a job over. Whether there was room: if not, the job is dropped, which whoever waits for it notices.
    pub(crate) fn hand(&self, job: Job) -> bool {
        self.seat.load.fetch_add(1, Ordering::Relaxed);
        let taken = self.jobs.try_send(job).is_ok();
        if !taken {
            self.seat.load.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// New calls go to these modules from now on.
    pub(crate) fn switch(&self, loaded: Loaded) {
        *self.seat.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }

    /// Runs a call here and now if the VM is free, until it ends or waits: at worst for as long as the budget of a call lasts, after which `habit`
    /// keeps the function away.
    pub(crate) fn try_here(&self, job: CallJob, habit: &Habit) -> Tried {
        if self.seat.wanted.load(Ordering::Relaxed) {
            return Tried::Not(job);
        }
        // What has begun must find room when it waits.
        let Ok(place_in_queue) = self.jobs.try_reserve() else { return Tried::Not(job) };
        let loaded = self.seat.current();
        let running = match loaded.running.try_lock() {
            Ok(running) => running,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Tried::Not(job),
        };
        // The thread loads them anew first.
        if loaded.is_lost().is_some() {
            return Tried::Not(job);
        }
        let (asked, begun, busy) = (job.begun, Instant::now(), read(ClockId::ThreadCPUTime));
        let (place, stands) = self.seat.begin(&loaded, &running, job);
        drop(running);
        // That others had the processor meanwhile says nothing of the function; the cheap clock answers for most calls.
        let is_long = begun.elapsed() > SHORT && read(ClockId::ThreadCPUTime).saturating_sub(busy) > SHORT;
        if is_long {
            habit.was_long();
        } else if matches!(stands, Stands::Waits(..)) {
            habit.waited();
        }
        if loaded.is_lost().is_some() {
            self.hand(Job::Look);
        }
        match stands {
            Stands::Over(outcome) => Tried::Over(outcome),
            Stands::Waits(waiting, work) => {
                let (reply, replied) = oneshot::channel();
                self.seat.load.fetch_add(1, Ordering::Relaxed);
                place_in_queue.send(Job::GoOn(Box::new(Under { loaded, place, begun: asked, reply }), waiting, work));
                Tried::Goes(replied)
            }
        }
    }
}

impl Seat {
    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a call.
    fn begin(&self, loaded: &Loaded, _running: &MutexGuard<'_, ()>, job: CallJob) -> (Arc<str>, Stands) {
        let CallJob { key, context, arguments, begun } = job;
        let Some(function) = loaded.registry.functions.get(&key) else {
            return ("".into(), Stands::Over(Err(Refused::Unknown)));
        };
        let place: Arc<str> = key.1.into();
        // One that has waited as long as a call may take gets no work done.
        if begun.elapsed() > self.shared.settings.call_wait_max {
            return (place, Stands::Over(Err(Refused::Late)));
        }
        let stands = self.slice(loaded, &place, begun, || {
            let arguments = context.arguments(&loaded.room.record, function, key.0, arguments);
            loaded.engine.begin(&loaded.room, &loaded.engine.entries.call, arguments, self.shared.settings.call_steps_max)
        });
        (place, stands)
    }

    /// Runs a call until it ends or waits. A panic is a bug of ours: it ends the call, and the modules begin anew, since nobody knows what they are in.
    fn slice(&self, loaded: &Loaded, place: &Arc<str>, begun: Instant, run: impl FnOnce() -> Progress) -> Stands {
        let stands = catch_unwind(AssertUnwindSafe(|| {
            loaded.engine.vm.with_host::<Desk, _>(|desk| desk.place = Arc::clone(place));
            Stands::Over(match run() {
                Progress::Waits(..) if begun.elapsed() > self.shared.settings.call_wait_max => Err(Refused::Late),
                Progress::Waits(waiting, work) => return Stands::Waits(waiting, work),
                Progress::Failed(failure) => Err(Refused::Failed(failure)),
                // As in Nakama, the last value counts.
                Progress::Done(results) => {
                    let limits = DataLimits { bytes_max: self.shared.settings.result_bytes_max, ..DataLimits::default() };
                    results.data(results.len(), limits).map_err(|error| Refused::TooMuch(error.0))
                }
            })
        }));
        stands.unwrap_or_else(|_| {
            loaded.broken.store(true, Ordering::Relaxed);
            Stands::Over(Err(Refused::Lost))
        })
    }
}

struct Turn {
    seat: Arc<Seat>,
    hands: Hands,
    waiting: FuturesUnordered<LocalBoxFuture<'static, Option<Answered>>>,
}

/// A call, and what it waited for.
type Answered = (Box<Under>, Waiting, Result<Done, Fault>);

impl Turn {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let waiting_max = self.seat.shared.settings.waiting_max;
        loop {
            tokio::select! {
                biased;
                Some(answered) = self.waiting.next(), if !self.waiting.is_empty() => match answered {
                    Some((under, waiting, result)) => self.resume(under, waiting, result),
                    None => self.done(),
                },
                job = jobs.recv(), if self.waiting.len() < waiting_max => match job {
                    Some(job) => {
                        // A caller may have found out before.
                        self.rebuild_if_lost().await;
                        self.take(job);
                    }
                    None => break,
                },
            }
            self.rebuild_if_lost().await;
        }
    }

    fn done(&self) {
        self.seat.load.fetch_sub(1, Ordering::Relaxed);
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Look => self.done(),
            Job::Work(work, slot) => {
                let work = self.hands.start(work);
                self.waiting.push(Box::pin(async move {
                    // Nobody listens when the match has ended.
                    slot.send(work.await).ok();
                    None
                }));
            }
            Job::GoOn(under, waiting, work) => self.wait(under, waiting, work),
            // A caller that is gone gets no work done.
            Job::Begin(_, reply) if reply.is_closed() => self.done(),
            Job::Begin(job, reply) => {
                let (loaded, begun) = (self.seat.current(), job.begun);
                let (place, stands) = self.having(&loaded, |seat, running| seat.begin(&loaded, running, *job));
                self.follow(Box::new(Under { loaded, place, begun, reply }), stands);
            }
        }
    }

    fn resume(&mut self, under: Box<Under>, waiting: Waiting, result: Result<Done, Fault>) {
        let Under { loaded, place, begun, .. } = &*under;
        let run = || loaded.engine.resume(&loaded.room, waiting, result);
        let stands = self.having(loaded, |seat, _| seat.slice(loaded, place, *begun, run));
        self.follow(under, stands);
    }

    /// Does something with the VM to itself.
    fn having<T>(&self, loaded: &Loaded, run: impl FnOnce(&Seat, &MutexGuard<'_, ()>) -> T) -> T {
        self.seat.wanted.store(true, Ordering::Relaxed);
        let running = loaded.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.seat.wanted.store(false, Ordering::Relaxed);
        run(&self.seat, &running)
    }

    fn wait(&self, under: Box<Under>, waiting: Waiting, work: Work) {
        let work = self.hands.start(work);
        self.waiting.push(Box::pin(async move { Some((under, waiting, work.await)) }));
    }

    fn follow(&self, under: Box<Under>, stands: Stands) {
        match stands {
            Stands::Waits(waiting, work) => self.wait(under, waiting, work),
            Stands::Over(outcome) => {
                self.done();
                // Nobody listens when the client is gone.
                under.reply.send(outcome).ok();
            }
        }
    }

    /// Loads the modules anew when they must be; what they kept is gone.
    async fn rebuild_if_lost(&self) {
        let lost = self.seat.current();
        let Some(why) = lost.is_lost() else { return };
        let shared = Arc::clone(&self.seat.shared);
        shared.line(Level::Error, "modules", &format!("{why}: they are loaded anew, what they kept is gone"));
        match Loaded::load(&lost.compiled, &shared, &self.hands).await {
            Ok(loaded) => {
                let mut current = self.seat.loaded.write().unwrap_or_else(PoisonError::into_inner);
                // Others may have been loaded meanwhile.
                if Arc::ptr_eq(&current, &lost) {
                    *current = Arc::new(loaded);
                }
            }
            // They loaded before: the next call tries again.
            Err(finding) => shared.line(Level::Error, "modules", &finding.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: usize = 200_000;

    /// How many calls it is away for, up to `CALLS`.
    fn away(habit: &Habit) -> usize {
        (0..CALLS).take_while(|_| !habit.is_short()).count()
    }

    #[test]
    fn a_function_that_was_long_is_tried_again_after_a_while() {
        let habit = Habit::default();
        assert!(habit.is_short() && habit.is_short());
        habit.was_long();
        assert_eq!(away(&habit), 256);
        assert!(habit.is_short());
    }

    #[test]
    fn a_function_that_was_long_again_and_again_stays_away() {
        let habit = Habit::default();
        let aways = (0..9).map(|_| {
            habit.was_long();
            away(&habit)
        });
        assert!(aways.eq((8..=16).map(|power| 1 << power)));
        habit.was_long();
        habit.waited();
        assert_eq!(away(&habit), CALLS, "for good");
    }

    #[test]
    fn a_function_that_waits_is_tried_again_each_time() {
        let habit = Habit::default();
        for _ in 0..100 {
            habit.waited();
            assert_eq!(away(&habit), 256);
        }
    }
}
