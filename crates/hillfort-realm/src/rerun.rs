//! A recording to look at: a game whose rooms do again, in real time, what a recorded room did, and give what one of its seats got to all who
//! join. Owns how a showing begins and ends. What spectators send is counted and changes nothing. Knows nothing of files and pages.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hillfort_sync::Viewer;
use hillfort_world::{
    Ctx, Difference, Output, Outputs, Recording, Replay, Room, RoomConfig, RoomFault, Seat, ShareConfig, StartFault, Step, To,
};

use crate::game::{Factory, Game};
use crate::replay::{ReplayRefused, check_rules};
use crate::wall;

mod plan;
mod told;

use plan::Plan;
use told::Told;

/// Seats of a showing.
const SPECTATORS_MAX: u16 = 256;
/// A showing that is over starts again after this time.
const PAUSE_S: u32 = 3;
/// A spectator sees all of a scene, which may be more than players have bytes for.
const SCENE_BYTES_PER_SECOND_MIN: u32 = 1_000_000;
const LABEL: &str = "recording";

/// What is shown, and how.
#[derive(Debug, Clone, Copy)]
pub struct RerunOptions {
    /// Whose seat is looked from; `None`: of those who are there when the showing begins, the one who has joined first, or else the first who joins.
    pub seat: Option<Seat>,
    /// Begins after this tick. What was before is run as fast as it goes when a showing begins: from the last saved state, or, when the seat's
    /// player joined before that, from the last one before the join.
    pub from: u64,
    /// Recorded ticks that are run in the time of one, above 0.
    pub speed: f64,
    /// Shows it although the rules are others than those that were recorded.
    pub force: bool,
}

impl Default for RerunOptions {
    /// From the start, in real time, by the recorded rules.
    fn default() -> Self {
        Self { seat: None, from: 0, speed: 1.0, force: false }
    }
}

/// A game of the same name as `game`, each of whose rooms shows `recording`: from its beginning when the first spectator comes, paused while
/// nobody is connected, and again and again. Its rooms cannot be saved.
///
/// # Errors
/// [`ReplayRefused`]: it would not begin.
pub fn rerun(game: &Game, recording: Arc<Recording>, options: RerunOptions) -> Result<Game, ReplayRefused> {
    check_rules(game, &recording, options.force)?;
    let plan = Plan::new(&recording, options.seat, options.from)?;
    let mut factory = wall::behind(|| game.factory()).map_err(StartFault::Room)?;
    let tried = wall::behind(|| Ok(start(&mut factory, &recording, plan, &mut Outputs::default()).map(drop)));
    tried.unwrap_or_else(|fault| Err(StartFault::Room(fault)))?;
    let shown = game.clone();
    let rerun = Game::new(game.name(), move || {
        let factory = Rc::new(RefCell::new(shown.factory()?));
        let recording = Arc::clone(&recording);
        let room = move || Rerun {
            factory: Rc::clone(&factory),
            recording: Arc::clone(&recording),
            plan,
            speed: options.speed,
            replay: None,
            told: Told::default(),
            out: Outputs::default(),
            owed: 0.0,
            pause: 0,
            inputs: 0,
            differs: false,
        };
        Ok(Box::new(move || Ok(Box::new(room()) as Box<dyn Room>)))
    });
    Ok(rerun.expect("it is the name of a game").with_rules(game.rules()))
}

fn start(factory: &mut Factory, recording: &Recording, plan: Plan, out: &mut Outputs) -> Result<Replay, StartFault> {
    Replay::start(recording, plan.segment, factory()?, out)
}

/// One showing.
struct Rerun {
    factory: Rc<RefCell<Factory>>,
    recording: Arc<Recording>,
    plan: Plan,
    speed: f64,
    replay: Option<Replay>,
    told: Told,
    out: Outputs,
    /// Recorded ticks whose time has come.
    owed: f64,
    /// Ticks until it starts again; 0 while it goes on.
    pause: u32,
    inputs: u64,
    /// That it differs from the recording was said.
    differs: bool,
}

impl Rerun {
    /// From the beginning to where it is shown from.
    fn begin(&mut self) -> Result<(), RoomFault> {
        self.out.clear();
        let replay = start(&mut self.factory.borrow_mut(), &self.recording, self.plan, &mut self.out);
        self.replay = Some(replay.map_err(|fault| RoomFault::crashed(&fault.to_string()))?);
        (self.told, self.owed, self.differs) = (Told::default(), 0.0, false);
        while self.ctx().is_some_and(|ctx| ctx.tick() < self.plan.from) && self.advance(|_| ()).is_ok() {}
        Ok(())
    }

    /// What the room that is shown sees.
    fn ctx(&self) -> Option<&Ctx> {
        self.replay.as_ref().map(|replay| replay.cell().ctx())
    }

