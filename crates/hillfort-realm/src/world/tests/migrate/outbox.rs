//! A room whose output waits for a door that takes nothing: the output goes first, or the room stays.

use std::sync::mpsc::{Receiver, TryRecvError};

use super::*;
use crate::world::migrate::Letter;

const ANN: (usize, SessionId) = (0, SessionId(0x100));
const BOB: (usize, SessionId) = (1, SessionId(0x201));

/// A room with two players, of whom each is at another door.
struct Den {
    realm: Realm2,
    room: RoomId,
    from: u8,
}

impl Den {
    fn new() -> Self {
        let mut realm = Realm2::new(Config::default(), vec![ledger()]);
        realm.join(ANN.0, ANN.1, "den");
        realm.settle(100);
        realm.join(BOB.0, BOB.1, "den");
        realm.settle(100);
        let room = realm.edges[0].players[&ANN.1].room.expect("sits");
        let from = realm.handle.owner_of(room);
        let den = Self { realm, room, from };
        assert_eq!(den.told(ANN), den.told(BOB));
        den
    }

    /// The door takes nothing from the room's thread, or takes something again.
    fn set_full(&self, (door, _): (usize, SessionId), full: bool) {
        self.realm.full[usize::from(self.from)][door].store(full, Relaxed);
    }

    /// The player says something, at which everybody is told something.
    fn say(&mut self, (edge, session): (usize, SessionId)) {
        let edge = &mut self.realm.edges[edge];
        let player = edge.players.get_mut(&session).expect("is ours");
        player.sent += 1;
        let data = player.sent.to_le_bytes();
        edge.send(self.room, Inbound::Input { session, room: self.room, op: 7, data: &data });
    }

    /// Number of the last telling that the player got. That none was left out or overtaken is looked at as they come.
    fn told(&self, (edge, session): (usize, SessionId)) -> u64 {
        self.realm.edges[edge].players[&session].told.expect("was told")
    }

    fn begin_move(&self) -> Receiver<Result<(), Reject>> {
        let (reply, answer) = sync_channel(1);
        self.realm.handle.tell(usize::from(self.from), Command::Move { room: self.room, to: 1 - self.from, reply });
        answer
    }

    fn owner(&self) -> u8 {
        self.realm.handle.owner_of(self.room)
    }

    fn tick(&self, world: u8) -> Option<u64> {
        let world = &self.realm.worlds[usize::from(world)];
        world.rooms.find(self.room).and_then(|index| world.rooms.get(index)).map(|hosted| hosted.cell.ctx().tick())
    }
}

#[test]
fn what_a_room_has_put_out_goes_before_it_moves() {
    for door in [ANN, BOB] {
        let mut den = Den::new();
        let before = den.told(ANN);
        den.set_full(door, true);
        (0..3).for_each(|_| den.say(ANN));
        den.say(BOB);
        // One tick: it is heard, and told.
        den.realm.settle(60);
        let other = if door == ANN { BOB } else { ANN };
        assert!(den.told(other) > before && den.told(door) == before, "{} and {}", den.told(ANN), den.told(BOB));
        let answer = den.begin_move();
        for step in 0..900 {
            den.realm.settle(1);
            assert_eq!((den.owner(), den.realm.moved()), (den.from, 0), "step {step}");
            assert_eq!(answer.try_recv(), Err(TryRecvError::Empty), "step {step}");
            assert_eq!(den.tick(1 - den.from), None, "step {step}");
        }
        let tick = den.tick(den.from).expect("rests where it was");
        // What is said meanwhile waits, at the other door as well.
        den.say(other);
        den.realm.settle(20);
        assert_eq!(den.tick(den.from), Some(tick));
        den.set_full(door, false);
        den.realm.settle(20);
        assert_eq!((answer.try_recv(), den.owner(), den.realm.moved()), (Ok(Ok(())), 1 - den.from, 1));
        den.say(ANN);
        den.say(BOB);
        den.realm.settle(200);
        // Four that were told before, one that waited, two after the move: each door heard all, in order.
        assert_eq!((den.told(ANN), den.told(BOB)), (before + 7, before + 7));
    }
}

#[test]
fn a_room_whose_output_is_not_taken_in_time_goes_on_where_it_is() {
    let mut den = Den::new();
    den.set_full(ANN, true);
    den.say(BOB);
    den.realm.settle(60);
    let (before, tick) = (den.told(BOB), den.tick(den.from));
    let answer = den.begin_move();
    den.realm.settle(500);
    assert_eq!(den.tick(den.from), tick, "it rests");
    // Who asks for a seat meanwhile is told to ask again.
    let carl = SessionId(0x301);
    den.realm.join(BOB.0, carl, "den");
    den.say(BOB);
    den.realm.settle(600);
    assert_eq!((answer.try_recv(), den.owner(), den.realm.moved()), (Ok(Err(Reject::WorldBusy)), den.from, 0));
    den.realm.settle(200);
    assert!(den.tick(den.from) > tick, "it goes on");
    assert!(den.told(BOB) > before, "and hears what was said");
    assert!(den.realm.worlds.iter().all(|world| !world.moves.is_busy()), "nobody waits for it any more");
    // Who was refused meanwhile asks again.
    den.realm.join(BOB.0, carl, "den");
    den.realm.settle(100);
    assert_eq!(den.realm.edges[BOB.0].players[&carl].room, Some(den.room), "its seats are free again");
    // When the door takes something again nothing is missing, and the room can move.
    den.set_full(ANN, false);
    den.realm.settle(100);
    assert_eq!(den.told(ANN), den.told(BOB));
    let answer = den.begin_move();
    den.realm.settle(50);
    assert_eq!((answer.try_recv(), den.owner()), (Ok(Ok(())), 1 - den.from));
    den.say(ANN);
    den.realm.settle(100);
    assert_eq!(den.told(ANN), den.told(BOB));
}

/// The thread where it was to go is behind with its letters when it is to be told that the room does not come.
#[test]
fn a_thread_that_was_too_busy_to_hear_that_a_room_stays_hears_it_later() {
    let mut den = Den::new();
    let (from, to) = (usize::from(den.from), usize::from(1 - den.from));
    den.set_full(ANN, true);
    den.say(BOB);
    den.realm.settle(60);
    let answer = den.begin_move();
    den.realm.settle(1);
    assert!(den.realm.worlds[to].moves.is_busy(), "it waits for the room");
    let letters = den.realm.worlds[from].moves.peers[to].letters.clone();
    while letters.try_send(Letter::Never(RoomId(0))).is_ok() {}
    for _ in 0..1_100 {
        den.realm.clock.advance(1);
        den.realm.worlds[from].turn(&den.realm.clock);
    }
    assert_eq!(answer.try_recv(), Ok(Err(Reject::WorldBusy)));
    // It does not begin again before that was heard, which would be heard in the wrong order.
    den.set_full(ANN, false);
    let answer = den.begin_move();
    den.realm.worlds[from].turn(&den.realm.clock);
    assert_eq!(answer.try_recv(), Ok(Err(Reject::WorldBusy)));
    den.realm.settle(100);
    assert!(den.realm.worlds.iter().all(|world| !world.moves.is_busy()), "nobody waits for it any more");
    let answer = den.begin_move();
    den.realm.settle(50);
    assert_eq!((answer.try_recv(), den.owner()), (Ok(Ok(())), 1 - den.from));
    den.say(ANN);
    den.say(BOB);
    den.realm.settle(200);
    assert_eq!(den.told(ANN), den.told(BOB));
}
