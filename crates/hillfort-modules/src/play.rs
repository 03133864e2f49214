//! A match whose rules are a Lua module. Owns the order of its callbacks, its ticks, and what happens while one waits; the room that it lives in is the
//! caller's.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hillfort_script::modules::{Failure, Held, Results};
use hillfort_script::{Data, DataLimits, IntoScript};
use tokio::sync::oneshot;

use crate::backend::Fault;
use crate::desk::Desk;
use crate::id::Id;
use crate::json;
use crate::matches::{
    Full, JoinAttempt, MESSAGE_BYTES_MAX, MESSAGES_MAX, MatchEnd, MatchFigures, MatchHandler, MatchMessage, MatchOutput,
    Presence, PresenceReason, SIGNALS_MAX, WAITING_MAX,
};
use crate::runtime::Inner;
use crate::stage::{Stage, check_label};
use crate::vm::{Engine, Entries, Progress, Room, Waiting};
use crate::work::Done;
use crate::worker::Job;

mod callbacks;

/// Callbacks of one turn, the tick's beside: more wait for the next turn.
const EVENTS_PER_TURN: usize = 256;
/// Part of a tick by which a turn may come early.
const EARLY: u32 = 8;

/// An input that has its own callback.
#[derive(Debug)]
enum Event {
    Attempt(JoinAttempt),
    Join(Vec<Presence>),
    Leave(Vec<(Presence, PresenceReason)>),
    Signal(u64, String),
    Terminate(Duration),
}

/// The callback that runs, with what its results are for.
#[derive(Debug)]
enum Step {
    Open,
    Init,
    Attempt(u64),
    Join,
    Leave(Vec<usize>),
    Signal(u64),
    Terminate(Duration),
    /// With the places of senders who are not in the match any more.
    Tick(Vec<usize>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `match_init` is done.
    Beginning,
    Running,
    Ended,
}

/// Where the answer to what a callback asked will be.
type Answered = oneshot::Receiver<Result<Done, Fault>>;

pub(crate) struct Play {
    runtime: Arc<Inner>,
    engine: Engine,
    room: Room,
    module: String,
    match_id: String,
    params: Data,
    /// The prelude's table of the match.
    own: Held,
    phase: Phase,
    stage: Stage,
    events: VecDeque<Event>,
    signals: usize,
    messages: VecDeque<MatchMessage>,
    message_bytes: usize,
    /// Sessions whose table the prelude has.
    places: HashMap<Id, usize>,
    tick_rate: u8,
    tick: u64,
    next_tick: Duration,
    ends_at: Option<Duration>,
    waiting: Option<(Step, Waiting, Answered)>,
    figures: MatchFigures,
}

impl std::fmt::Debug for Play {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut show = to.debug_struct("Play");
        show.field("module", &self.module)
            .field("match_id", &self.match_id)
            .field("phase", &self.phase)
            .field("tick", &self.tick);
        show.finish_non_exhaustive()
    }
}

impl Play {
    pub(crate) fn new(
        runtime: Arc<Inner>,
        engine: Engine,
        module: &str,
        match_id: &str,
        params: Option<&str>,
    ) -> Result<Self, String> {
        let params = params.map_or(Ok(Data::Nil), |params| json::from_text(params.as_bytes()))?;
        let room = engine.room().map_err(|fault| fault.to_string())?;
        Ok(Self {
            runtime,
            engine,
            room,
            module: module.to_owned(),
            match_id: match_id.to_owned(),
            params,
            own: Held::nil(),
            phase: Phase::Beginning,
            stage: Stage::default(),
            events: VecDeque::new(),
            signals: 0,
            messages: VecDeque::new(),
            message_bytes: 0,
            places: HashMap::new(),
            tick_rate: 0,
            tick: 0,
            next_tick: Duration::ZERO,
            ends_at: None,
            waiting: None,
            figures: MatchFigures::default(),
        })
    }

    fn take(&mut self, event: Event) -> Result<(), Full> {
        if self.phase == Phase::Ended || self.events.len() >= WAITING_MAX {
            self.figures.refused += 1;
            return Err(Full);
        }
        self.events.push_back(event);
        Ok(())
    }

    /// Runs a callback up to its end or its first wait.
    fn begin(&mut self, now: Duration, step: Step, arguments: impl IntoScript) {
        let entries = Arc::clone(&self.engine.entries);
        let entry = match &step {
            Step::Open => &entries.match_open,
            Step::Init => &entries.match_init,
            Step::Attempt(_) => &entries.match_join_attempt,
            Step::Join => &entries.match_join,
            Step::Leave(_) => &entries.match_leave,
            Step::Signal(_) => &entries.match_signal,
            Step::Terminate(_) => &entries.match_terminate,
            Step::Tick(_) => &entries.match_loop,
        };
        let settings = &self.runtime.shared.settings;
        let steps = if matches!(step, Step::Open) { settings.load_steps_max } else { settings.match_steps_max };
        self.enter();
        let progress = self.engine.begin(&self.room, entry, arguments, steps);
        self.leave_stage();
        self.follow(now, step, progress);
    }