    /// One recorded tick, with what was done before it; `show` gets what the seat got.
    ///
    /// # Errors
    /// It is over: why.
    fn advance(&mut self, mut show: impl FnMut(Output<'_>)) -> Result<(), String> {
        let Some(replay) = &mut self.replay else { return Err("nothing is shown".into()) };
        let (tick, seat) = (replay.tick(), self.plan.seat);
        while replay.tick() == tick {
            self.out.clear();
            let empty = replay.cell().session(seat).is_none();
            match replay.step(&mut self.out) {
                Ok(Step::End) => return Err(format!("the recording ends at tick {tick}")),
                Ok(Step::Done | Step::Same) => {}
                Err(difference @ Difference::Mark { .. }) => {
                    if !std::mem::replace(&mut self.differs, true) {
                        show(Output::Log { line: &difference.to_string() });
                    }
                }
                Err(difference) => return Err(difference.to_string()),
            }
            let taken = replay.cell().session(seat).is_some();
            if empty && taken {
                self.told.on_join();
            }
            for output in self.out.iter().filter(|output| reaches(output, seat, taken)) {
                if let Output::Event { op, data, .. } = output {
                    self.told.note(op, data);
                }
                show(output);
            }
        }
        self.told.on_tick();
        Ok(())
    }

    fn tell(&self, ctx: &mut Ctx, to: To) {
        for (op, data) in self.told.iter() {
            // Fewer and smaller than what one callback may send.
            let _fits = ctx.send_event(to, op, data);
        }
    }

    /// Has all spectators look with the eyes of the seat, at everything.
    fn turn_eyes(&self, ctx: &mut Ctx) {
        let eyes = self.ctx().and_then(|shown| shown.viewer(self.plan.seat));
        for at in 0..ctx.players().len() {
            let spectator = ctx.players()[at].seat;
            if let Some(viewer) = ctx.viewer_mut(spectator) {
                viewer.set_groups(u64::MAX);
                viewer.look_as(self.plan.seat.0);
                viewer.set_team(eyes.map_or(0, Viewer::team));
            }
        }
    }
}

/// Whether the seat gets it. While nobody sits there, what others get in common goes on.
fn reaches(output: &Output<'_>, seat: Seat, taken: bool) -> bool {
    match output {
        Output::Event { to, .. } | Output::State { to, .. } => match to {
            To::All => true,
            To::One(one) => taken && *one == seat,
            To::Except(other) => *other != seat,
        },
        Output::Log { .. } => true,
        Output::Kick { .. } | Output::Answer { .. } | Output::Reply { .. } => false,
    }
}

fn pass_on(ctx: &mut Ctx, output: Output<'_>) {
    // What does not fit, at a high speed, is counted by the shell.
    let _full = match output {
        Output::Event { op, data, .. } => ctx.send_event(To::All, op, data),
        Output::State { data, .. } => ctx.send_state(To::All, data),
        Output::Log { line } => {
            ctx.log(line);
            Ok(())
        }
        Output::Kick { .. } | Output::Answer { .. } | Output::Reply { .. } => Ok(()),
    };
}

impl Room for Rerun {
    fn on_create(&mut self, ctx: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
        self.begin()?;
        let shown = self.ctx().ok_or_else(|| RoomFault::crashed("nothing is shown"))?;
        if let (Some(config), Some(scene)) = (shown.share_config(), shown.scene()) {
            let bytes_per_second = config.bytes_per_second.max(SCENE_BYTES_PER_SECOND_MIN);
            let opened = ctx.open_scene(ShareConfig { radius: None, bytes_per_second, ..config.clone() });
            opened.map_err(|error| RoomFault::crashed(&error.to_string()))?.clone_from(scene);
        }
        Ok(RoomConfig { hz: shown.hz(), label: LABEL.into(), seats_max: SPECTATORS_MAX, ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.tell(ctx, To::One(seat));
        self.turn_eyes(ctx);
        Ok(())
    }

    fn on_message(&mut self, _: &mut Ctx, _: Seat, _: u32, _: &[u8]) -> Result<(), RoomFault> {
        self.inputs += 1;
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        if !ctx.players().iter().any(|player| player.connected) {
            return Ok(());
        }
        if self.pause > 0 {
            self.pause -= 1;
            if self.pause == 0 {
                self.begin()?;
                if let Some(scene) = self.ctx().and_then(Ctx::scene) {
                    ctx.replace_scene(scene);
                }
                self.tell(ctx, To::All);
            }
            return Ok(());
        }
        self.owed += self.speed;
        while self.owed >= 1.0 {
            self.owed -= 1.0;
            if let Err(why) = self.advance(|output| pass_on(ctx, output)) {
                let inputs = self.inputs;
                ctx.log(&format!("{why}; shown again in {PAUSE_S} s; inputs of spectators ignored so far: {inputs}"));
                self.pause = PAUSE_S * ctx.hz();
                break;
            }
        }
        if let (Some(scene), Some(shown)) = (ctx.scene_mut(), self.ctx().and_then(Ctx::scene)) {
            scene.clone_from(shown);
        }
        self.turn_eyes(ctx);
        Ok(())
    }
}
