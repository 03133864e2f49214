//! What a bot does in situations that a player would recognise.

use super::super::state::tests::{map_bytes, seen};
use super::*;

const LEFT: (f32, f32) = (40.0, 50.0);
const RIGHT: (f32, f32) = (120.0, 50.0);
const AMBERS: (u8, u8) = (200, 2);
const NOBODYS: (u8, u8) = (100, 0);
const TEALS: (u8, u8) = (0, 4);

/// First order for squad 0 of the player in slot 0 (Amber), with an enemy player in slot 1, over several tempers of the bot.
fn check(hills: [(u8, u8); 2], squads: &[(u8, f32, f32, u8, u8)], expect: impl Fn(Option<Place>) -> bool) {
    for seed in 0..50 {
        let mut brain = Brain::new(seed);
        brain.on_map(&map_bytes(0, &[LEFT, RIGHT]));
        let state = State::read(&seen(&hills, &[(0, 0), (1, 1)], squads)).expect("a state");
        let order = brain.decide(&state);
        assert!(order.is_none_or(|order| order.squad == 0));
        assert!(expect(order.map(|order| order.to)), "seed {seed}: {order:?}");
    }
}

fn at(place: (f32, f32), within: f32) -> impl Fn(Option<Place>) -> bool {
    move |to| to.is_some_and(|to| to.distance(Place { x: place.0, y: place.1 }) <= within)
}

#[test]
fn takes_the_nearer_hill_that_is_nobodys() {
    check([NOBODYS, NOBODYS], &[(0, 10.0, 50.0, 100, 0)], at(LEFT, 5.0));
}

#[test]
fn goes_for_the_enemys_hill_when_the_near_one_is_ours() {
    check([AMBERS, TEALS], &[(0, 40.0, 50.0, 100, 0)], at(RIGHT, 5.0));
}

#[test]
fn a_weak_squad_goes_home_to_heal() {
    check([NOBODYS, TEALS], &[(0, 60.0, 50.0, 20, 0)], at((10.0, 50.0), 10.0));
}

#[test]
fn a_weaker_neighbour_is_attacked_and_a_stronger_one_is_not_chased() {
    check([AMBERS, AMBERS], &[(0, 80.0, 20.0, 100, 0), (3, 92.0, 20.0, 40, 0)], at((92.0, 20.0), 5.0));
    check([AMBERS, AMBERS], &[(0, 80.0, 20.0, 50, 0), (3, 92.0, 20.0, 90, 0)], |to| {
        to.is_some_and(|to| to.distance(Place { x: 92.0, y: 20.0 }) > 5.0)
    });
}

#[test]
fn a_squad_on_a_contested_hill_stays() {
    check([(150, 3), TEALS], &[(0, 40.0, 50.0, 100, 8)], |to| to.is_none());
}

#[test]
fn a_squad_that_is_down_gets_no_order() {
    check([NOBODYS, NOBODYS], &[(0, 10.0, 50.0, 0, 4)], |to| to.is_none());
}

#[test]
fn nothing_is_ordered_without_a_map_or_without_squads() {
    let state = State::read(&seen(&[NOBODYS], &[(0, 0)], &[])).expect("a state");
    assert_eq!(Brain::new(1).decide(&state), None);
    check([NOBODYS, NOBODYS], &[], |to| to.is_none());
}

#[test]
fn an_order_under_way_is_not_repeated() {
    let mut brain = Brain::new(3);
    brain.on_map(&map_bytes(0, &[LEFT]));
    let standing = State::read(&seen(&[NOBODYS], &[(0, 0)], &[(0, 10.0, 50.0, 100, 0)])).expect("a state");
    let moving = State::read(&seen(&[NOBODYS], &[(0, 0)], &[(0, 15.0, 50.0, 100, 1)])).expect("a state");
    assert!(brain.decide(&standing).is_some());
    let repeated = (0..30).filter(|_| brain.decide(&moving).is_some()).count();
    assert!(repeated <= 5, "{repeated} of 10 turns of the squad gave the same order again");
}

#[test]
fn a_healing_squad_stays_home_until_it_is_strong() {
    let mut brain = Brain::new(1);
    brain.on_map(&map_bytes(0, &[LEFT]));
    let squad = |strength| State::read(&seen(&[TEALS], &[(0, 0)], &[(0, 10.0, 50.0, strength, 0)])).expect("a state");
    let mut turn = |strength| {
        let order = brain.decide(&squad(strength));
        // The other two squads do not exist: their turns pass.
        assert_eq!((brain.decide(&squad(strength)), brain.decide(&squad(strength))), (None, None));
        order.map(|order| order.to)
    };
    assert_eq!(turn(30), None, "it is at its base already");
    assert_eq!(turn(80), None, "better, not healed");
    assert!(turn(100).is_some_and(|to| to.x > 30.0), "healed: off to the hill");
}

#[test]
fn an_order_is_five_bytes() {
    let check = |order: Order, expect: [u8; 5]| assert_eq!(order.bytes(), expect);
    check(Order { squad: 0, to: Place { x: 1.0, y: 2.5 } }, [1, 0, 1, 128, 2]);
    check(Order { squad: 2, to: Place { x: -4.0, y: 1e9 } }, [4, 0, 0, 255, 255]);
}
