//! The runtime's handle: starts threads, takes calls, loads modules anew. Owns which modules are the current ones and what is reported about them.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::Instant;

use hillfort_api::realtime::Envelope;
use hillfort_api::{ApiError, Call, CallName, Caller, Code, Reply, Via};
use hillfort_script::modules::Failure;
use hillfort_script::{Data, Values};
use tokio::sync::oneshot;

use crate::backend::Backend;
use crate::desk::{Kind, Shared};
use crate::hooks;
use crate::http::Http;
use crate::log::Level;
use crate::matches::MatchHandler;
use crate::play::Play;
use crate::settings::Settings;
use crate::source::{self, Compiled, Finding};
use crate::vm::{Engine, Loaded, Purpose};
use crate::work::Hands;
use crate::worker::{CallJob, Habit, Job, Outcome, Refused, Tried, Worker};

pub(crate) mod context;
mod status;
mod watch;

use context::Context;

pub use status::{ModuleFault, Status};
pub use watch::Watch;

/// Faults that the console shows.
const FAULTS_MAX: usize = 64;

/// Runs modules. A clone is another handle to the same runtime; the threads end with the last one.
#[derive(Debug, Clone)]
pub struct Runtime(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    hands: Hands,
    workers: Vec<Worker>,
    current: RwLock<Arc<Generation>>,
    /// One load at a time.
    loading: Mutex<()>,
    /// One call at a time where its caller is: one that turns out to be long holds one thread of those that answer, and the others go on.
    here: Mutex<()>,
    report: Mutex<Report>,
}

/// Modules that were loaded together.
#[derive(Debug)]
pub(crate) struct Generation {
    number: u64,
    pub(crate) compiled: Compiled,
    names: BTreeSet<(Kind, String)>,
    /// What is known of each registered function's calls.
    habits: HashMap<(Kind, String), Habit>,
    match_handlers: BTreeSet<String>,
    hooks: HashMap<CallName, (bool, bool)>,
    /// The same of messages of the realtime API, by their fields in an envelope.
    message_hooks: HashMap<&'static str, (bool, bool)>,
    /// VMs of matches, by who has them.
    engines: Mutex<HashMap<usize, Vec<Engine>>>,
    loaded_ms: i64,
}

#[derive(Debug, Default)]
struct Report {
    refused: Vec<Finding>,
    faults: VecDeque<ModuleFault>,
}

