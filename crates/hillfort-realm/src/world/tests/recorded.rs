//! Which rooms leave a recording in the folder, and that it is theirs.

use std::path::Path;

use hillfort_world::{End, Recording};

use super::*;
use crate::config::{Keep, Recordings};
use crate::realm::RecordError;
use crate::replay::{Outcome, ReplayOptions, replay};

fn rig(keep: Keep, folder: &Path, games: Vec<Game>, clock: TestClock) -> Rig {
    let recordings = Recordings { keep, folder: Some(folder.to_owned()), ..Recordings::default() };
    Rig::with(Config { recordings, ..Config::default() }, games, 1, clock)
}

fn files(folder: &Path) -> Vec<Recording> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| Recording::from_file(&std::fs::read(entry.unwrap().path()).unwrap());
    std::fs::read_dir(folder).unwrap().map(|entry| read(entry).unwrap()).collect()
}

/// Ends the realm, and so has all written.
fn end(rig: Rig) {
    let Rig { world, handle, .. } = rig;
    drop(world);
    handle.drain(Duration::ZERO);
}

#[test]
fn a_room_that_fails_leaves_its_recording() {
    for bomb in ["on_create", "on_message", "on_tick"] {
        let folder = tempfile::tempdir().unwrap();
        let puppet = Puppet { bomb, ..Puppet::default() };
        let (game, clock) = (puppet.clone().game("bad").with_rules("1"), puppet.clock.clone());
        let mut rig = rig(Keep::Faults, folder.path(), vec![game.clone()], clock);
        rig.join(0x200, "bad");
        rig.run(0);
        if bomb != "on_create" {
            rig.input(0x200, 0, b"");
            rig.run(200);
        }
        end(rig);
        let [recording] = &files(folder.path())[..] else { panic!("{bomb}: one file") };
        assert!(matches!(&recording.end, End::Fault { callback, .. } if **callback == *bomb), "{:?}", recording.end);
        assert_eq!((&*recording.origin.game, &*recording.origin.rules), ("bad", "1"));
        let report = replay(&game, recording, ReplayOptions::default(), |_, _| ()).unwrap();
        assert!(matches!(report.outcome, Outcome::FaultAgain(_)), "{bomb}: {:?}", report.outcome);
    }
}

#[test]
fn rooms_are_kept_as_the_setting_says_and_when_asked_for() {
    #[track_caller]
    fn check(keep: Keep, files_at_end: usize, asked: bool) {
        let folder = tempfile::tempdir().unwrap();
        let puppet = Puppet::default();
        let mut rig = rig(keep, folder.path(), vec![puppet.clone().game("good")], puppet.clock.clone());
        rig.join(0x100, "good");
        rig.run(500);
        let room = rig.room_of(0x100);
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| rig.handle.record(room, Duration::from_secs(60)));
            while !asks.is_finished() {
                rig.world.turn(&rig.clock);
                std::thread::yield_now();
            }
            let answer = asks.join().unwrap();
            assert_eq!(answer.is_ok(), asked, "{keep:?}: {answer:?}");
            if let Ok(path) = answer {
                let recording = Recording::from_file(&std::fs::read(path).unwrap()).unwrap();
                assert_eq!((recording.end, recording.origin.room), (End::Open, room.0));
            }
        });
        assert!(matches!(
            rig.handle.record(RoomId(0x9_0000_00ff), Duration::ZERO),
            Err(RecordError::Refused(_) | RecordError::Nowhere)
        ));
        rig.send(Inbound::Leave { session: SessionId(0x100), room });
        rig.run(60_000);
        end(rig);
        assert_eq!(files(folder.path()).len(), files_at_end, "{keep:?}");
    }
    check(Keep::Nothing, 0, false);
    check(Keep::Faults, 1, true);
    check(Keep::All, 2, true);
}
