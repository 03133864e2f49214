//! All games that ship and the examples of the documentation pass; rooms that keep something to themselves do not.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hillfort_world::{Ctx, Room, RoomConfig, To};

use super::*;
use crate::luau_room::{luau_game, luau_game_with, luau_limits};

#[test]
fn every_game_that_ships_is_the_same_twice() {
    let games = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../games");
    let mut played = 0;
    for entry in std::fs::read_dir(games).unwrap() {
        let entry = entry.unwrap();
        let Ok(source) = std::fs::read_to_string(entry.path().join("server/main.luau")) else { continue };
        let schema = std::fs::read_to_string(entry.path().join("sync.toml")).ok();
        let schema = schema.map(|text| Arc::new(hillfort_sync::read_schema(&text).unwrap()));
        let name = entry.file_name().into_string().unwrap();
        let game = luau_game_with(&name, "main.luau", &source, schema, luau_limits()).unwrap();
        check(&game);
        played += 1;
    }
    assert!(played > 0);
}

#[test]
fn the_examples_are_the_same_twice() {
    check(&luau_game("tally", "tally.luau", include_str!("../luau_room/tests/tally.luau")).unwrap());
    check(&crate::echo(20));
}

#[track_caller]
fn check(game: &Game) {
    let report =
        sync_test(game, SyncOptions { ticks: 600, ..SyncOptions::default() }).unwrap_or_else(|fault| panic!("{game:?}: {fault}"));
    let again = crate::replay(game, &report.recording, crate::ReplayOptions::default(), |_, _| ()).unwrap();
    assert_eq!((again.outcome, again.ticks), (crate::Outcome::Same, 600), "{game:?}");
}

/// Counts ticks; saves the count unless it forgets, and takes a number from elsewhere when it has one.
#[derive(Clone, Default)]
struct Counter {
    count: u64,
    forgets: bool,
    elsewhere: Option<Arc<AtomicU64>>,
}

impl Room for Counter {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig::default())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        self.count += self.elsewhere.as_ref().map_or(1, |elsewhere| elsewhere.fetch_add(1, Relaxed));
        ctx.send_state(To::All, &self.count.to_le_bytes()).map_err(|error| RoomFault::crashed(&error.to_string()))
    }

    fn on_save(&mut self, _: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        out.extend_from_slice(&if self.forgets { 0 } else { self.count }.to_le_bytes());
        Ok(Stored::Done)
    }

    fn on_restore(&mut self, _: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        self.count = u64::from_le_bytes(data.try_into().map_err(|_| RoomFault::crashed("8 bytes"))?);
        Ok(Stored::Done)
    }
}

#[test]
fn what_a_room_hides_is_found() {
    let outcome = |room: Counter| {
        let game = Game::native("counter", move || room.clone()).unwrap();
        sync_test(&game, SyncOptions::default()).map(|report| report.restored)
    };
    assert_eq!(outcome(Counter::default()), Ok(true));
    let elsewhere = Some(Arc::default());
    let fault = outcome(Counter { elsewhere, ..Counter::default() }).unwrap_err();
    assert!(matches!(fault, SyncFault::Differs { tick: 1, what: "tick", which: "its twin", .. }), "{fault}");
    let fault = outcome(Counter { forgets: true, ..Counter::default() }).unwrap_err();
    assert!(matches!(fault, SyncFault::Differs { tick: 2, which: "the room that was saved and restored", .. }), "{fault}");
}
