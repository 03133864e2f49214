//! Sample bytes as FORMAT.md describes them, and what is read from them.

use super::*;

/// Writes a state as the room would.
pub(in crate::hilltop) fn state_bytes(hills: &[(u8, u8)], players: &[(u8, u8)], squads: &[(u8, f32, f32, u8, u8)]) -> Vec<u8> {
    let mut out = vec![1, 0, 100, 0, 5, 0, 7, 0];
    out.push(hills.len() as u8);
    hills.iter().for_each(|&(control, flags)| out.extend([control, flags]));
    out.push(players.len() as u8);
    players.iter().for_each(|&(slot, flags)| out.extend([slot, flags, 9, 0]));
    out.push(squads.len() as u8);
    for &(id, x, y, strength, flags) in squads {
        out.push(id);
        out.extend(((x * 256.0) as u16).to_le_bytes());
        out.extend(((y * 256.0) as u16).to_le_bytes());
        out.extend([64, strength, flags, 255]);
    }
    out
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
    let bytes = state_bytes(&[(200, 2), (100, 1), (0, 4)], &[(0, 0), (1, 1)], &[(4, 12.5, 99.0, 80, 0b101)]);
    let state = State::read(&bytes).expect("a state");
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
fn bytes_cut_anywhere_are_no_state_and_no_map() {
    let state = state_bytes(&[(200, 2)], &[(0, 0)], &[(0, 1.0, 1.0, 1, 0)]);
    (0..state.len()).for_each(|len| assert_eq!(State::read(&state[..len]), None, "{len}"));
    let map = map_bytes(0, &[(1.0, 1.0)]);
    (0..map.len()).for_each(|len| assert_eq!(Map::read(&map[..len]), None, "{len}"));
    let mut other_version = state;
    other_version[0] = 2;
    assert_eq!(State::read(&other_version), None);
}
