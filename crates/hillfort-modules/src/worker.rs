//! A thread that runs RPCs and hooks in its own VM. Owns the thread's loop: calls that begin, calls that wait, and the change to newly loaded modules, after
//! which old calls end where they began.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use hillfort_script::modules::Failure;
use hillfort_script::{Data, DataLimits, Values};
use tokio::sync::{mpsc, oneshot};

use crate::backend::Fault;
use crate::desk::{Desk, Kind, Shared};
use crate::log::Level;
use crate::runtime::context::Context;
use crate::source::Compiled;
use crate::vm::{Loaded, Progress, Waiting};
use crate::work::{Done, Hands, Work};

/// Something to do.
pub(crate) enum Job {
    Call(Box<CallJob>),
    /// Work of a match's, whose answer goes to the slot.
    Work(Work, oneshot::Sender<Result<Done, Fault>>),
}

/// A call of a registered function.
pub(crate) struct CallJob {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) context: Arc<Context>,
    pub(crate) arguments: Values,
    pub(crate) queued: Instant,
    pub(crate) reply: oneshot::Sender<Result<Data, Refused>>,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No function of this name.
    Unknown,
    /// It took longer in all than a call may.
    Late,
    /// It failed.
    Failed(Failure),
    /// What it returned is too much.
    TooMuch(String),
}

/// Newly loaded modules for a thread.
pub(crate) struct Switch {
    pub(crate) loaded: Loaded,
    pub(crate) compiled: Compiled,
}

/// A thread's two queues.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
    switches: mpsc::Sender<Switch>,
    /// Calls in queue or under way.
    load: Arc<AtomicUsize>,
}

/// Counts a call in and out.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Under {
    loaded: Rc<Loaded>,
    place: Arc<str>,
    begun: Instant,
    reply: oneshot::Sender<Result<Data, Refused>>,
    counted: Counted,
}

#[expect(clippy::large_enum_variant, reason = "made by a future and taken up at once")]
enum Finished {
    Call(Under, Waiting, Result<Done, Fault>),
    Work,
}

impl Worker {
    /// Starts a thread with its first modules.
    pub(crate) fn start(number: usize, first: Switch, shared: Arc<Shared>, hands: Hands) -> std::io::Result<Self> {
        let (jobs, job_queue) = mpsc::channel(shared.settings.queue_max.max(1));
        let (switches, switch_queue) = mpsc::channel(1);
        let load = Arc::new(AtomicUsize::new(0));
        let worker = Self { jobs, switches, load: Arc::clone(&load) };
        std::thread::Builder::new().name(format!("modules-{number}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
            match runtime {
                Ok(runtime) => {
                    let turn = Turn {
                        loaded: Rc::new(first.loaded),
                        compiled: first.compiled,
                        shared,
                        hands,
                        load,
                        waiting: FuturesUnordered::new(),
                        broken: false,
                    };
                    runtime.block_on(turn.run(job_queue, switch_queue));
                    // A thread for secrets may be at it still: nobody waits for what it makes.
                    runtime.shutdown_background();
                }
                Err(error) => tracing::error!("the thread for modules cannot start: {error}"),
            }
        })?;
        Ok(worker)
    }

