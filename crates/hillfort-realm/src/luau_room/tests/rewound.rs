//! The example of a throw that is judged where the thrower saw its target, in both languages: it hits when the past is asked, and misses otherwise.

use std::sync::Arc;

use hillfort_world::Rng;

use super::*;

#[path = "snowballs.rs"]
#[expect(unreachable_pub, reason = "in the crate of a reader it is reachable")]
mod snowballs;

const PAGE: &str = include_str!("../../../../../docs/rooms.md");
const LUAU: &str = include_str!("snowballs.luau");
const FILE: &str = include_str!("skaters.toml");
const THROW: u32 = 1;
const HIT: u32 = 1;

fn games() -> [Game; 2] {
    let schema = Arc::new(hillfort_sync::read_schema(FILE).expect("the example is good"));
    let luau = luau_game_with("snowballs", "snowballs.luau", LUAU, Some(schema), luau_limits()).expect("the example is good");
    [luau, Game::native("snowballs", snowballs::Snowballs::default).expect("the name is good")]
}

/// The entity of the player who joined in this place, from 0.
const fn skater(joined: u32) -> u32 {
    joined + (1 << 20)
}

fn throw(entity: u32, tick: f64, x: f32, y: f32) -> Vec<u8> {
    let mut data = entity.to_le_bytes().to_vec();
    data.extend(tick.to_le_bytes());
    data.extend(x.to_le_bytes());
    data.extend(y.to_le_bytes());
    data
}

impl Rig {
    /// The first player throws; the next tick says whether that hits.
    fn hits(&mut self, data: &[u8]) -> bool {
        self.cell.push_input(Seat(0), THROW, data);
        self.tick();
        self.out.iter().any(|output| matches!(output, Output::Event { op: HIT, .. }))
    }

    fn now(&self) -> f64 {
        self.cell.ctx().tick() as f64
    }
}

#[test]
fn the_page_shows_the_file() {
    assert!(PAGE.contains(&format!("```luau\n{LUAU}```")));
}

#[test]
fn a_throw_at_who_moves_hits_when_rewound_and_misses_when_not() {
    for game in games() {
        let mut rig = Rig::of(&game, 1);
        rig.join("ann");
        rig.join("bob");
        (0..30).for_each(|_| rig.tick());
        let bob = skater(1);
        // A picture of three and a half ticks ago, as over a line of 80 ms: a tick is a step along the lane.
        for behind in [3.5, 0.0, 1.0, 0.25, 12.75, 19.0] {
            let picture = rig.now() - behind;
            let aimed = picture as f32;
            assert!(rig.hits(&throw(bob, picture, aimed, 10.0)), "{behind} ticks ago");
            // The same ball by what the server knows now: bob has gone on.
            let picture = rig.now() - behind;
            assert_eq!(rig.hits(&throw(bob, rig.now(), picture as f32, 10.0)), behind <= 0.5, "{behind} ticks ago, not rewound");
            // Beside him, then and now.
            let picture = rig.now() - behind;
            assert!(!rig.hits(&throw(bob, picture, picture as f32, 10.6)));
            assert!(!rig.hits(&throw(bob, picture, picture as f32 - 0.6, 10.0)));
        }
    }
}

#[test]
fn what_cannot_have_been_seen_is_not_hit() {
    for game in games() {
        let mut rig = Rig::of(&game, 1);
        rig.join("ann");
        rig.join("bob");
        (0..30).for_each(|_| rig.tick());
        let (bob, aimed) = (skater(1), |tick: f64| (tick % 100.0) as f32);
        for off in [-20.0, -20.5, -25.0, -1e9, 0.5, 1.0, 1e9, 4_294_967_296.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let claim = rig.now() + off;
            assert!(!rig.hits(&throw(bob, claim, aimed(claim), 10.0)), "{off}");
        }
        let now = rig.now();
        for entity in [0, 1, skater(2), bob + (1 << 20), u32::MAX] {
            assert!(!rig.hits(&throw(entity, now, aimed(now), 10.0)), "{entity}");
        }
        for place in [f32::NAN, f32::INFINITY] {
            let now = rig.now();
            assert!(!rig.hits(&throw(bob, now, place, 10.0)));
        }
        assert!(!rig.hits(&[7; 19]) && !rig.hits(&[]) && !rig.hits(&[0; 21]));
        let now = rig.now();
        assert!(rig.hits(&throw(bob, now, aimed(now), 10.0)), "and the room goes on");
        // Who left is where it was seen last; who came takes no hit for it.
        let left = rig.now();
        rig.leave(Seat(1));
        rig.tick();
        rig.join("cem");
        rig.tick();
        assert!(rig.hits(&throw(bob, left, aimed(left), 10.0)));
        assert!(!rig.hits(&throw(bob, left + 1.0, aimed(left), 10.0)));
        assert!(!rig.hits(&throw(skater(1) + (1 << 20), left, aimed(left), 10.0)));
    }
}

#[test]
fn both_languages_judge_alike() {
    let [one, other] = games().map(|game| {
        let mut rig = Rig::of(&game, 1);
        (0..4).for_each(|_| _ = rig.join("ann"));
        let mut dice = Rng::new(5);
        let mut lines = Vec::new();
        for _ in 0..400 {
            for seat in 0..4 {
                let picture = rig.now() - dice.below(2_200) as f64 / 100.0;
                let (at, lane) = (dice.below(4) as u32, dice.below(4) as f32 * 10.0);
                let off = dice.below(200) as f32 / 100.0 - 1.0;
                rig.cell.push_input(Seat(seat), THROW, &throw(skater(at), picture, picture as f32 % 100.0 + off, lane));
            }
            rig.tick();
            lines.extend(rig.out.iter().map(|output| format!("{output:?}")));
        }
        lines
    });
    assert_eq!(one, other);
    assert!(one.len() > 40, "{}", one.len());
}
