//! A native game that answers each input: for measuring, not for playing. Knows nothing of the load tool.

use hillfort_world::{Ctx, InputCaps, LatePolicy, OUTPUTS_MAX, Room, RoomConfig, RoomFault, SEATS_MAX, Seat, To};

use crate::game::Game;

/// Input that is answered by an event with the same op and data.
pub const ECHO_AS_EVENT: u32 = 1;
/// Input that is answered by a state, to its sender alone, with the same data.
pub const ECHO_AS_STATE: u32 = 2;

/// The game `echo`, with rooms of [`SEATS_MAX`] seats that tick `hz` times a second. Other inputs are not answered.
///
/// # Panics
/// Never: the name is good.
#[must_use]
pub fn echo(hz: u32) -> Game {
    Game::native("echo", move || Echo { hz }).expect("the name is good").with_rules(concat!(
        env!("CARGO_PKG_NAME"),
        " ",
        env!("CARGO_PKG_VERSION")
    ))
}

struct Echo {
    hz: u32,
}

impl Room for Echo {
    fn on_create(&mut self, _ctx: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig {
            hz: self.hz,
            label: String::new(),
            seats_max: SEATS_MAX,
            late: LatePolicy::Skip,
            inputs: InputCaps { player_tick: 256, player_queue: 256, room_tick: OUTPUTS_MAX as u32, ..InputCaps::default() },
            ..RoomConfig::default()
        })
    }

    fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        // A room that has put out too much says nothing more in this tick; what it could not say is counted.
        let _full_is_counted = match op {
            ECHO_AS_EVENT => ctx.send_event(To::One(from), op, data),
            ECHO_AS_STATE => ctx.send_state(To::One(from), data),
            _ => Ok(()),
        };
        Ok(())
    }

    fn on_tick(&mut self, _ctx: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }
}
