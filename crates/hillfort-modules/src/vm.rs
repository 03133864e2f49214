//! A VM with modules in it: built, loaded, stepped. Owns the limits of each kind of VM and the joining of host functions to the table; knows nothing
//! of threads and queues.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hillfort_script::modules::{Call, Environment, Failure, Held, ModuleVm, Prelude, Results, Step};
use hillfort_script::{Data, Entry, Fault as ScriptFault, HostError, IntoScript, Limits, Values};
use rustix::time::{ClockId, clock_gettime};

use crate::backend::Fault;
use crate::desk::{Desk, Kind, Registry, Shared};
use crate::functions::{self, Outcome, Runs, State};
use crate::log::Level;
use crate::source::{Compiled, Finding, placed};
use crate::work::{Done, Hands, Work};

/// What a question to somebody else costs of a call's steps: so many questions are bounded, too.
const ASK_STEPS: u32 = 500;

/// Matches on one VM.
const MATCHES_PER_VM: usize = 16;

/// What a VM is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Calls,
    Matches,
}

/// A VM with the prelude's entries.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) vm: ModuleVm,
    pub(crate) entries: Arc<Entries>,
}

/// The prelude's functions.
#[derive(Debug)]
pub(crate) struct Entries {
    open: Entry,
    load: Entry,
    pub(crate) call: Entry,
    pub(crate) match_open: Entry,
    pub(crate) match_init: Entry,
    pub(crate) match_presence: Entry,
    pub(crate) match_forget: Entry,
    pub(crate) match_join_attempt: Entry,
    pub(crate) match_join: Entry,
    pub(crate) match_leave: Entry,
    pub(crate) match_loop: Entry,
    pub(crate) match_terminate: Entry,
    pub(crate) match_signal: Entry,
    pub(crate) match_state: Entry,
}

/// An environment and the prelude's record of it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) environment: Environment,
    pub(crate) record: Held,
}

/// What a slice came to.
#[derive(Debug)]
pub(crate) enum Progress {
    Done(Results),
    Failed(Failure),
    /// Somebody must do the work and come back with what it came to.
    Waits(Waiting, Work),
}

/// Makes a script's values of an answer, or a message.
type Finish = Box<dyn FnOnce(Result<Done, Fault>) -> Result<Values, String> + Send>;

/// A call that waits, and what makes a script's values of its answer.
pub(crate) struct Waiting {
    call: Call,
    finish: Finish,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Waiting").field("call", &self.call).finish_non_exhaustive()
    }
}

/// Modules, loaded for calls.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) room: Room,
    pub(crate) registry: Registry,
    pub(crate) compiled: Compiled,
    /// Whoever runs code in it has this: what the desk holds is that call's.
    pub(crate) running: Mutex<()>,
    /// A panic came out of it: nobody knows what it is in.
    pub(crate) broken: AtomicBool,
}

/// What a clock shows.
pub(crate) fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn limits(shared: &Shared, purpose: Purpose) -> Limits {
    let settings = &shared.settings;
    let (time_max, room_bytes_max, vm_bytes_max) = match purpose {
        Purpose::Calls => (settings.call_time_max, settings.vm_bytes_max, settings.vm_bytes_max),
        Purpose::Matches => (settings.match_time_max, settings.match_bytes_max, settings.match_bytes_max * MATCHES_PER_VM),
    };
    Limits {
        steps_max: settings.call_steps_max,
        load_steps_max: settings.load_steps_max,
        time_max,
        clock: || read(ClockId::Monotonic),
        busy_clock: || read(ClockId::ThreadCPUTime),
        call_bytes_max: settings.call_bytes_max,
        room_bytes_max,
        vm_bytes_max,
    }
}

