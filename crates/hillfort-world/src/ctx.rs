//! What a room may see and ask for during a callback. Knows nothing of clocks, sessions' connections and threads.

use std::time::Duration;

use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::limits::ROOM_DATA_BYTES_MAX;
use hillfort_sync::{Entity, Note, Scene, Viewer};

use xxhash_rust::xxh3::xxh3_64;

use hillfort_proto::reject::Reject;

use crate::config::{LABEL_BYTES_MAX, RECONNECT_MAX};
use crate::fault::cut;
use crate::outputs::Outputs;
use crate::rng::Rng;
use crate::room::Who;
use crate::share::{Share, ShareConfig};
use crate::state::{CellState, PlayerState};
use crate::timers::Timers;

/// Players that may wait for the answer of one room, and signals.
pub const ASKING_MAX: usize = 128;
/// Most bytes of a reason that a room gives; the rest is cut off.
pub const REASON_BYTES_MAX: usize = 512;

/// A seat of a room: small, given to the next player when it is free again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(pub u16);

/// Who is to get an output. Events reach players whose connection is gone for the moment too, when they come back; states do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Everybody.
    All,
    /// One player; nobody when the seat is empty.
    One(Seat),
    /// Everybody but one.
    Except(Seat),
}

/// A player in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Player {
    /// Where the player sits.
    pub seat: Seat,
    /// The player's session.
    pub session: SessionId,
    /// Display name.
    pub name: Box<str>,
    /// Whether the connection is there. `false` between `on_drop` and `on_reconnect` or `on_leave`.
    pub connected: bool,
    pub(crate) kicked: bool,
}

/// The room asked for more than it may have. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// One output is longer than [`ROOM_DATA_BYTES_MAX`].
    #[error("data must have at most {ROOM_DATA_BYTES_MAX} bytes")]
    TooLong,
    /// This tick put out [`crate::OUTPUTS_MAX`] outputs or [`crate::OUTPUT_BYTES_MAX`] bytes already.
    #[error("this tick has put out too much")]
    Full,
    /// The label is longer than [`LABEL_BYTES_MAX`].
    #[error("label must have at most {LABEL_BYTES_MAX} bytes")]
    Label,
    /// The room has [`crate::TIMERS_MAX`] timers already.
    #[error("too many timers")]
    Timers,
    /// A scene was opened outside `on_create`, twice, or with bounds that cannot be.
    #[error("a scene is opened once, in on_create, with a radius above 0 and at least 1,000 bytes a second")]
    Scene,
}

/// One room's view of the world. Owned and without lifetime, so that a script engine can swap it (`std::mem::swap` with
/// `Ctx::default()`) into a place that its host functions reach, and back after the call.
#[derive(Debug, Default)]
pub struct Ctx {
    room: Option<RoomId>,
    tick: u64,
    hz: u32,
    rng: Rng,
    /// By seat.
    players: Vec<Player>,
    label: String,
    timers: Timers,
    ended: bool,
    /// Inputs wait.
    holds_inputs: bool,
    /// Answers to signals that were promised so far.
    promised: u32,
    /// One was promised during this call.
    replies_later: Option<u32>,
    /// What the room said during `on_drop`.
    reconnect: Option<Duration>,
    /// Small for rooms that share nothing.
    pub(crate) share: Option<Box<Share>>,
    pub(crate) out: Outputs,
}

impl Ctx {
    /// The room's own name among all rooms; `None` outside of a server.
    #[must_use]
    pub const fn room(&self) -> Option<RoomId> {
        self.room
    }