    fn enter(&mut self) {
        let stage = std::mem::take(&mut self.stage);
        self.engine.vm.with_host::<Desk, _>(|desk| {
            desk.stage = Some(stage);
            if *desk.place != *self.match_id {
                desk.place = self.match_id.as_str().into();
            }
        });
    }

    fn leave_stage(&mut self) {
        self.stage = self.engine.vm.with_host::<Desk, _>(|desk| desk.stage.take()).unwrap_or_default();
    }

    fn follow(&mut self, now: Duration, step: Step, progress: Progress) {
        match progress {
            Progress::Waits(waiting, work) => {
                let (slot, answer) = oneshot::channel();
                // Where there is no room, the slot's sender is gone: that is noticed at the next look.
                self.runtime.worker().hand(Job::Work(work, slot));
                self.figures.waiting = true;
                self.waiting = Some((step, waiting, answer));
            }
            Progress::Done(results) => self.done(now, step, &results),
            Progress::Failed(failure) => self.fail(&failure),
        }
        if self.phase != Phase::Ended && self.room.environment.has_ended() {
            self.fail(&Failure::Memory);
        }
    }

    fn fail(&mut self, failure: &Failure) {
        let text = crate::vm::text(failure);
        self.runtime.fault(&format!("match {} ({})", self.match_id, self.module), failure);
        self.end(MatchEnd::Failed(text));
    }

    fn end(&mut self, end: MatchEnd) {
        self.stage.flush();
        self.phase = Phase::Ended;
        self.waiting = None;
        self.figures.waiting = false;
        self.events.clear();
        self.messages.clear();
        self.stage.outputs.push_back(MatchOutput::Ended(end));
    }

    fn done(&mut self, now: Duration, step: Step, results: &Results) {
        let value = |place: usize| results.data(place, DataLimits::default()).unwrap_or_default();
        let text = |place: usize| match value(place) {
            Data::Text(text) => String::from_utf8_lossy(&text).into_owned(),
            _ => String::new(),
        };
        let goes_on = value(1) == Data::Bool(true);
        match step {
            Step::Open => {
                self.own = results.held(1);
                let params = std::mem::take(&mut self.params);
                let own = self.own.clone();
                return self.begin(now, Step::Init, (&own, params));
            }
            Step::Init => return self.started(now, value(1), text(2)),
            Step::Attempt(token) => {
                let allowed = goes_on && value(2) == Data::Bool(true);
                let refused = (!allowed).then(|| text(3));
                self.stage.outputs.push_back(MatchOutput::Verdict { token, refused });
            }
            Step::Signal(token) if goes_on => self.stage.outputs.push_back(MatchOutput::Signalled { token, result: text(2) }),
            Step::Leave(gone) => self.forget(&gone),
            Step::Terminate(grace) => self.ends_at = Some(now + grace),
            Step::Tick(gone) => {
                self.tick += 1;
                self.figures.ticks += 1;
                self.stage.flush();
                self.forget(&gone);
            }
            Step::Join | Step::Signal(_) => {}
        }
        if !goes_on {
            self.end(MatchEnd::Done);
        }
    }

    fn started(&mut self, now: Duration, rate: Data, label: String) {
        if let Err(text) = check_label(&label) {
            return self
                .fail(&Failure::Raised { text: format!("match_init returned invalid label: {text}"), trace: String::new() });
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the prelude checked it")]
        let rate = if let Data::Number(rate) = rate { rate as u8 } else { 1 };
        self.tick_rate = rate.clamp(1, 60);
        self.stage.label.clone_from(&label);
        self.phase = Phase::Running;
        self.next_tick = now + self.period();
        self.stage.outputs.push_back(MatchOutput::Started { tick_rate: self.tick_rate, label });
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1) / u32::from(self.tick_rate.max(1))
    }

    /// Takes up the callback that waits, if its answer is there. Whether nothing waits any more.
    fn go_on(&mut self, now: Duration) -> bool {
        let Some((step, waiting, mut answer)) = self.waiting.take() else { return true };
        let result = match answer.try_recv() {
            Ok(result) => result,
            Err(oneshot::error::TryRecvError::Empty) => {
                self.waiting = Some((step, waiting, answer));
                return false;
            }
            Err(oneshot::error::TryRecvError::Closed) => {
                Err(Fault { code: 14, message: "the server has too much to do".to_owned() })
            }
        };
        self.figures.waiting = false;
        self.enter();
        let progress = self.engine.resume(&self.room, waiting, result);
        self.leave_stage();
        self.follow(now, step, progress);
        self.waiting.is_none()
    }

