//! Rooms that answer later, rooms that are made before anybody joins, and what doors say about players.

use std::sync::mpsc::sync_channel;

use hillfort_proto::limits::{INPUT_BYTES_MAX, ROOM_INPUT_BYTES_MAX};
use hillfort_world::{ASKING_MAX, InputCaps, Player, WhenEmpty};

use super::*;

const YES: u32 = 1;
const NO: u32 = 2;
const REPLY: u32 = 3;
const HOLD: u32 = 4;

/// Lets in at once who says so, others when somebody inside says so.
#[derive(Debug, Default)]
struct Doorkeeper {
    promised: u32,
}

impl Doorkeeper {
    fn game() -> Game {
        Game::native("door", Self::default).expect("good name")
    }
}

impl Room for Doorkeeper {
    fn on_create(&mut self, ctx: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault> {
        assert!(ctx.room().is_some(), "a room knows its name");
        Ok(RoomConfig {
            seats_max: 3,
            empty: WhenEmpty::RunOn,
            handler: "doorkeeper".into(),
            label: String::from_utf8_lossy(params).into_owned(),
            inputs: InputCaps { bytes: ROOM_INPUT_BYTES_MAX as u16, ..InputCaps::default() },
            ..RoomConfig::default()
        })
    }

    fn on_join_attempt(&mut self, ctx: &mut Ctx, who: Who<'_>) -> Result<Verdict, RoomFault> {
        match who.facts {
            b"friend" => return Ok(Verdict::Accept),
            b"foe" => ctx.answer(who.session, Err(Reject::RoomRefused), "no foes").map_err(fault)?,
            _ => {}
        }
        Ok(Verdict::Later)
    }

    fn on_message(&mut self, ctx: &mut Ctx, _: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        let session = || SessionId(u64::from_le_bytes(data.try_into().expect("eight bytes")));
        match op {
            YES => ctx.answer(session(), Ok(()), "").map_err(fault),
            NO => ctx.answer(session(), Err(Reject::RoomRefused), "not today").map_err(fault),
            REPLY => ctx.reply(self.promised, data).map_err(fault),
            HOLD => {
                ctx.hold_inputs(true);
                ctx.set_timer(3, 0).map_err(fault)
            }
            _ => ctx.send_event(To::All, op, data.len().to_string().as_bytes()).map_err(fault),
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx, _: u32) -> Result<(), RoomFault> {
        ctx.hold_inputs(false);
        Ok(())
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }

    fn on_signal(&mut self, ctx: &mut Ctx, data: &[u8], reply: &mut Vec<u8>) -> Result<(), RoomFault> {
        match data {
            b"later" => self.promised = ctx.reply_later(),
            _ => reply.extend(ctx.players().iter().flat_map(|Player { name, .. }| name.bytes())),
        }
        Ok(())
    }
}

fn fault(error: hillfort_world::SendError) -> RoomFault {
    RoomFault::crashed(&error.to_string())
}

impl Rig {
    fn join_with(&mut self, session: u64, room: Wanted<'_>, name: &str, facts: &[u8]) {
        self.send(Inbound::Join { session: SessionId(session), room, game: "door", name, facts });
    }

    /// Has a player inside say something about another.
    fn rule(&mut self, inside: u64, op: u32, about: u64) -> Vec<String> {
        self.input(inside, op, &about.to_le_bytes());
        self.run(50)
    }

    fn create(&mut self, params: &[u8]) -> Result<RoomId, Reject> {
        let (to, made) = sync_channel(1);
        self.handle.create_then("door", params.to_vec(), move |room| to.send(room).expect("is waited for"))?;
        self.run(0);
        made.recv().expect("is answered")
    }

    fn seen(&mut self, room: RoomId) -> Option<Listed> {
        let (to, seen) = sync_channel(1);
        self.handle.look_then(room, move |listed| to.send(listed).expect("is waited for")).expect("is not full");
        self.run(0);
        seen.recv().expect("is answered")
    }

    fn signal_to(&mut self, room: RoomId, data: &[u8]) -> Receiver<Result<Vec<u8>, Reject>> {
        let (to, answer) = sync_channel(1);
        self.handle.signal_then(room, data.to_vec(), move |result| drop(to.send(result))).expect("is not full");
        self.run(0);
        answer
    }
}

#[test]
fn a_room_may_think_about_a_join() {
    let mut rig = Rig::new(vec![Doorkeeper::game()]);
    rig.join_with(0x100, Wanted::Any, "ann", b"friend");
    assert_eq!(rig.run(0), ["100 joined door 20 Hz at 0"]);
    let room = Wanted::Room(rig.room_of(0x100));
    rig.join_with(0x200, room, "bob", b"foe");
    assert_eq!(rig.run(0), ["200 refused room_refused: no foes"], "with a reason, at once");
    rig.join_with(0x300, room, "cat", b"");
    rig.join_with(0x400, room, "dan", b"");
    assert_eq!(rig.run(1_000), [""; 0], "they wait");
    rig.join_with(0x300, room, "cat", b"");
    assert_eq!(rig.run(0), ["300 refused already_joined"], "one question at a time");
    assert_eq!(rig.rule(0x100, YES, 0x999), [""; 0], "nobody of that name waits");
    assert_eq!(rig.rule(0x100, NO, 0x400), ["400 refused room_refused: not today"]);
    let yes = rig.rule(0x100, YES, 0x300);
    assert!(yes.len() == 1 && yes[0].starts_with("300 joined door"), "{yes:?}");
    assert_eq!(rig.rule(0x100, YES, 0x300), [""; 0], "only once");
    assert_eq!(rig.signal_to(rig.room_of(0x100), b"names").recv(), Ok(Ok(b"anncat".to_vec())));
}

#[test]
fn seats_are_counted_when_the_answer_comes_and_who_left_gets_none() {
    let mut rig = Rig::new(vec![Doorkeeper::game()]);
    rig.join_with(0x100, Wanted::Any, "ann", b"friend");
    rig.run(0);
    let room = rig.room_of(0x100);
    for session in [0x200, 0x300, 0x400, 0x500] {
        rig.join_with(session, Wanted::Room(room), "bob", b"");
    }
    rig.send(Inbound::Leave { session: SessionId(0x200), room });
    assert_eq!(rig.run(0), ["200 left as asked"]);
    assert_eq!(rig.rule(0x100, YES, 0x200), [""; 0], "does not wait any more");
    let mut answers = Vec::new();
    for session in [0x300, 0x400, 0x500] {
        answers.extend(rig.rule(0x100, YES, session));
    }
    assert!(answers[0].starts_with("300 joined") && answers[1].starts_with("400 joined"), "{answers:?}");
    assert_eq!(answers[2..], ["500 refused room_full"]);
    rig.send(Inbound::Leave { session: SessionId(0x400), room });
    rig.run(0);
    rig.join_with(0x600, Wanted::Room(room), "eve", b"");
    rig.run(0);
    rig.handle.begin_drain(Duration::ZERO);
    let last = rig.run(0);
    assert!(last.contains(&"600 refused shutdown".to_owned()), "who waits for a room that ends is told: {last:?}");
}

#[test]
fn who_knows_a_room_need_not_know_its_game() {
    let mut rig = Rig::new(vec![Doorkeeper::game(), Puppet::default().game("puppet")]);
    let room = rig.create(b"").expect("is made");
    let mut join = |session, room, game| {
        rig.send(Inbound::Join { session: SessionId(session), room, game, name: "ann", facts: b"friend" });
        rig.run(0)
    };
    assert_eq!(join(0x100, Wanted::Room(room), ""), ["100 joined door 20 Hz at 0"]);
    assert_eq!(join(0x200, Wanted::Room(RoomId(room.0 + (1 << 32))), ""), ["200 refused room_unknown"]);
    assert_eq!(join(0x300, Wanted::Room(room), "puppet"), ["300 refused room_unknown"], "but not a wrong one");
    assert_eq!(join(0x400, Wanted::Any, ""), ["400 refused room_unknown"]);
}

#[test]
fn only_so_many_wait_for_one_room() {
    let mut rig = Rig::new(vec![Doorkeeper::game()]);
    let room = rig.create(b"").expect("is made");
    for n in 0..=ASKING_MAX as u64 {
        rig.join_with((n + 1) << 8, Wanted::Room(room), "ann", b"");
    }
    assert_eq!(rig.run(0), [format!("{:x} refused room_full", (ASKING_MAX + 1) << 8)]);
    let answers: Vec<_> = (0..=ASKING_MAX).map(|_| rig.signal_to(room, b"later")).collect();
    assert_eq!(answers[ASKING_MAX].try_recv(), Ok(Err(Reject::WorldBusy)));
    assert!(answers[..ASKING_MAX].iter().all(|answer| answer.try_recv().is_err()), "they wait");
}

#[test]
fn a_room_may_think_about_a_signal() {
    let mut rig = Rig::new(vec![Doorkeeper::game()]);
    rig.join_with(0x100, Wanted::Any, "ann", b"friend");
    rig.run(0);
    let room = rig.room_of(0x100);
    let answer = rig.signal_to(room, b"later");
    assert!(answer.try_recv().is_err());
    rig.input(0x100, REPLY, b"so");
    rig.run(50);
    assert_eq!(answer.try_recv(), Ok(Ok(b"so".to_vec())));
    let never = rig.signal_to(room, b"later");
    rig.handle.begin_drain(Duration::ZERO);
    rig.run(0);
    assert_eq!(never.try_recv(), Ok(Err(Reject::Shutdown)), "a room that ends owes nobody an answer");
    assert!(matches!(rig.handle.signal_then(RoomId(0x7f), Vec::new(), drop), Err(Reject::RoomUnknown)));
}

#[test]
fn rooms_are_made_before_anybody_joins_and_run_on() {
    let mut rig = Rig::new(vec![Doorkeeper::game()]);
    let room = rig.create(b"{\"open\":true}").expect("is made");
    let seen = rig.seen(room).expect("is there");
    assert_eq!((&*seen.label, &*seen.handler, seen.seats_taken, seen.hz), ("{\"open\":true}", "doorkeeper", 0, 20));
    assert_eq!(rig.handle.game(seen.game).map(|name| &**name), Some("door"));
    rig.run(1_001);
    let listed = rig.handle.rooms();
    assert_eq!(listed[0].iter().map(|room| room.room).collect::<Vec<_>>(), [room]);
    assert!(Arc::ptr_eq(&listed[0][0].label, &seen.label), "a label that did not change is not copied");
    let before = rig.totals().ticks;
    rig.run(120_000);
    assert!(rig.totals().ticks - before > 2_400, "at full rate, and it is not ended");
    rig.join_with(0x100, Wanted::Room(room), "ann", b"friend");
    assert_eq!(rig.run(0).len(), 1);
    assert_eq!(rig.create(&[b'x'; 5_000]), Err(Reject::RoomCrashed), "its label is too long");
    assert!(rig.seen(RoomId(room.0 + (1 << 32))).is_none());
    rig.handle.begin_drain(Duration::from_secs(1));
    rig.run(0);
    assert_eq!(rig.create(b""), Err(Reject::Draining));
}

#[test]
fn a_room_hears_inputs_as_long_as_it_asked_for_and_when_it_wants() {
    let mut rig = Rig::new(vec![Doorkeeper::game(), Puppet::default().game("puppet")]);
    rig.join_with(0x100, Wanted::Any, "ann", b"friend");
    rig.join(0x200, "puppet");
    rig.run(0);
    rig.input(0x100, 9, &[0; ROOM_INPUT_BYTES_MAX]);
    rig.input(0x100, 9, &[0; ROOM_INPUT_BYTES_MAX + 1]);
    rig.input(0x200, SAY, &[b'x'; INPUT_BYTES_MAX + 1]);
    assert_eq!(rig.run(50), ["0> 100 event 9 4096"]);
    assert_eq!(rig.totals().inputs_long, 2);
    rig.input(0x100, HOLD, b"");
    rig.run(50);
    rig.input(0x100, 9, b"abc");
    assert_eq!(rig.run(100), [""; 0], "held");
    assert_eq!(rig.run(100), ["0> 100 event 9 3"], "not lost");
}