impl Engine {
    /// A VM for compiled modules; none of them has run.
    pub(crate) fn build(compiled: &Compiled, shared: &Arc<Shared>, purpose: Purpose) -> Result<Self, ScriptFault> {
        let source = concat!(include_str!("libraries.luau"), include_str!("prelude.luau"));
        let prelude = Prelude { name: "prelude.luau", source };
        let settings = &shared.settings;
        let desk = Desk::new(Arc::clone(shared));
        let vm = ModuleVm::new(Arc::clone(&compiled.programs), prelude, limits(shared, purpose), desk, |table| {
            let strings = |fields: &[(String, String)]| {
                Data::map(fields.iter().map(|(name, value)| (name.as_str(), Data::text(value.as_str()))))
            };
            table.value("env", &strings(&settings.env))?;
            table.value("node", &Data::text(settings.node.as_str()))?;
            table.value("version", &Data::text(settings.version.as_str()))?;
            table.value("functions", &Data::map(functions::all().map(|function| (function.name, Data::text(kind(function))))))?;
            for function in functions::all() {
                let name = format!("nk.{}", function.name);
                match function.state {
                    State::Done(Runs::Here(run)) => {
                        table.add(&name, move |desk: &mut Desk, charge, arguments| run(desk, charge, &arguments))?
                    }
                    State::Done(Runs::Elsewhere(_, run)) => table.add(&name, move |desk: &mut Desk, charge, arguments| {
                        charge.steps(ASK_STEPS);
                        Ok(match run(desk, charge, &arguments)? {
                            Outcome::Now(values) => (false, values),
                            Outcome::Later(want) => {
                                desk.want = Some(want);
                                (true, Values::default())
                            }
                        })
                    })?,
                    State::Done(Runs::Prelude) | State::NotYet(_) => {}
                }
            }
            join(table)
        })?;
        let entry = |name: &str| vm.entry(name).ok_or_else(|| ScriptFault::Script(format!("the prelude has no {name}")));
        let entries = Entries {
            open: entry("open")?,
            load: entry("load")?,
            call: entry("call")?,
            match_open: entry("match_open")?,
            match_init: entry("match_init")?,
            match_presence: entry("match_presence")?,
            match_forget: entry("match_forget")?,
            match_join_attempt: entry("match_join_attempt")?,
            match_join: entry("match_join")?,
            match_leave: entry("match_leave")?,
            match_loop: entry("match_loop")?,
            match_terminate: entry("match_terminate")?,
            match_signal: entry("match_signal")?,
            match_state: entry("match_state")?,
        };
        Ok(Self { vm, entries: Arc::new(entries) })
    }

    /// A new environment; no module has run in it.
    pub(crate) fn room(&self) -> Result<Room, ScriptFault> {
        let environment = self.vm.environment()?;
        match self.vm.begin(&environment, &self.entries.open, (), u32::MAX) {
            Step::Done(results) => Ok(Room { record: results.held(1), environment }),
            Step::Failed(failure) => Err(ScriptFault::Script(text(&failure))),
            Step::Waits(_) => Err(ScriptFault::Script("the prelude waits".to_owned())),
        }
    }

    /// Begins a call. `place` is whose it is, for the log.
    pub(crate) fn begin(&self, room: &Room, entry: &Entry, arguments: impl IntoScript, steps: u32) -> Progress {
        let step = self.vm.begin(&room.environment, entry, arguments, steps);
        self.progress(step)
    }

    /// Goes on with a call that waited.
    pub(crate) fn resume(&self, room: &Room, waiting: Waiting, result: Result<Done, Fault>) -> Progress {
        let step = match (waiting.finish)(result) {
            Ok(values) => self.vm.resume(&room.environment, waiting.call, (true, values)),
            Err(message) => self.vm.resume(&room.environment, waiting.call, (false, message)),
        };
        self.progress(step)
    }

    fn progress(&self, step: Step) -> Progress {
        // What was asked for by a call that does not wait (it could not suspend, or failed) is not done.
        let want = self.vm.with_host::<Desk, _>(|desk| desk.want.take());
        match (step, want) {
            (Step::Done(results), _) => Progress::Done(results),
            (Step::Failed(failure), _) => Progress::Failed(failure),
            (Step::Waits(call), Some(want)) => {
                let (work, finish) = want.split();
                Progress::Waits(Waiting { call, finish: Box::new(finish) }, work)
            }
            (Step::Waits(_), None) => {
                Progress::Failed(Failure::Raised { text: "waits for nothing".to_owned(), trace: String::new() })
            }
        }
    }
}

