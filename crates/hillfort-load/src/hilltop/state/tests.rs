//! Samples as FORMAT.md describes them, and what is read from them.

use std::sync::Arc;

use hillfort_sync::{Delivery, History, Interest, Replicator, Scene, Viewer, ViewerConfig};

use super::*;
use crate::hilltop::schema;

/// What a client sees: hills with control and flags (1 contested, 2 Amber's, 4 Teal's), players with slot and team, squads with number, place,
/// strength and flags (1 moving, 4 down).
pub(in crate::hilltop) fn seen(hills: &[(u8, u8)], players: &[(u8, u8)], squads: &[(u8, f32, f32, u8, u8)]) -> Mirror {
    let mut scene = Scene::new(schema(), 64);
    let mut put = |kind: &str, fields: &[(&str, f32)]| {
        let kind = schema().kind(kind).expect(kind);
        let entity = scene.spawn(kind).expect("room enough");
        for (name, value) in fields {
            scene.set(entity, schema().field(kind, name).expect(name), *value).expect(name);
        }
    };
    for &(number, x, y, strength, flags) in squads {
        let (moving, down) = (f32::from(flags & 1), f32::from(flags >> 2));
        let strength = f32::from(strength);
        let number = f32::from(number);
        put("squad", &[("number", number), ("x", x), ("y", y), ("strength", strength), ("moving", moving), ("down", down)]);
    }
    for (number, &(control, flags)) in hills.iter().enumerate() {
        let holder = [2.0, 0.0, 1.0][usize::from(flags >> 1)];
        let contested = f32::from(flags & 1);
        put("hill", &[("number", number as f32), ("control", f32::from(control)), ("contested", contested), ("holder", holder)]);
    }
    players.iter().for_each(|&(slot, team)| put("player", &[("slot", f32::from(slot)), ("team", f32::from(team))]));
    put("round", &[("seconds", 100.0)]);
    let mut history = History::new(&scene, f32::MAX, 20);
    history.publish(1, &scene);
    let interest = Interest { radius: None, every: 1 };
    let config = ViewerConfig { delivery: Delivery::Ordered, interest, budget: 10_000, packet: 10_000, hz: 20 };
    let (mut packet, mut replicator) = (Vec::new(), Replicator::default());
    let schema = schema();
    let mut pass = replicator.pass(&schema, &history).expect("published");
    pass.write(&mut Viewer::new(0, config), None, &mut packet).expect("something is new");
    let mut mirror = Mirror::new(Arc::clone(&schema));
    assert_eq!(mirror.take(&packet), Ok(true));
    mirror
}

/// Writes the map: bases left and right, hills in the middle.
pub(in crate::hilltop) fn map_bytes(own_slot: u8, hills: &[(f32, f32)]) -> Vec<u8> {
    let fixed = |value: f32| ((value * 256.0) as u16).to_le_bytes();
    let mut out = vec![own_slot];
    out.extend([160, 0, 100, 0, 1, 2, 3, 4]);
    out.push(hills.len() as u8);
    for &(x, y) in hills {
        out.extend(fixed(x));
        out.extend(fixed(y));
        out.push(8);
        out.extend([3, b'a', b'b', b'c']);
    }
    for (x, y) in [(10.0, 50.0), (150.0, 50.0)] {
        out.extend(fixed(x));
        out.extend(fixed(y));
    }
    out
}

#[test]
fn a_map_is_read() {
    let map = Map::read(&map_bytes(4, &[(80.0, 50.5)])).expect("a map");
    assert_eq!(map.own_slot, 4);
    assert_eq!(map.hills, [HillPlace { at: Place { x: 80.0, y: 50.5 }, radius: 8.0 }]);
    assert_eq!(map.bases, [Place { x: 10.0, y: 50.0 }, Place { x: 150.0, y: 50.0 }]);
}

#[test]
fn a_state_is_read() {
    let mirror = seen(&[(200, 2), (100, 1), (0, 4)], &[(0, 0), (1, 1)], &[(4, 12.5, 99.0, 80, 0b101)]);
    let state = State::read(&mirror).expect("a state");
    assert!(!state.intermission);
    assert_eq!(state.hills.iter().map(|h| h.holder).collect::<Vec<_>>(), [Some(Team::Amber), None, Some(Team::Teal)]);
    assert!(state.hills[1].contested);
    assert_eq!(state.team(1), Some(Team::Teal));
    assert_eq!(state.team(9), None);
    let squad = state.squads[0];
    assert_eq!((squad.slot, squad.index, squad.strength, squad.moving, squad.down), (1, 1, 80, true, true));
    assert_eq!(squad.at, Place { x: 12.5, y: 99.0 });
}

#[test]
fn nothing_seen_is_no_state_and_bytes_cut_anywhere_are_no_map() {
    assert_eq!(State::read(&Mirror::new(schema())), None);
    let map = map_bytes(0, &[(1.0, 1.0)]);
    (0..map.len()).for_each(|len| assert_eq!(Map::read(&map[..len]), None, "{len}"));
}
