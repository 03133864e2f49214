//! Script rooms, recorded and replayed: by the same rules, by others, to a fault.

use hillfort_world::FaultKind;

use super::*;
use crate::luau_room::luau_game;
use crate::sync_test::{SyncOptions, sync_test};

const SOURCE: &str = "
local heard = 0
function on_message(ctx, player, op, data)
    heard += op + math.random(1000)
    if data == nil then error('never') end
end
function on_tick(ctx)
    ctx.broadcast_state(`{ctx.tick} {heard}`)
end
function on_save(ctx) return tostring(heard) end
function on_restore(ctx, data) heard = tonumber(buffer.tostring(data)) end
";

fn game(source: &str) -> Game {
    luau_game("test", "test.luau", source).expect("is good")
}

fn played() -> Recording {
    sync_test(&game(SOURCE), SyncOptions { ticks: 300, ..SyncOptions::default() }).expect("is the same").recording
}

fn outcome(source: &str, recording: &Recording, options: ReplayOptions) -> Result<Outcome, ReplayRefused> {
    replay(&game(source), recording, options, |_, _| ()).map(|report| report.outcome)
}

#[test]
fn other_rules_are_refused_and_forced_ones_are_compared() {
    let recording = played();
    let options = ReplayOptions::default();
    assert_eq!(outcome(SOURCE, &recording, options), Ok(Outcome::Same));
    let noted = format!("{SOURCE}-- a remark");
    assert!(matches!(outcome(&noted, &recording, options), Err(ReplayRefused::Rules { .. })));
    let force = ReplayOptions { force: true, ..options };
    assert_eq!(outcome(&noted, &recording, force), Ok(Outcome::Same));
    let changed = SOURCE.replace("{ctx.tick} {heard}", "{ctx.tick} {if ctx.tick < 105 then heard else 0}");
    assert_eq!(outcome(&changed, &recording, force), Ok(Outcome::Differs(Difference::Mark { after: 100, tick: 120 })));
    let other = luau_game("other", "test.luau", SOURCE).expect("is good");
    assert!(matches!(replay(&other, &recording, force, |_, _| ()), Err(ReplayRefused::Game(_))));
}

#[test]
fn ends_where_it_is_told() {
    let recording = played();
    let options = ReplayOptions { until: Some(77), ..ReplayOptions::default() };
    let report = replay(&game(SOURCE), &recording, options, |_, _| ()).expect("is the same");
    assert_eq!((report.ticks, report.marks, report.hz), (77, 3, 20));
}

#[test]
fn a_fault_comes_again_or_is_missed() {
    let mut recording = played();
    let broken = SOURCE.replace("heard += op", "if ctx.tick == 250 then error('broken') end heard += op");
    let Ok(Outcome::Differs(Difference::Fault { tick: 250, callback, fault })) =
        outcome(&broken, &recording, ReplayOptions { force: true, ..ReplayOptions::default() })
    else {
        panic!("fails in tick 250");
    };
    assert_eq!(fault.kind(), FaultKind::Crashed);
    recording.ticks = 250;
    recording.end = End::fault(callback, &fault);
    let force = ReplayOptions { force: true, ..ReplayOptions::default() };
    assert_eq!(outcome(&broken, &recording, force), Ok(Outcome::FaultAgain(fault)));
    assert_eq!(outcome(SOURCE, &recording, ReplayOptions::default()), Ok(Outcome::NoFault));
}