impl Runtime {
    /// Starts the threads and loads the modules. Blocks until they are loaded: call it outside of an asynchronous task.
    ///
    /// # Errors
    /// What is wrong with the modules, all of it.
    pub fn start(settings: Settings, backend: Arc<dyn Backend>) -> Result<Self, Vec<Finding>> {
        let http = Arc::new(Http::new(settings.http.clone()));
        let hands = Hands { backend, http, wait_max: settings.call_wait_max };
        let threads = settings.threads.clamp(1, 64);
        let shared = Arc::new(Shared::new(settings));
        let (generation, loads) = load(1, threads, &shared, &hands)?;
        let mut workers = Vec::with_capacity(threads);
        for (number, loaded) in loads.into_iter().enumerate() {
            let worker = Worker::start(number, loaded, Arc::clone(&shared), hands.clone());
            workers.push(worker.map_err(|error| vec![Finding { file: "modules".to_owned(), line: 0, text: error.to_string() }])?);
        }
        let current = RwLock::new(Arc::new(generation));
        let (loading, here, report) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { shared, hands, workers, current, loading, here, report })))
    }

    /// Reads the folder and loads what is there now. New calls go to the new modules, calls under way end with the old ones, matches keep theirs;
    /// nobody else notices. On an error everything stays as it was.
    ///
    /// # Errors
    /// What is wrong with the modules, all of it.
    pub async fn reload(&self) -> Result<u64, Vec<Finding>> {
        let (tell, told) = oneshot::channel();
        let inner = Arc::clone(&self.0);
        let spawned = std::thread::Builder::new().name("modules-load".to_owned()).spawn(move || {
            tell.send(inner.reload()).ok();
        });
        let failed = |text: String| vec![Finding { file: "modules".to_owned(), line: 0, text }];
        spawned.map_err(|error| failed(error.to_string()))?;
        told.await.unwrap_or_else(|_| Err(failed("loading was given up".to_owned())))
    }

    /// The same for callers that may block.
    ///
    /// # Errors
    /// As [`Runtime::reload`].
    pub fn reload_blocking(&self) -> Result<u64, Vec<Finding>> {
        self.0.reload()
    }

    /// Whether there are hooks before and after a call.
    #[must_use]
    pub fn hooks(&self, call: CallName) -> (bool, bool) {
        self.0.current().hooks.get(&call).copied().unwrap_or_default()
    }

    /// Whether there are hooks before and after a message of the realtime API; `message` is its field in an envelope.
    #[must_use]
    pub fn realtime_hooks(&self, message: &str) -> (bool, bool) {
        self.0.current().message_hooks.get(message).copied().unwrap_or_default()
    }

    /// Whether there is an RPC of this name, in any case.
    #[must_use]
    pub fn has_rpc(&self, id: &str) -> bool {
        self.0.current().habits.contains_key(&(Kind::Rpc, id.to_lowercase()))
    }

    /// Calls an RPC; nothing: there is none of this name. It may run on the thread that polls, at worst for as long as the budget of a call lasts: not
    /// for a loop that others wait for.
    ///
    /// # Errors
    /// As the module says, or its fault.
    pub async fn rpc(&self, caller: &Caller, id: &str, payload: String) -> Option<Result<String, ApiError>> {
        let payload = Values(vec![Data::text(payload)]);
        let result = self.0.call(Some(caller), (Kind::Rpc, id.to_lowercase()), payload).await;
        Some(match result? {
            Ok(Data::Nil) => Ok(String::new()),
            Ok(Data::Text(text)) => match String::from_utf8(text) {
                Ok(text) => Ok(text),
                Err(error) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
            },
            Ok(_) => Err(ApiError::new(
                Code::Internal,
                "Runtime function returned invalid data - only allowed one return value of type String/Byte.",
            )),
            Err(error) => Err(error),
        })
    }

    /// Shows a call to the hook before it, which may change it. `None`: the hook has switched the call off.
    ///
    /// # Errors
    /// As the hook says, or its fault: the call must not be made.
    pub async fn before(&self, caller: &Caller, call: Call) -> Result<Option<Call>, ApiError> {
        let name = call.name();
        if !self.hooks(name).0 {
            return Ok(Some(call));
        }
        let key = name.row().name.to_lowercase();
        let table = hooks::call_to_table(&call)?;
        let takes = !table.is_nil();
        match self.0.call(Some(caller), (Kind::ReqBefore, key), Values(vec![table])).await {
            None => Ok(Some(call)),
            // A call that takes nothing cannot be changed, nor switched off but by an error, as in Nakama.
            Some(Ok(_)) if !takes => Ok(Some(call)),
            Some(Ok(Data::Nil)) => Ok(None),
            Some(Ok(table)) => hooks::table_to_call(name, &table).map(Some),
            Some(Err(error)) => Err(error),
        }
    }

    /// Shows what came of a call to the hook after it.
    ///
    /// # Errors
    /// The hook's: the call is done all the same.
    pub async fn after(&self, caller: &Caller, call: &Call, reply: &Reply) -> Result<(), ApiError> {
        let name = call.name();
        if !self.hooks(name).1 {
            return Ok(());
        }
        let mut values = vec![hooks::reply_to_table(reply)?];
        values.push(hooks::call_to_table(call)?);
        let key = name.row().name.to_lowercase();
        self.0.call(Some(caller), (Kind::ReqAfter, key), Values(values)).await.map_or(Ok(()), |result| result.map(|_| ()))
    }

    /// The same for a message of the realtime API.
    ///
    /// # Errors
    /// As the hook says, or its fault: the message must not be handled.
    pub async fn realtime_before(&self, caller: &Caller, envelope: Envelope) -> Result<Option<Envelope>, ApiError> {
        let current = self.0.current();
        if !current.names.iter().any(|(kind, _)| *kind == Kind::RtBefore) {
            return Ok(Some(envelope));
        }
        let table = hooks::envelope_to_table(&envelope)?;
        let key = hooks::message_key(&table).filter(|key| current.names.contains(&(Kind::RtBefore, key.clone())));
        let Some(key) = key else { return Ok(Some(envelope)) };
        match self.0.call(Some(caller), (Kind::RtBefore, key), Values(vec![table])).await {
            None => Ok(Some(envelope)),
            Some(Ok(Data::Nil)) => Ok(None),
            Some(Ok(table)) => hooks::table_to_envelope(&table).map(|changed| Some(Envelope { cid: envelope.cid, ..changed })),
            Some(Err(error)) => Err(error),
        }
    }

    /// The same for what came of a message.
    ///
    /// # Errors
    /// The hook's: the message is handled all the same.
    pub async fn realtime_after(&self, caller: &Caller, reply: Option<&Envelope>, envelope: &Envelope) -> Result<(), ApiError> {
        let current = self.0.current();
        if !current.names.iter().any(|(kind, _)| *kind == Kind::RtAfter) {
            return Ok(());
        }
        let table = hooks::envelope_to_table(envelope)?;
        let key = hooks::message_key(&table).filter(|key| current.names.contains(&(Kind::RtAfter, key.clone())));
        let Some(key) = key else { return Ok(()) };
        let reply = reply.map_or(Ok(Data::Nil), hooks::envelope_to_table)?;
        self.0
            .call(Some(caller), (Kind::RtAfter, key), Values(vec![reply, table]))
            .await
            .map_or(Ok(()), |result| result.map(|_| ()))
    }

    /// Tells modules that the server goes down. What they say is logged.
    pub async fn shutdown(&self) {
        if self.0.current().names.contains(&(Kind::Shutdown, String::new())) {
            self.0.call(None, (Kind::Shutdown, String::new()), Values::default()).await;
        }
    }

    /// A new match of a module of the current ones. It does nothing before its first turn. `home` says where it will live: matches of one home share
    /// VMs, so each thread that runs matches should have a number of its own.
    ///
    /// # Errors
    /// There is no such module, or no memory. The text is for whoever creates the match.
    pub fn match_handler(
        &self,
        home: usize,
        module: &str,
        match_id: &str,
        params: Option<&str>,
    ) -> Result<Box<dyn MatchHandler>, String> {
        let generation = self.0.current();
        let name = module.replace('/', ".");
        if !generation.compiled.programs.iter().any(|program| program.name() == name) {
            return Err(format!("match handler not found: there is no module {module}"));
        }
        let engine = generation.engine(home, &self.0.shared).map_err(|fault| fault.to_string())?;
        Play::new(Arc::clone(&self.0), engine, &name, match_id, params).map(|play| Box::new(play) as Box<dyn MatchHandler>)
    }

    /// What the console shows.
    #[must_use]
    pub fn status(&self) -> Status {
        let generation = self.0.current();
        let report = self.0.report.lock().unwrap_or_else(PoisonError::into_inner);
        Status {
            generation: generation.number,
            loaded_ms: generation.loaded_ms,
            modules: generation
                .compiled
                .programs
                .iter()
                .map(|program| (program.name().to_owned(), program.file().to_owned()))
                .collect(),
            functions: generation.names.iter().cloned().collect(),
            match_handlers: generation.match_handlers.iter().cloned().collect(),
            warnings: generation.compiled.warnings.clone(),
            refused: report.refused.clone(),
            faults: report.faults.iter().cloned().collect(),
            load: self.0.workers.iter().map(Worker::load).collect(),
        }
    }
}

