//! Rooms with names: found or made, listed, gone.

use super::*;

/// A room whose label is its parameters.
struct Labelled;

impl Room for Labelled {
    fn on_create(&mut self, _: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault> {
        let label = String::from_utf8(params.to_vec()).map_err(|_| RoomFault::crashed("not text"))?;
        Ok(RoomConfig { label, seats_max: 2, ..RoomConfig::default() })
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }
}

fn rig() -> Rig {
    Rig::new(["duel", "race"].map(|name| Game::native(name, || Labelled).expect("good name")).to_vec())
}

#[test]
fn the_first_makes_it_and_the_others_find_it() {
    let mut rig = rig();
    rig.join_named(0x100, "duel", "den", b"mode=hard");
    rig.join_named(0x200, "duel", "den", b"mode=easy");
    rig.join_named(0x300, "duel", "den", b"");
    rig.join_named(0x400, "race", "den", b"");
    let answers =
        ["100 joined duel 20 Hz at 0", "200 joined duel 20 Hz at 0", "300 refused room_full", "400 joined race 20 Hz at 0"];
    assert_eq!(rig.run(0), answers);
    assert_eq!(rig.room_of(0x100), rig.room_of(0x200));
    rig.join(0x500, "race");
    assert_eq!(rig.run(1_000), ["500 joined race 20 Hz at 0"]);
    assert_eq!(rig.room_of(0x400), rig.room_of(0x500), "a room with a name is for everybody");
    assert_eq!(rig.list("duel", ""), ["den mode=hard 2/2"]);
    assert_eq!(rig.list("duel", "mode=easy"), Vec::<String>::new());
}

#[test]
fn a_name_is_free_again_when_its_room_is_gone() {
    let mut rig = rig();
    rig.join_named(0x100, "duel", "den", b"first");
    rig.run(0);
    let room = rig.room_of(0x100);
    rig.send(Inbound::Leave { session: SessionId(0x100), room });
    rig.run(40_000);
    assert_eq!((rig.snapshot().rooms_open, rig.list("duel", "")), (0, vec![]));
    rig.join_named(0x200, "duel", "den", b"second");
    rig.run(1_001);
    assert_ne!(rig.room_of(0x200), room);
    assert_eq!(rig.list("duel", ""), ["den second 1/2"]);
}

#[test]
fn a_room_that_cannot_be_made_leaves_its_name_free() {
    let mut rig = rig();
    rig.join_named(0x100, "duel", "den", &[0xff]);
    assert_eq!(rig.run(0), ["100 refused room_crashed"]);
    rig.join_named(0x100, "duel", "den", b"good");
    assert_eq!(rig.run(0), ["100 joined duel 20 Hz at 0"]);
}

#[test]
fn a_thread_lists_4096_rooms_those_with_names_first() {
    let mut rig = rig();
    let most = crate::directory::LISTED_MAX;
    rig.join(1 << 8, "duel");
    rig.run(0);
    let count = |rig: &mut Rig| {
        let all = rig.world.list_all();
        (all.len(), all.iter().filter(|room| room.name.is_empty()).count())
    };
    for n in 1..=most {
        // A look at a long list takes long.
        let looked = n < 3 || n > most - 3;
        assert!(!looked || count(&mut rig) == (n, 1), "as many as there are");
        rig.join_named((n as u64 + 1) << 8, "duel", &format!("den-{n}"), b"");
        rig.run(0);
    }
    assert_eq!(count(&mut rig), (most, 0), "one more: that without a name gives way");
}
