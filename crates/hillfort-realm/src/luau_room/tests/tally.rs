//! Everybody presses a button, everybody sees the count. A round lasts 60 seconds.

use hillfort_world::{Ctx, Room, RoomConfig, RoomFault, Seat, SendError, To};

const HZ: u32 = 20;
const PRESS: u32 = 1;
const WELCOME: u32 = 1;
const OVER: u32 = 2;
const ROUND: u32 = 1;

#[derive(Default)]
pub struct Tally {
    count: u32,
}

impl Room for Tally {
    fn on_create(&mut self, _: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig { hz: HZ, seats_max: 8, label: "tally".into(), ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, player: Seat) -> Result<(), RoomFault> {
        if ctx.players().len() == 1 {
            ctx.set_timer(u64::from(60 * HZ), ROUND).map_err(too_much)?;
        }
        ctx.send_event(To::One(player), WELCOME, &self.count.to_le_bytes()).map_err(too_much)
    }

    fn on_message(&mut self, _: &mut Ctx, _player: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        if op == PRESS && data.is_empty() {
            self.count = self.count.wrapping_add(1);
        }
        Ok(())
    }

    fn on_timer(&mut self, ctx: &mut Ctx, _id: u32) -> Result<(), RoomFault> {
        ctx.send_event(To::All, OVER, &self.count.to_le_bytes()).map_err(too_much)?;
        self.count = 0;
        ctx.set_timer(u64::from(60 * HZ), ROUND).map_err(too_much)
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        ctx.send_state(To::All, &self.count.to_le_bytes()).map_err(too_much)
    }
}

fn too_much(error: SendError) -> RoomFault {
    RoomFault::crashed(&error.to_string())
}
