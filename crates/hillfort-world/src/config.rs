//! What a room says about itself when it is made, and the bounds of it. Knows nothing of how it is obeyed.

use std::time::Duration;

use hillfort_proto::limits::{INPUT_BYTES_MAX, RESUME_WINDOW, ROOM_INPUT_BYTES_MAX};

/// Fastest rate class: ticks a second.
pub const HZ_MAX: u32 = 128;
/// Rate of a room in which nobody is connected.
pub const HZ_IDLE: u32 = 1;
/// Most bytes of a label.
pub const LABEL_BYTES_MAX: usize = 2048;
/// Most seats of a room.
pub const SEATS_MAX: u16 = 4096;

/// Most bytes of [`RoomConfig::handler`].
pub const HANDLER_BYTES_MAX: usize = 128;
/// Longest time for which a seat is kept for a player whose connection is gone.
pub const RECONNECT_MAX: Duration = Duration::from_secs(600);

/// Answer of [`crate::Room::on_create`].
#[derive(Debug, Clone, PartialEq)]
pub struct RoomConfig {
    /// Ticks a second, 1 to [`HZ_MAX`]. A room in which nobody is connected runs at [`HZ_IDLE`] instead, unless `empty` says otherwise: its
    /// ticks come slower, each still stands for 1 / `hz` seconds of the game.
    pub hz: u32,
    /// What happens while nobody has a seat.
    pub empty: WhenEmpty,
    /// Which of its game's rules the room plays, for lists: at most [`HANDLER_BYTES_MAX`] bytes, empty when the game has only one kind.
    pub handler: String,
    /// Free text for lists of rooms, at most [`LABEL_BYTES_MAX`] bytes; [`crate::Ctx::set_label`] changes it.
    pub label: String,
    /// Seats, 1 to [`SEATS_MAX`].
    pub seats_max: u16,
    /// What happens to ticks whose time has passed.
    pub late: LatePolicy,
    /// How many inputs wait and are heard.
    pub inputs: InputCaps,
    /// How long the seat of a player whose connection is gone is kept, at most [`RECONNECT_MAX`]; [`crate::Ctx::allow_reconnect`] says
    /// otherwise for one player. A session that is not resumed within [`RESUME_WINDOW`] is over, and its seat with it, however long
    /// the room would wait.
    pub reconnect: Duration,
}

/// What becomes of a room in which nobody has a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    /// It runs at [`HZ_IDLE`], and after a while the server ends it or lays it to sleep.
    Rest,
    /// It runs on at its rate for as long as it wants, so it must end by itself.
    RunOn,
}

/// What a room does when its thread was too busy to run its ticks in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LatePolicy {
    /// Runs one tick; those that were missed never happen.
    Skip,
    /// Runs the missed ticks too, at most `max` more at once; the rest never happen.
    CatchUp {
        /// Additional ticks at once, at least 1.
        max: u32,
    },
    /// Slows down: while ticks are missed the rate falls, at worst to `min` times `hz`, and it climbs back when they are not. Game time
    /// then runs slower for everybody in the room alike (known from EVE Online as time dilation).
    Dilate {
        /// Lowest share of the rate, above 0 and below 1.
        min: f32,
    },
}

/// Bounds of a room's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputCaps {
    /// Inputs of one player that one tick hears, at least 1; the others wait.
    pub player_tick: u16,
    /// Inputs of one player that wait at most, at least `player_tick`. One more pushes the player's oldest out: what a player did last
    /// counts most. Each that is pushed out is counted.
    pub player_queue: u16,
    /// Bytes of one input, 1 to [`ROOM_INPUT_BYTES_MAX`]. Longer ones are counted and lost.
    pub bytes: u16,
    /// Inputs of all players that one tick hears, at least 1. Players take turns, and the next tick goes on where this one stopped.
    pub room_tick: u32,
}

/// A config outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not 1 to [`HZ_MAX`].
    #[error("hz must be 1 to {HZ_MAX}")]
    Hz,
    /// Too long.
    #[error("label must have at most {LABEL_BYTES_MAX} bytes")]
    Label,
    /// Not 1 to [`SEATS_MAX`].
    #[error("seats_max must be 1 to {SEATS_MAX}")]
    Seats,
    /// Catching up by 0 ticks, or dilating to nothing or to the full rate.
    #[error("late policy must catch up by at least 1 tick or dilate to a share between 0 and 1")]
    Late,
    /// [`RoomConfig::handler`] is too long.
    #[error("handler must have at most {HANDLER_BYTES_MAX} bytes")]
    Handler,
    /// A cap is 0, or fewer inputs wait than one tick hears, or one is longer than may be.
    #[error(
        "inputs a tick must be at least 1, a player's queue at least its inputs a tick, and one input 1 to {ROOM_INPUT_BYTES_MAX} bytes"
    )]
    Inputs,
    /// Longer than [`RECONNECT_MAX`].
    #[error("reconnect must be at most {} seconds", RECONNECT_MAX.as_secs())]
    Reconnect,
}

