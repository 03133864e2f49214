//! Everybody glides along a lane and throws snowballs at the others. A throw is judged where the thrower saw the other: on a screen that is some
//! ticks ago.

use std::fmt::Display;
use std::sync::Arc;

use hillfort_world::sync::{Entity, Schema, Shape};
use hillfort_world::{Ctx, Room, RoomConfig, RoomFault, Seat, ShareConfig, To};

const LANE: f32 = 100.0;
const REACH: f64 = 0.5;
const THROW: u32 = 1;
const HIT: u32 = 1;

#[derive(Shape)]
#[shape(at(x, y))]
struct Skater {
    #[shape(fixed(0.0, 100.0, 0.02), extrapolate = 2)]
    x: f32,
    #[shape(fixed(0.0, 100.0, 0.02), extrapolate = 2)]
    y: f32,
}

#[derive(Default)]
pub struct Snowballs {
    skaters: Vec<(Seat, Entity, Skater)>,
}

impl Room for Snowballs {
    fn on_create(&mut self, ctx: &mut Ctx, _params: &[u8]) -> Result<RoomConfig, RoomFault> {
        let schema = Schema::new(vec![Skater::kind()]).map_err(crashed)?;
        ctx.open_scene(ShareConfig { entities_max: 8, ..ShareConfig::new(Arc::new(schema)) }).map_err(crashed)?;
        Ok(RoomConfig { hz: 20, seats_max: 8, label: "snowballs".into(), ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, player: Seat) -> Result<(), RoomFault> {
        let Some(scene) = ctx.scene_mut() else { return Ok(()) };
        let entity = scene.spawn(0).map_err(crashed)?;
        scene.set_owner(entity, Some(player.0)).map_err(crashed)?;
        self.skaters.push((player, entity, Skater { x: 0.0, y: 10.0 * f32::from(player.0) }));
        Ok(())
    }

    fn on_leave(&mut self, ctx: &mut Ctx, player: Seat) -> Result<(), RoomFault> {
        let Some(scene) = ctx.scene_mut() else { return Ok(()) };
        for (_, entity, _) in self.skaters.extract_if(.., |(seat, ..)| *seat == player) {
            scene.despawn(entity).map_err(crashed)?;
        }
        Ok(())
    }

    fn on_message(&mut self, ctx: &mut Ctx, player: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        let Some((who, when, x, y)) = throw(data).filter(|_| op == THROW) else { return Ok(()) };
        // All of it is a stranger's claim. Of whom and when the room does not know there is no place, and the ball hits nobody.
        let Some(place) = ctx.place(Entity::from_number(who), when) else { return Ok(()) };
        let [dx, dy] = [f64::from(x) - f64::from(place[0]), f64::from(y) - f64::from(place[1])];
        if dx * dx + dy * dy <= REACH * REACH {
            let mut hit = vec![player.0 as u8];
            hit.extend(who.to_le_bytes());
            ctx.send_event(To::All, HIT, &hit).map_err(crashed)?;
        }
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let Some(scene) = ctx.scene_mut() else { return Ok(()) };
        for (_, entity, skater) in &mut self.skaters {
            skater.x = (skater.x + 1.0) % LANE;
            skater.write(scene, *entity).map_err(crashed)?;
        }
        Ok(())
    }
}

/// At whom, the tick in the thrower's picture, and where the ball goes.
fn throw(data: &[u8]) -> Option<(u32, f64, f32, f32)> {
    let (who, rest) = data.split_first_chunk()?;
    let (when, rest) = rest.split_first_chunk()?;
    let (x, y) = rest.split_first_chunk()?;
    let y = y.try_into().ok()?;
    Some((u32::from_le_bytes(*who), f64::from_le_bytes(*when), f32::from_le_bytes(*x), f32::from_le_bytes(y)))
}

fn crashed(error: impl Display) -> RoomFault {
    RoomFault::crashed(&error.to_string())
}