impl Inner {
    pub(crate) fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The thread with the least to do.
    pub(crate) fn worker(&self) -> &Worker {
        self.workers.iter().min_by_key(|worker| worker.load()).expect("at least one thread")
    }

    fn reload(&self) -> Result<u64, Vec<Finding>> {
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.current().number + 1;
        let loaded = load(number, self.workers.len(), &self.shared, &self.hands);
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, loads) = match loaded {
            Ok(loaded) => loaded,
            Err(faults) => {
                report.refused.clone_from(&faults);
                return Err(faults);
            }
        };
        report.refused.clear();
        drop(report);
        // Names first: a call of a new function may be refused as unknown for a moment; the other way round, one of a function that is gone.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(generation);
        self.workers.iter().zip(loads).for_each(|(worker, loaded)| worker.switch(loaded));
        Ok(number)
    }

    /// Calls a registered function; nothing: there is none of this name.
    async fn call(&self, caller: Option<&Caller>, key: (Kind, String), arguments: Values) -> Option<Result<Data, ApiError>> {
        let current = self.current();
        let habit = current.habits.get(&key)?;
        // The loop of the sockets polls hooks itself: all players would wait for one that runs there.
        let has_time = match key.0 {
            Kind::Rpc => true,
            Kind::ReqBefore | Kind::ReqAfter => caller.is_some_and(|caller| !matches!(caller.via, Via::Socket(_))),
            Kind::RtBefore | Kind::RtAfter | Kind::Shutdown => false,
        };
        let here = Some(habit).filter(|habit| has_time && habit.is_short());
        let place = key.1.clone();
        let context = caller.map(Context::of).unwrap_or_default();
        match self.outcome(CallJob { key, context, arguments, begun: Instant::now() }, here).await {
            Ok(data) => Some(Ok(data)),
            Err(Refused::Unknown) => None,
            Err(Refused::Late) => Some(Err(ApiError::new(Code::DeadlineExceeded, "the call took longer than it may"))),
            Err(Refused::Full) => {
                Some(Err(ApiError::new(Code::Unavailable, "the server has too many calls of modules to do: try again later")))
            }
            Err(Refused::Lost) => Some(Err(ApiError::new(Code::Internal, "the call was given up: the server's log says why"))),
            Err(Refused::TooMuch(text)) => {
                let failure = Failure::Raised { text: format!("returned too much: {text}"), trace: String::new() };
                Some(Err(self.failed(&place, &failure)))
            }
            Err(Refused::Failed(failure)) => Some(Err(self.failed(&place, &failure))),
        }
    }

    /// Where the caller is, if no other call is run so and a VM is free.
    fn try_here(&self, mut job: CallJob, habit: &Habit) -> Tried {
        let one = self.here.try_lock();
        if matches!(one, Err(TryLockError::WouldBlock)) {
            return Tried::Not(job);
        }
        for worker in &self.workers {
            match worker.try_here(job, habit) {
                Tried::Not(again) => job = again,
                tried => return tried,
            }
        }
        Tried::Not(job)
    }

    /// With a habit where the caller is, if it can be; else in the thread with the least to do.
    async fn outcome(&self, mut job: CallJob, here: Option<&Habit>) -> Outcome {
        if let Some(habit) = here {
            job = match self.try_here(job, habit) {
                Tried::Over(outcome) => return outcome,
                Tried::Goes(replied) => return replied.await.unwrap_or(Err(Refused::Lost)),
                Tried::Not(job) => job,
            };
        }
        let (reply, replied) = oneshot::channel();
        if !self.worker().hand(Job::Begin(Box::new(job), reply)) {
            return Err(Refused::Full);
        }
        replied.await.unwrap_or(Err(Refused::Lost))
    }

    /// Notes a failure for the developer, and says what the client hears.
    fn failed(&self, place: &str, failure: &Failure) -> ApiError {
        let (error, on_purpose) = hooks::api_error(failure, self.shared.settings.stacktrace);
        if !on_purpose {
            self.fault(place, failure);
        }
        error
    }

    /// Notes a failure for the developer.
    pub(crate) fn fault(&self, place: &str, failure: &Failure) {
        let mut text = crate::vm::text(failure);
        if let Failure::Raised { trace, .. } = failure
            && !trace.is_empty()
        {
            text = format!("{text}\n{trace}");
        }
        let at_ms = self.shared.now_ms();
        self.shared.log.line(at_ms, Level::Error, place, &text);
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.faults.truncate(FAULTS_MAX - 1);
        report.faults.push_front(ModuleFault { at_ms, place: place.to_owned(), text });
    }
}