impl Loaded {
    /// Why it must be loaded anew, if it must.
    pub(crate) fn is_lost(&self) -> Option<&'static str> {
        if self.room.environment.has_ended() {
            return Some("the modules keep more memory than modules.vm_mib_max");
        }
        self.broken.load(Ordering::Relaxed).then_some("a bug of the server's")
    }

    /// Builds a VM and runs all modules in it, in the order of their names. They may ask the backend.
    pub(crate) async fn load(compiled: &Compiled, shared: &Arc<Shared>, hands: &Hands) -> Result<Self, Finding> {
        let broken = |fault: ScriptFault| Finding { file: "modules".to_owned(), line: 0, text: fault.to_string() };
        let engine = Engine::build(compiled, shared, Purpose::Calls).map_err(broken)?;
        let room = engine.room().map_err(broken)?;
        engine.vm.with_host::<Desk, _>(|desk| desk.registry = Some(Registry::default()));
        let names = Values(compiled.programs.iter().map(|program| Data::text(program.name())).collect());
        let mut progress = engine.begin(&room, &engine.entries.load, (&room.record, names), shared.settings.load_steps_max);
        loop {
            match progress {
                Progress::Done(_) => break,
                Progress::Waits(waiting, work) => progress = engine.resume(&room, waiting, hands.start(work).await),
                Progress::Failed(failure) => {
                    let name = engine.vm.with_host::<Desk, _>(|desk| desk.loading.clone());
                    let file = compiled
                        .programs
                        .iter()
                        .find(|program| program.name() == name)
                        .map_or("modules", |program| program.file());
                    return Err(located(compiled, file, &failure));
                }
            }
        }
        let registry = engine.vm.with_host::<Desk, _>(|desk| desk.registry.take()).unwrap_or_default();
        let compiled = compiled.clone();
        Ok(Self { engine, room, registry, compiled, running: Mutex::default(), broken: AtomicBool::new(false) })
    }
}

/// What went wrong while modules loaded, with file and line where the message has them.
fn located(compiled: &Compiled, loading: &str, failure: &Failure) -> Finding {
    let text = text(failure);
    let begins = |file: &str| text.strip_prefix(file).is_some_and(|rest| rest.starts_with(':'));
    let file = compiled.programs.iter().map(|program| program.file()).find(|file| begins(file)).unwrap_or(loading);
    placed(file, &text)
}

/// A failure in a sentence.
pub(crate) fn text(failure: &Failure) -> String {
    match failure {
        Failure::Raised { text, .. } => text.clone(),
        Failure::RaisedTable(data) => crate::json::to_text(data).unwrap_or_else(|error| error),
        Failure::Steps => "ran over its budget of steps: a loop does not end, or does too much in one call".to_owned(),
        Failure::Time => "ran over its budget of time: it does too much in one call".to_owned(),
        Failure::Memory => "ran over its budget of memory".to_owned(),
    }
}

fn kind(function: &functions::Function) -> &'static str {
    match function.state {
        State::Done(Runs::Here(_)) => "here",
        State::Done(Runs::Elsewhere(..)) => "elsewhere",
        State::Done(Runs::Prelude) => "prelude",
        State::NotYet(why) => why,
    }
}

/// Host functions that only the prelude calls.
fn join(table: &hillfort_script::modules::Functions<'_, Desk>) -> Result<(), HostError> {
    table.add("print", |desk: &mut Desk, charge, arguments| {
        let line = arguments.text(1)?;
        charge.bytes(line.len());
        desk.log(Level::Info, &line);
        Ok(())
    })?;
    table.add("first", |desk: &mut Desk, _, _| Ok(desk.first()))?;
    table.add("loading", |desk: &mut Desk, _, arguments| {
        desk.loading = arguments.text(1)?;
        Ok(())
    })?;
    table.add("match_handler", |desk: &mut Desk, _, arguments| {
        let name = arguments.text(1)?;
        desk.registry.iter_mut().for_each(|registry| _ = registry.match_handlers.insert(name.clone()));
        Ok(())
    })?;
    table.add("register", |desk: &mut Desk, _, arguments| {
        let kind = Kind::parse(&arguments.text(1)?).ok_or_else(|| HostError("no such kind of function".to_owned()))?;
        let function = arguments.function(2).map_err(|_| HostError("bad argument #1 (function expected)".to_owned()))?;
        let name = match kind {
            Kind::Shutdown => String::new(),
            _ => arguments.text(3).map_err(|_| HostError("bad argument #2 (string expected)".to_owned()))?,
        };
        desk.register(kind, function, &name)
    })?;
    let stage = || HostError("match stopped".to_owned());
    table.add("broadcast", move |desk: &mut Desk, charge, arguments| {
        charge.bytes(desk.stage.as_mut().ok_or_else(stage)?.broadcast(&arguments)?);
        Ok(())
    })?;
    table.add("kick", move |desk: &mut Desk, _, arguments| desk.stage.as_mut().ok_or_else(stage)?.kick(&arguments))?;
    table.add("label", move |desk: &mut Desk, _, arguments| desk.stage.as_mut().ok_or_else(stage)?.label(&arguments))
}