    /// Whether the next tick is due; those that were missed are counted.
    fn tick_is_due(&mut self, now: Duration) -> bool {
        let period = self.period();
        if self.phase != Phase::Running || now + period / EARLY < self.next_tick {
            return false;
        }
        self.next_tick += period;
        if self.next_tick + period < now {
            let missed = (now - self.next_tick).as_nanos() / period.as_nanos();
            self.figures.ticks_missed = self.figures.ticks_missed.saturating_add(u64::try_from(missed).unwrap_or(u64::MAX));
            self.next_tick = now + period;
        }
        true
    }
}

impl MatchHandler for Play {
    fn module(&self) -> &str {
        &self.module
    }

    fn tick_rate(&self) -> u8 {
        self.tick_rate
    }

    fn label(&self) -> &str {
        &self.stage.label
    }

    fn join_attempt(&mut self, attempt: JoinAttempt) -> Result<(), Full> {
        self.take(Event::Attempt(attempt))
    }

    fn join(&mut self, presences: Vec<Presence>) -> Result<(), Full> {
        self.take(Event::Join(presences))
    }

    fn leave(&mut self, presences: Vec<(Presence, PresenceReason)>) -> Result<(), Full> {
        // As many as have seats at most. A match that has ended needs to hear of nobody.
        if self.phase != Phase::Ended {
            self.events.push_back(Event::Leave(presences));
        }
        Ok(())
    }

    fn message(&mut self, message: MatchMessage) -> Result<(), Full> {
        let bytes = self.message_bytes + message.data.len();
        if self.phase == Phase::Ended || self.messages.len() >= MESSAGES_MAX || bytes > MESSAGE_BYTES_MAX {
            self.figures.refused += 1;
            return Err(Full);
        }
        self.message_bytes = bytes;
        self.messages.push_back(message);
        Ok(())
    }

    fn signal(&mut self, token: u64, data: String) -> Result<(), Full> {
        if self.signals >= SIGNALS_MAX {
            self.figures.refused += 1;
            return Err(Full);
        }
        self.take(Event::Signal(token, data))?;
        self.signals += 1;
        Ok(())
    }

    fn terminate(&mut self, grace: Duration) {
        if self.phase == Phase::Beginning {
            self.end(MatchEnd::Done);
        } else if self.phase == Phase::Running {
            // Before all that waits: the time runs.
            self.events.push_front(Event::Terminate(grace));
        }
    }

    fn turn(&mut self, now: Duration) {
        if self.phase == Phase::Beginning && self.own.is_nil() && self.waiting.is_none() {
            let arguments = (&self.room.record.clone(), self.module.clone(), self.match_id.clone());
            self.begin(now, Step::Open, arguments);
        }
        let mut events = 0;
        while self.phase != Phase::Ended && self.go_on(now) && self.phase == Phase::Running && events < EVENTS_PER_TURN {
            let Some(event) = self.events.pop_front() else { break };
            self.event(now, event);
            events += 1;
        }
        if self.phase == Phase::Running && self.tick_is_due(now) {
            if self.waiting.is_some() {
                self.figures.ticks_missed += 1;
            } else {
                self.run_tick(now);
            }
        }
        if self.phase == Phase::Running && self.ends_at.is_some_and(|end| now >= end) && self.waiting.is_none() {
            self.end(MatchEnd::Done);
        }
    }

    fn poll_output(&mut self) -> Option<MatchOutput> {
        self.stage.take()
    }

    fn state(&self, bytes_max: usize) -> String {
        if self.phase != Phase::Running {
            return "null".to_owned();
        }
        let entries: &Entries = &self.engine.entries;
        let limits = DataLimits { bytes_max, ..DataLimits::default() };
        match self.engine.begin(&self.room, &entries.match_state, &self.own, u32::MAX) {
            Progress::Done(results) => {
                match results.data(1, limits).map_err(|error| error.0).and_then(|data| json::to_text(&data)) {
                    Ok(text) if text.len() <= bytes_max => text,
                    Ok(text) => format!("\"the state has {} bytes\"", text.len()),
                    Err(error) => format!("{error:?}"),
                }
            }
            _ => "\"the state cannot be read\"".to_owned(),
        }
    }

    fn figures(&self) -> MatchFigures {
        self.figures.clone()
    }
}