impl Generation {
    /// A VM for a match that will live at `home`: one with room, or a new one.
    fn engine(&self, home: usize, shared: &Arc<Shared>) -> Result<Engine, hillfort_script::Fault> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let engines = engines.entry(home).or_default();
        if let Some(engine) = engines.iter().find(|engine| engine.vm.stats().0 < engine.vm.environments_max()) {
            return Ok(engine.clone());
        }
        let engine = Engine::build(&self.compiled, shared, Purpose::Matches)?;
        engines.push(engine.clone());
        Ok(engine)
    }
}

/// Reads, compiles and loads the modules, once for each thread.
fn load(number: u64, threads: usize, shared: &Arc<Shared>, hands: &Hands) -> Result<(Generation, Vec<Loaded>), Vec<Finding>> {
    let sources = source::read(&shared.settings.folder)?;
    let compiled = source::compile(&sources, shared.settings.unsupported)?;
    for warning in &compiled.warnings {
        shared.line(Level::Warn, "modules", &warning.to_string());
    }
    let failed = |error: std::io::Error| vec![Finding { file: "modules".to_owned(), line: 0, text: error.to_string() }];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let mut loads = Vec::with_capacity(threads);
    for _ in 0..threads {
        loads.push(runtime.block_on(Loaded::load(&compiled, shared, hands)).map_err(|finding| vec![finding])?);
    }
    let functions = || loads.iter().flat_map(|loaded| loaded.registry.functions.keys());
    let names: BTreeSet<_> = functions().cloned().collect();
    let habits = functions().map(|key| (key.clone(), Habit::default())).collect();
    let mut calls: HashMap<CallName, (bool, bool)> = HashMap::new();
    for (kind, name) in functions() {
        let Some(call) = hooks::call_name(name) else { continue };
        let hooks = calls.entry(call).or_default();
        hooks.0 |= *kind == Kind::ReqBefore;
        hooks.1 |= *kind == Kind::ReqAfter;
    }
    let mut message_hooks = HashMap::new();
    for field in hooks::messages() {
        let key = hooks::squeezed(field);
        let has = |kind| names.contains(&(kind, key.clone()));
        let (before, after) = (has(Kind::RtBefore), has(Kind::RtAfter));
        if before || after {
            message_hooks.insert(field, (before, after));
        }
    }
    let generation = Generation {
        number,
        compiled,
        names,
        habits,
        match_handlers: loads.iter().flat_map(|loaded| &loaded.registry.match_handlers).cloned().collect(),
        hooks: calls,
        message_hooks,
        engines: Mutex::default(),
        loaded_ms: shared.now_ms(),
    };
    Ok((generation, loads))
}

#[cfg(test)]
mod tests;