impl Default for RoomConfig {
    /// 20 Hz, at rest while empty, no label, 16 seats, missed ticks skipped, seats kept for as long as sessions are.
    fn default() -> Self {
        Self {
            hz: 20,
            empty: WhenEmpty::Rest,
            handler: String::new(),
            label: String::new(),
            seats_max: 16,
            late: LatePolicy::Skip,
            inputs: InputCaps::default(),
            reconnect: RESUME_WINDOW,
        }
    }
}

impl Default for InputCaps {
    /// 16 heard a tick, 64 waiting, 1,024 heard by the room, each of [`INPUT_BYTES_MAX`] bytes.
    fn default() -> Self {
        Self { player_tick: 16, player_queue: 64, room_tick: 1024, bytes: INPUT_BYTES_MAX as u16 }
    }
}

impl RoomConfig {
    /// Checks the bounds.
    ///
    /// # Errors
    /// The first field that is outside its bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        let caps = self.inputs;
        if !(1..=HZ_MAX).contains(&self.hz) {
            return Err(ConfigError::Hz);
        }
        if self.label.len() > LABEL_BYTES_MAX {
            return Err(ConfigError::Label);
        }
        if !(1..=SEATS_MAX).contains(&self.seats_max) {
            return Err(ConfigError::Seats);
        }
        if self.handler.len() > HANDLER_BYTES_MAX {
            return Err(ConfigError::Handler);
        }
        if !(1..=ROOM_INPUT_BYTES_MAX).contains(&usize::from(caps.bytes)) {
            return Err(ConfigError::Inputs);
        }
        if caps.player_tick == 0 || caps.room_tick == 0 || caps.player_queue < caps.player_tick {
            return Err(ConfigError::Inputs);
        }
        if self.reconnect > RECONNECT_MAX {
            return Err(ConfigError::Reconnect);
        }
        match self.late {
            LatePolicy::CatchUp { max: 0 } => Err(ConfigError::Late),
            LatePolicy::Dilate { min } if !(min > 0.0 && min < 1.0) => Err(ConfigError::Late),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut RoomConfig), expect: Result<(), ConfigError>) {
        let mut config = RoomConfig::default();
        change(&mut config);
        assert_eq!(config.check(), expect);
    }

    #[test]
    fn bounds_hold_at_their_edges() {
        check(|_| (), Ok(()));
        check(|c| c.hz = 0, Err(ConfigError::Hz));
        check(|c| c.hz = 1, Ok(()));
        check(|c| c.hz = HZ_MAX, Ok(()));
        check(|c| c.hz = HZ_MAX + 1, Err(ConfigError::Hz));
        check(|c| c.label = "x".repeat(LABEL_BYTES_MAX), Ok(()));
        check(|c| c.label = "x".repeat(LABEL_BYTES_MAX + 1), Err(ConfigError::Label));
        check(|c| c.seats_max = 0, Err(ConfigError::Seats));
        check(|c| c.seats_max = SEATS_MAX, Ok(()));
        check(|c| c.seats_max = SEATS_MAX + 1, Err(ConfigError::Seats));
        check(|c| c.late = LatePolicy::CatchUp { max: 0 }, Err(ConfigError::Late));
        check(|c| c.late = LatePolicy::CatchUp { max: 1 }, Ok(()));
        check(|c| c.late = LatePolicy::Dilate { min: 0.0 }, Err(ConfigError::Late));
        check(|c| c.late = LatePolicy::Dilate { min: 1.0 }, Err(ConfigError::Late));
        check(|c| c.late = LatePolicy::Dilate { min: f32::NAN }, Err(ConfigError::Late));
        check(|c| c.late = LatePolicy::Dilate { min: 0.1 }, Ok(()));
        check(|c| c.reconnect = Duration::ZERO, Ok(()));
        check(|c| c.reconnect = RECONNECT_MAX, Ok(()));
        check(|c| c.reconnect = RECONNECT_MAX + Duration::from_nanos(1), Err(ConfigError::Reconnect));
        check(|c| c.handler = "x".repeat(HANDLER_BYTES_MAX), Ok(()));
        check(|c| c.handler = "x".repeat(HANDLER_BYTES_MAX + 1), Err(ConfigError::Handler));
        check(|c| c.inputs.bytes = ROOM_INPUT_BYTES_MAX as u16, Ok(()));
        check(|c| c.inputs.bytes = ROOM_INPUT_BYTES_MAX as u16 + 1, Err(ConfigError::Inputs));
        check(|c| c.inputs.bytes = 0, Err(ConfigError::Inputs));
        check(|c| c.inputs.player_tick = 0, Err(ConfigError::Inputs));
        check(|c| c.inputs.room_tick = 0, Err(ConfigError::Inputs));
        check(|c| c.inputs.player_queue = c.inputs.player_tick - 1, Err(ConfigError::Inputs));
    }
}
