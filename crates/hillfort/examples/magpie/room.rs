//! Magpie: players are dots that walk and pick up coins. These are all of its rules; the page in client/ shows what this file sends.
//!
//! A room knows nothing but its fields, has no clock, and draws random numbers from its own seed: the same inputs give the same game.
//!
//! ```text
//! Input  1  walk    i8 x, i8 y: -1, 0 or 1 each, until another comes
//! Event  1  you     u8 player
//! Event  2  names   u8 count; for each: u8 player, u8 length, UTF-8
//! State             u8 count of coins; for each: u16 x, u16 y
//!                   u8 count of players; for each: u8 player, u16 x, u16 y, i8 walks x, i8 walks y, u16 score
//! ```

use hillfort_world::{Ctx, Room, RoomConfig, RoomFault, Seat, SendError, Stored, To};

const HZ: u32 = 20;
const SEATS: u16 = 16;
const WIDTH: u16 = 800;
const HEIGHT: u16 = 450;
const EDGE: u16 = 16;
/// A tick, along and across.
const STEPS: [i16; 2] = [10, 7];
const REACH: i32 = 22;
const COINS: usize = 8;
const WALK: u32 = 1;
const YOU: u32 = 1;
const NAMES: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Magpie {
    coins: Vec<[u16; 2]>,
    /// By seat.
    dots: [Dot; SEATS as usize],
    /// Made once, written again in each tick.
    state: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Dot {
    at: [u16; 2],
    walks: [i8; 2],
    score: u16,
}

impl Room for Magpie {
    fn on_create(&mut self, ctx: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
        self.coins = std::iter::repeat_with(|| somewhere(ctx)).take(COINS).collect();
        Ok(RoomConfig { hz: HZ, seats_max: SEATS, label: "magpie".into(), ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, player: Seat) -> Result<(), RoomFault> {
        self.dots[usize::from(player.0)] = Dot { at: somewhere(ctx), ..Dot::default() };
        ctx.send_event(To::One(player), YOU, &[player.0 as u8]).map_err(too_much)?;
        let mut names = vec![ctx.players().len() as u8];
        for player in ctx.players() {
            names.extend([player.seat.0 as u8, player.name.len() as u8]);
            names.extend(player.name.as_bytes());
        }
        ctx.send_event(To::All, NAMES, &names).map_err(too_much)
    }

    /// A stranger sent this: what is not known changes nothing, and no error comes of it.
    fn on_message(&mut self, _: &mut Ctx, player: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        if let (WALK, &[x, y]) = (op, data) {
            self.dots[usize::from(player.0)].walks = [x, y].map(|way| (way as i8).signum());
        }
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        for at in 0..ctx.players().len() {
            let dot = &mut self.dots[usize::from(ctx.players()[at].seat.0)];
            dot.walk();
            for coin in &mut self.coins {
                if dot.reaches(*coin) {
                    dot.score = dot.score.saturating_add(1);
                    *coin = somewhere(ctx);
                }
            }
        }
        self.write(ctx);
        ctx.send_state(To::All, &self.state).map_err(too_much)
    }

    /// The connection is gone, the seat is kept for a while.
    fn on_drop(&mut self, _: &mut Ctx, player: Seat) -> Result<(), RoomFault> {
        self.dots[usize::from(player.0)].walks = [0, 0];
        Ok(())
    }

    /// What the room sends is all that it knows, so it is what is kept, too: a room goes on after a restart of the server.
    fn on_save(&mut self, ctx: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        self.write(ctx);
        out.extend_from_slice(&self.state);
        Ok(Stored::Done)
    }

    fn on_restore(&mut self, _: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        self.read(data).ok_or_else(|| RoomFault::crashed("the saved state is damaged"))?;
        Ok(Stored::Done)
    }
}

impl Magpie {
    fn write(&mut self, ctx: &Ctx) {
        let state = &mut self.state;
        state.clear();
        state.push(self.coins.len() as u8);
        state.extend(self.coins.iter().flatten().flat_map(|place| place.to_le_bytes()));
        state.push(ctx.players().len() as u8);
        for player in ctx.players() {
            let dot = &self.dots[usize::from(player.seat.0)];
            state.push(player.seat.0 as u8);
            state.extend(dot.at.iter().flat_map(|place| place.to_le_bytes()));
            state.extend(dot.walks.map(|way| way as u8));
            state.extend(dot.score.to_le_bytes());
        }
    }

    /// Who is not there any more keeps a dot that nobody sees.
    fn read(&mut self, mut data: &[u8]) -> Option<()> {
        let u16 = |data: &mut &[u8]| Some(u16::from_le_bytes(data.split_off(..2)?.try_into().ok()?));
        self.coins.clear();
        for _ in 0..*data.split_off_first()? {
            self.coins.push([u16(&mut data)?, u16(&mut data)?]);
        }
        for _ in 0..*data.split_off_first()? {
            let dot = self.dots.get_mut(usize::from(*data.split_off_first()?))?;
            dot.at = [u16(&mut data)?, u16(&mut data)?];
            dot.walks = [*data.split_off_first()? as i8, *data.split_off_first()? as i8];
            dot.score = u16(&mut data)?;
        }
        data.is_empty().then_some(())
    }
}

impl Dot {
    fn walk(&mut self) {
        // No further in a second across than along.
        let step = STEPS[usize::from(self.walks[0] != 0 && self.walks[1] != 0)];
        for ((place, way), size) in self.at.iter_mut().zip(self.walks).zip([WIDTH, HEIGHT]) {
            *place = place.saturating_add_signed(i16::from(way) * step).clamp(EDGE, size - EDGE);
        }
    }

    fn reaches(&self, coin: [u16; 2]) -> bool {
        let [x, y] = [0, 1].map(|axis| i32::from(self.at[axis]) - i32::from(coin[axis]));
        x * x + y * y <= REACH * REACH
    }
}

fn somewhere(ctx: &mut Ctx) -> [u16; 2] {
    [WIDTH, HEIGHT].map(|size| EDGE + ctx.rng().below(u64::from(size - 2 * EDGE)) as u16)
}

fn too_much(error: SendError) -> RoomFault {
    RoomFault::crashed(&error.to_string())
}