    /// Calls in queue or under way.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Hands a job over. Whether there was room: if not, the job is dropped, which whoever waits for it notices.
    pub(crate) fn hand(&self, job: Job) -> bool {
        self.load.fetch_add(1, Ordering::Relaxed);
        let taken = self.jobs.try_send(job).is_ok();
        if !taken {
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// Hands newly loaded modules over: waits until the thread has taken the ones before. Whether there is a thread.
    pub(crate) fn switch(&self, switch: Switch) -> bool {
        self.switches.blocking_send(switch).is_ok()
    }
}

struct Turn {
    loaded: Rc<Loaded>,
    compiled: Compiled,
    shared: Arc<Shared>,
    hands: Hands,
    load: Arc<AtomicUsize>,
    waiting: FuturesUnordered<LocalBoxFuture<'static, Finished>>,
    /// A panic came out of the modules' VM.
    broken: bool,
}

impl Turn {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>, mut switches: mpsc::Receiver<Switch>) {
        let waiting_max = self.shared.settings.waiting_max;
        loop {
            tokio::select! {
                biased;
                switch = switches.recv() => match switch {
                    Some(switch) => (self.loaded, self.compiled) = (Rc::new(switch.loaded), switch.compiled),
                    None => break,
                },
                Some(finished) = self.waiting.next(), if !self.waiting.is_empty() => {
                    if let Finished::Call(under, waiting, result) = finished {
                        self.walled(|turn| turn.go_on(under, waiting, result));
                    }
                }
                job = jobs.recv(), if self.waiting.len() < waiting_max => match job {
                    Some(job) => self.walled(|turn| turn.begin(job)),
                    None => break,
                },
            }
            if self.loaded.room.environment.has_ended() {
                let bytes = self.shared.settings.vm_bytes_max;
                self.rebuild(&format!("the modules keep more than {bytes} bytes")).await;
            } else if std::mem::take(&mut self.broken) {
                self.rebuild("a bug of the server's").await;
            }
        }
    }

    fn begin(&mut self, job: Job) {
        let counted = Counted(Arc::clone(&self.load));
        match job {
            Job::Work(work, slot) => {
                let work = self.hands.start(work);
                self.waiting.push(Box::pin(async move {
                    let _counted = counted;
                    // Nobody listens when the match has ended.
                    slot.send(work.await).ok();
                    Finished::Work
                }));
            }
            Job::Call(job) => self.call(*job, counted),
        }
    }

    fn call(&mut self, job: CallJob, counted: Counted) {
        let CallJob { kind, name, context, arguments, queued, reply } = job;
        // A caller that is gone, or has waited as long as a call may take, gets no work done.
        if reply.is_closed() {
            return;
        }
        let loaded = Rc::clone(&self.loaded);
        let key = (kind, name);
        let Some(function) = loaded.registry.functions.get(&key).map(Arc::clone) else {
            reply.send(Err(Refused::Unknown)).ok();
            return;
        };
        if queued.elapsed() > self.shared.settings.call_wait_max {
            reply.send(Err(Refused::Late)).ok();
            return;
        }
        let place: Arc<str> = key.1.into();
        loaded.engine.vm.with_host::<Desk, _>(|desk| desk.place = Arc::clone(&place));
        let entries = &loaded.engine.entries;
        let arguments = context.arguments(&loaded.room.record, &function, kind, arguments);
        let progress = loaded.engine.begin(&loaded.room, &entries.call, arguments, self.shared.settings.call_steps_max);
        self.follow(Under { loaded, place, begun: queued, reply, counted }, progress);
    }

    fn go_on(&mut self, under: Under, waiting: Waiting, result: Result<Done, Fault>) {
        let engine = under.loaded.engine.clone();
        engine.vm.with_host::<Desk, _>(|desk| desk.place = Arc::clone(&under.place));
        let progress = engine.resume(&under.loaded.room, waiting, result);
        self.follow(under, progress);
    }

    fn follow(&mut self, under: Under, progress: Progress) {
        let result = match progress {
            Progress::Waits(..) if under.begun.elapsed() > self.shared.settings.call_wait_max => Err(Refused::Late),
            Progress::Waits(waiting, work) => {
                let work = self.hands.start(work);
                self.waiting.push(Box::pin(async move { Finished::Call(under, waiting, work.await) }));
                return;
            }
            // As in Nakama, the last value counts.
            Progress::Done(results) => {
                let limits = DataLimits { bytes_max: self.shared.settings.result_bytes_max, ..DataLimits::default() };
                results.data(results.len(), limits).map_err(|error| Refused::TooMuch(error.0))
            }
            Progress::Failed(failure) => Err(Refused::Failed(failure)),
        };
        drop(under.counted);
        // Nobody listens when the client is gone.
        under.reply.send(result).ok();
    }

    /// A panic is a bug of ours: it ends the call, and the modules begin anew, since nobody knows what they are in.
    fn walled(&mut self, work: impl FnOnce(&mut Self)) {
        self.broken |= std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(self))).is_err();
    }

    /// Loads the modules anew; what they kept is gone.
    async fn rebuild(&mut self, why: &str) {
        self.shared.line(Level::Error, "modules", &format!("{why}: they are loaded anew, what they kept is gone"));
        match Loaded::load(&self.compiled, &self.shared, &self.hands).await {
            Ok(loaded) => self.loaded = Rc::new(loaded),
            // They loaded before: the next call tries again.
            Err(finding) => self.shared.line(Level::Error, "modules", &finding.to_string()),
        }
    }
}