    /// Number of the tick: 0 before the first, then 1, 2, ... without gaps, also when ticks were missed.
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.tick
    }

    /// Ticks a second of game time; 0 during `on_create`.
    #[must_use]
    pub const fn hz(&self) -> u32 {
        self.hz
    }

    /// Seconds of game time that a tick stands for, always 1 / hz; 0 during `on_create`.
    #[must_use]
    pub fn dt(&self) -> f64 {
        if self.hz == 0 { 0.0 } else { 1.0 / f64::from(self.hz) }
    }

    /// The room's random numbers.
    pub const fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Everybody who has a seat, in order of seats.
    #[must_use]
    pub fn players(&self) -> &[Player] {
        &self.players
    }

    /// The player on `seat`.
    #[must_use]
    pub fn player(&self, seat: Seat) -> Option<&Player> {
        self.at(seat).ok().map(|at| &self.players[at])
    }

    /// Sends an event: delivered once, in order, across reconnects.
    ///
    /// # Errors
    /// [`SendError::TooLong`], [`SendError::Full`].
    pub fn send_event(&mut self, to: To, op: u32, data: &[u8]) -> Result<(), SendError> {
        if data.len() > ROOM_DATA_BYTES_MAX {
            return Err(SendError::TooLong);
        }
        if self.out.event(to, op, data) { Ok(()) } else { Err(SendError::Full) }
    }

    /// Sends a state: the newest replaces older ones that are not sent yet.
    ///
    /// # Errors
    /// [`SendError::TooLong`], [`SendError::Full`].
    pub fn send_state(&mut self, to: To, data: &[u8]) -> Result<(), SendError> {
        if data.len() > ROOM_DATA_BYTES_MAX {
            return Err(SendError::TooLong);
        }
        if self.out.state(to, data) { Ok(()) } else { Err(SendError::Full) }
    }

    /// Answers who was told [`crate::Verdict::Later`]: a seat, unless none is free any more, or no seat, for `reason`, which is cut to
    /// [`REASON_BYTES_MAX`]. Nothing when that session does not wait (any more).
    ///
    /// # Errors
    /// [`SendError::Full`]: this tick has answered 2 × [`ASKING_MAX`] times already.
    pub fn answer(&mut self, session: SessionId, verdict: Result<(), Reject>, reason: &str) -> Result<(), SendError> {
        let room = self.out.answers() < 2 * ASKING_MAX;
        if !room {
            return Err(SendError::Full);
        }
        self.out.answer(session, verdict.err(), cut(reason, REASON_BYTES_MAX));
        Ok(())
    }

    /// During [`crate::Room::on_signal`]: the answer comes later, by [`Ctx::reply`] with this number.
    pub const fn reply_later(&mut self) -> u32 {
        self.promised = self.promised.wrapping_add(1);
        self.replies_later = Some(self.promised);
        self.promised
    }

    /// Answers a signal that was told so. Nothing when nobody waits for it any more.
    ///
    /// # Errors
    /// [`SendError::TooLong`], [`SendError::Full`].
    pub fn reply(&mut self, number: u32, data: &[u8]) -> Result<(), SendError> {
        if data.len() > ROOM_DATA_BYTES_MAX {
            return Err(SendError::TooLong);
        }
        if self.out.reply(number, data) { Ok(()) } else { Err(SendError::Full) }
    }

    /// Has inputs wait in their queues from the next tick on, or lets them be heard again.
    pub const fn hold_inputs(&mut self, hold: bool) {
        self.holds_inputs = hold;
    }

    /// Makes the player leave when this tick, or this call outside of ticks, is over; `on_leave` follows. Nothing when the seat is empty.
    pub fn kick(&mut self, seat: Seat) {
        let Ok(at) = self.at(seat) else { return };
        // Once a player, so that a loop of kicks does not fill the buffer.
        if !std::mem::replace(&mut self.players[at].kicked, true) {
            self.out.kick(seat);
        }
    }

    /// The room's label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Changes the label.
    ///
    /// # Errors
    /// [`SendError::Label`].
    pub fn set_label(&mut self, label: &str) -> Result<(), SendError> {
        if label.len() > LABEL_BYTES_MAX {
            return Err(SendError::Label);
        }
        self.label.clear();
        self.label.push_str(label);
        Ok(())
    }

    /// Has [`crate::Room::on_timer`] called with `id`, `after` ticks from now, at the earliest in the next tick.
    ///
    /// # Errors
    /// [`SendError::Timers`].
    pub fn set_timer(&mut self, after: u64, id: u32) -> Result<(), SendError> {
        if self.timers.set(self.tick.saturating_add(after.max(1)), id) { Ok(()) } else { Err(SendError::Timers) }
    }

    /// Opens the room's scene: its entities travel to the players by themselves, each tick what is new. To be called in `on_create`.
    ///
    /// # Errors
    /// [`SendError::Scene`].
    pub fn open_scene(&mut self, config: ShareConfig) -> Result<&mut Scene, SendError> {
        if self.hz != 0 || self.share.is_some() {
            return Err(SendError::Scene);
        }
        let share = Share::new(config).ok_or(SendError::Scene)?;
        Ok(&mut self.share.insert(Box::new(share)).scene)
    }

    /// The scene, to look at.
    #[must_use]
    pub fn scene(&self) -> Option<&Scene> {
        self.share.as_ref().map(|share| &share.scene)
    }

    /// The scene, to change.
    pub fn scene_mut(&mut self) -> Option<&mut Scene> {
        self.share.as_mut().map(|share| &mut share.scene)
    }

    /// How the scene is shared.
    #[must_use]
    pub fn share_config(&self) -> Option<&ShareConfig> {
        self.share.as_ref().map(|share| share.config())
    }

    /// Puts another scene of the same schema in place of this one: all players forget what they saw, and get everything anew. Nothing without a
    /// scene.
    pub fn replace_scene(&mut self, scene: &Scene) {
        if let Some(share) = &mut self.share {
            share.restart();
            share.scene.clone_from(scene);
        }
    }

    /// Where an entity stood at `tick`, so that a shot can be judged where its shooter saw the target; between two ticks it is on the way, as on a
    /// client's screen.
    ///
    /// Both arguments may be what a client claims. `None`: `tick` is no number, not before this tick, or more than a second (`hz` ticks) before it; the
    /// entity was not there then, or stands nowhere; or the room has no scene, or was restored or moved since that tick.
    #[must_use]
    pub fn place(&self, entity: Entity, tick: f64) -> Option<[f32; 2]> {
        self.share.as_ref()?.place(entity, tick)
    }

    /// How the player on `seat` looks at the scene: from where, and of which team and groups.
    pub fn viewer_mut(&mut self, seat: Seat) -> Option<&mut Viewer> {
        self.share.as_mut().and_then(|share| share.viewer_mut(seat))
    }

    /// Tells the player's client that this tick includes its input with its own number `input`, which it meant for tick `meant`: it predicts from
    /// there, and runs a little faster or slower so that its inputs come in time. Both may be whatever a client says: it alone is told. By how many ticks
    /// the input came early is brought into -128 to 127; 2^31 ticks and more are behind.
    pub fn acknowledge(&mut self, seat: Seat, input: u32, meant: u32) {
        let ahead = (meant.wrapping_sub(self.tick as u32) as i32).clamp(-128, 127) as i8;
        if let Some(share) = &mut self.share {
            share.set_note(seat, Note { input, ahead });
        }
    }

    /// Writes a line to the server's log, cut to [`crate::LOG_LINE_BYTES_MAX`]; above [`crate::LOG_LINES_MAX`] a tick it is only counted.
    pub fn log(&mut self, line: &str) {
        self.out.log(line);
    }

    /// Ends the room when this callback is over: the players are told that it closed.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// During [`crate::Room::on_drop`]: keeps that player's seat for this long instead of [`crate::RoomConfig::reconnect`], at most
    /// [`RECONNECT_MAX`]. Zero gives the seat up at once. Has no effect in other callbacks.
    pub fn allow_reconnect(&mut self, time: Duration) {
        self.reconnect = Some(time.min(RECONNECT_MAX));
    }

    pub(crate) const fn holds_inputs(&self) -> bool {
        self.holds_inputs
    }

    pub(crate) const fn take_promise(&mut self) -> Option<u32> {
        self.replies_later.take()
    }

    pub(crate) const fn set_room(&mut self, room: RoomId) {
        self.room = Some(room);
    }

    pub(crate) const fn take_reconnect(&mut self) -> Option<Duration> {
        self.reconnect.take()
    }

    fn at(&self, seat: Seat) -> Result<usize, usize> {
        self.players.binary_search_by_key(&seat, |player| player.seat)
    }

    /// The view of a room that was not created yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), ..Self::default() }
    }

    pub(crate) fn created(&mut self, hz: u32, label: String) {
        self.hz = hz;
        // What the room said by `set_label` during `on_create` gives way to its answer.
        self.label = label;
        if let Some(share) = &mut self.share {
            share.set_hz(hz);
        }
    }

    pub(crate) const fn next_tick(&mut self) {
        self.tick += 1;
    }

    pub(crate) fn due_timer(&mut self) -> Option<u32> {
        self.timers.due(self.tick)
    }

    /// Timers that are set, as `(tick, id)` in the order in which they are due.
    #[must_use]
    pub fn timers(&self) -> Vec<(u64, u32)> {
        self.timers.state().0.into_iter().map(|(tick, _, id)| (tick, id)).collect()
    }

    /// How the player on `seat` looks at the scene, to look at.
    #[must_use]
    pub fn viewer(&self, seat: Seat) -> Option<&Viewer> {
        self.share.as_ref().and_then(|share| share.viewer(seat))
    }

    /// All but the outputs and the inputs that wait.
    pub(crate) fn state(&self) -> CellState {
        let (timers, timers_set) = self.timers.state();
        let players = self.players.iter().map(|player| PlayerState {
            seat: player.seat,
            session: player.session,
            name: player.name.clone(),
            connected: player.connected,
            kicked: player.kicked,
            inputs: Vec::new(),
        });
        CellState {
            tick: self.tick,
            rng: self.rng.state(),
            label: self.label.clone(),
            timers,
            timers_set,
            players: players.collect(),
            pending: Vec::new(),
        }
    }

    pub(crate) fn put_state(&mut self, state: &CellState) {
        self.tick = state.tick;
        self.rng = Rng::new(state.rng);
        self.label.clone_from(&state.label);
        self.timers.put_state(&state.timers, state.timers_set);
        let players = state.players.iter().map(|player| Player {
            seat: player.seat,
            session: player.session,
            name: player.name.clone(),
            connected: player.connected,
            kicked: player.kicked,
        });
        self.players = players.collect();
        if let Some(share) = &mut self.share {
            share.restart();
            self.players.iter().for_each(|player| share.seat_taken(player.seat));
        }
    }

    /// Hash of all entities in whatever order; 0 without a scene.
    #[must_use]
    pub fn scene_mark(&self) -> u64 {
        let mut sum = 0_u64;
        if let Some(scene) = self.scene() {
            scene.digest(|entity| sum = sum.wrapping_add(xxh3_64(entity)));
        }
        sum
    }

    /// Where the room's random numbers are.
    pub(crate) const fn rng_state(&self) -> u64 {
        self.rng.state()
    }

    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn seat_taken(&mut self, seat: Seat, who: Who<'_>) {
        if let Err(at) = self.at(seat) {
            let player = Player { seat, session: who.session, name: who.name.into(), connected: true, kicked: false };
            self.players.insert(at, player);
            if let Some(share) = &mut self.share {
                share.seat_taken(seat);
            }
        }
    }

    pub(crate) fn seat_freed(&mut self, seat: Seat) {
        if let Ok(at) = self.at(seat) {
            self.players.remove(at);
            if let Some(share) = &mut self.share {
                share.seat_freed(seat);
            }
        }
    }

    pub(crate) fn set_connected(&mut self, seat: Seat, connected: bool) {
        if let Ok(at) = self.at(seat) {
            self.players[at].connected = connected;
            if connected && let Some(viewer) = self.viewer_mut(seat) {
                // Its new connection knows nothing.
                viewer.reset();
            }
        }
    }
}
