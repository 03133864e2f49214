//! Decisions of one bot: heal when weak, finish the weaker neighbour, hold what is contested, take what is not ours. One squad at a time,
//! like a person with a mouse. Not a strong player and not meant to be: it must be fun to beat.

use super::state::{Map, Place, Squad, State, Team};
use crate::random::Random;

/// Operation of the input that moves squads.
pub(crate) const OP_MOVE: u32 = 1;

/// Below this strength a squad goes home ...
const STRENGTH_RETREAT: u8 = 35;
/// ... and stays there until it has this.
const STRENGTH_HEALED: u8 = 90;
/// Squads nearer to the base than this are healed (the game's rule).
const HEAL_RADIUS: f32 = 10.0;
/// An enemy nearer than this may be worth a fight.
const FIGHT_RADIUS: f32 = 14.0;
/// A new order that is nearer to the old one than this is not worth giving.
const SAME_PLACE: f32 = 6.0;
const SQUADS: usize = 3;

/// What one bot knows and wants.
#[derive(Debug)]
pub(crate) struct Brain {
    random: Random,
    map: Option<Map>,
    /// Where each squad was last sent.
    goals: [Option<Place>; SQUADS],
    retreating: [bool; SQUADS],
    /// Squad to think about next.
    next: usize,
}

/// A move of one squad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Order {
    pub(crate) squad: u8,
    pub(crate) to: Place,
}

impl Brain {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), map: None, goals: [None; SQUADS], retreating: [false; SQUADS], next: 0 }
    }

    /// Takes the data of the map event; a new room means new plans.
    pub(crate) fn on_map(&mut self, data: &[u8]) {
        self.map = Map::read(data);
        self.goals = [None; SQUADS];
        self.retreating = [false; SQUADS];
    }

    /// Seconds until it wants to think again.
    pub(crate) fn pause_s(&mut self) -> f32 {
        // With three squads and one decision at a time, each squad is thought about every 1.5 to 4.5 seconds.
        self.random.between(0.5, 1.5)
    }

    /// An order for the squad whose turn it is, when it should do something else than it does.
    pub(crate) fn decide(&mut self, state: &State) -> Option<Order> {
        let map = self.map.take()?;
        let order = self.decide_on(&map, state);
        self.map = Some(map);
        order
    }

    fn decide_on(&mut self, map: &Map, state: &State) -> Option<Order> {
        let index = self.next;
        self.next = (self.next + 1) % SQUADS;
        let team = state.team(map.own_slot)?;
        let squad = state.squads.iter().find(|squad| squad.slot == map.own_slot && usize::from(squad.index) == index)?;
        if squad.down || state.intermission {
            self.goals[index] = None;
            self.retreating[index] = false;
            return None;
        }
        let to = self.wanted(map, state, team, squad, index);
        let stays = self.goals[index].is_some_and(|goal| goal.distance(to) < SAME_PLACE);
        let is_there = !squad.moving && squad.at.distance(to) < SAME_PLACE;
        if is_there || stays && squad.moving {
            return None;
        }
        self.goals[index] = Some(to);
        Some(Order { squad: squad.index, to })
    }

    fn wanted(&mut self, map: &Map, state: &State, team: Team, squad: &Squad, index: usize) -> Place {
        let base = map.bases[team.index()];
        let healed = squad.strength >= STRENGTH_HEALED;
        self.retreating[index] = squad.strength < STRENGTH_RETREAT || self.retreating[index] && !healed;
        if self.retreating[index] {
            return self.near(base, HEAL_RADIUS * 0.5);
        }
        let enemy = |other: &&Squad| !other.down && state.team(other.slot).is_some_and(|other| other != team);
        let nearest =
            state.squads.iter().filter(enemy).min_by(|a, b| a.at.distance(squad.at).total_cmp(&b.at.distance(squad.at)));
        if let Some(weaker) =
            nearest.filter(|other| other.at.distance(squad.at) < FIGHT_RADIUS && other.strength < squad.strength)
        {
            // From a few units off: squads fire over 9, and standing in each other looks odd.
            return self.near(weaker.at, 5.0);
        }
        let best =
            (0..map.hills.len().min(state.hills.len())).map(|hill| (self.worth(map, state, team, squad, index, hill), hill));
        match best.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, hill)) => self.near(map.hills[hill].at, map.hills[hill].radius * 0.6),
            None => base,
        }
    }

    /// How much this squad wants to stand on `hill`.
    fn worth(&mut self, map: &Map, state: &State, team: Team, squad: &Squad, index: usize, hill: usize) -> f32 {
        let (place, now) = (map.hills[hill], state.hills[hill]);
        let status = match (now.holder, now.contested) {
            (None, _) => 1.2,
            (Some(holder), _) if holder != team => 1.0,
            (Some(_), true) => 1.3,
            (Some(_), false) => 0.15,
        };
        let others = (0..SQUADS).filter(|&other| other != index).filter_map(|other| self.goals[other]);
        let crowd = others.filter(|goal| goal.distance(place.at) < place.radius).count() as f32;
        let on_it = |side: bool| {
            let squads = state.squads.iter().filter(|other| !other.down && other.at.distance(place.at) < place.radius + 4.0);
            let strength = squads.filter(|other| state.team(other.slot).is_some_and(|of| (of == team) == side));
            strength.map(|other| f32::from(other.strength)).sum::<f32>() / 100.0
        };
        let danger = (on_it(false) - on_it(true) - f32::from(squad.strength) / 100.0).max(0.0);
        let distance = squad.at.distance(place.at) / 160.0;
        status - 0.9 * distance - 0.45 * crowd - 0.3 * danger + self.random.between(0.0, 0.25)
    }

    fn near(&mut self, place: Place, within: f32) -> Place {
        let (angle, far) = (self.random.between(0.0, std::f32::consts::TAU), self.random.between(0.0, within));
        Place { x: far.mul_add(angle.cos(), place.x), y: far.mul_add(angle.sin(), place.y) }
    }
}

impl Order {
    /// The bytes of the input.
    pub(crate) fn bytes(self) -> [u8; 5] {
        let fixed = |units: f32| ((units * 256.0).clamp(0.0, f32::from(u16::MAX)) as u16).to_le_bytes();
        let ([xl, xh], [yl, yh]) = (fixed(self.to.x), fixed(self.to.y));
        [1 << self.squad, xl, xh, yl, yh]
    }
}

#[cfg(test)]
mod tests;
