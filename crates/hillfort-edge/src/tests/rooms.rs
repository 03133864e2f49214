//! Between sessions and rooms: joins, inputs, outputs, full lanes, slow readers.

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::{Ask, ClientBody, ServerBody, ServerView, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{BATCH_ENTRIES_MAX, Inbound, Outbound};

use super::rig::*;
use crate::Config;

const ROOM: RoomId = RoomId(0x100);

#[test]
fn a_visit_to_a_room() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    client.sequenced(ClientBody::Join { game: GAME, room: Wanted::Any });
    rig.expect_told("join chess ann");
    rig.say(Outbound::Joined { session: client.session, room: ROOM, game: GAME, label: "", hz: 20, tick: 5 });
    let message = rig.next(&mut client);
    let body = ServerView::read(&message).unwrap().body;
    assert_eq!(body, ServerBody::Joined { room: ROOM, game: GAME, hz: 20, tick: 5 });
    client.sequenced(ClientBody::Input { op: 3, data: b"e2e4" });
    rig.expect_told("input 3 e2e4");
    let to = [client.session];
    rig.batch.push(Outbound::Event { to: &to, room: ROOM, op: 1, data: b"check" }).unwrap();
    rig.say(Outbound::State { to: &to, room: ROOM, tick: 6, data: b"board" });
    let message = rig.next(&mut client);
    assert_eq!(ServerView::read(&message).unwrap().body, ServerBody::Event { op: 1, data: b"check" });
    let message = rig.next(&mut client);
    assert_eq!(ServerView::read(&message).unwrap().body, ServerBody::State { tick: 6, data: b"board" });
    client.sequenced(ClientBody::Leave);
    rig.expect_told("leave");
    rig.say(Outbound::Left { session: client.session, room: ROOM, reject: None });
    let message = rig.next(&mut client);
    assert!(matches!(ServerView::read(&message).unwrap().body, ServerBody::Left { code: 0, .. }));
    client.sequenced(ClientBody::Join { game: GAME, room: Wanted::Any });
    rig.expect_told("join chess ann");
    rig.say(Outbound::JoinRefused { session: client.session, reject: Reject::RoomFull, reason: "" });
    let message = rig.next(&mut client);
    let ServerBody::Left { code, .. } = ServerView::read(&message).unwrap().body else { panic!("not refused") };
    assert_eq!((Reject::from_code(code), rig.refused(Reject::RoomFull)), (Some(Reject::RoomFull), 1));
}

#[test]
fn a_list_is_answered() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    client.say(ClientBody::List(Ask { ask: 7, game: GAME, label: "open", free: true }));
    let message = rig.next(&mut client);
    let ServerBody::Rooms { ask: 7, more: true, rooms } = ServerView::read(&message).unwrap().body else { panic!("no list") };
    let line = rooms.iter().next().unwrap();
    assert_eq!((line.name, line.label, line.seats_taken, line.seats_max), ("one", "open", 1, 2));
}

#[test]
fn a_list_of_no_game_is_refused() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    client.say(ClientBody::List(Ask { ask: 7, game: "go", label: "", free: false }));
    let message = rig.next(&mut client);
    let ServerBody::Refused { code, .. } = ServerView::read(&message).unwrap().body else { panic!("not refused") };
    assert_eq!(Reject::from_code(code), Some(Reject::RoomGame));
}

#[test]
fn a_seat_for_nobody_is_given_back() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    client.sequenced(ClientBody::Join { game: GAME, room: Wanted::Any });
    rig.expect_told("join chess ann");
    let session = client.session;
    client.say(ClientBody::Bye);
    rig.closed(&mut client);
    rig.say(Outbound::Joined { session, room: ROOM, game: GAME, label: "", hz: 20, tick: 5 });
    rig.expect_told("leave");
}

#[test]
fn a_join_that_finds_no_place_in_the_lane_gives_its_name_back() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    let mut other = rig.login("bob");
    (rig.rooms.lock().unwrap().busy, rig.rooms.lock().unwrap().quiet) = (true, false);
    for _ in 0..BATCH_ENTRIES_MAX * 3 / 4 + 1 {
        client.sequenced(ClientBody::Input { op: 0, data: b"x" });
        rig.edge.turn(Some(std::time::Duration::ZERO)).unwrap();
        client.read();
    }
    rig.until("the lane is full", |rig| rig.refused(Reject::WorldBusy) == 1);
    other.sequenced(ClientBody::Join { game: GAME, room: Wanted::Named { name: "den", params: b"" } });
    let message = rig.next(&mut other);
    let ServerBody::Left { code, .. } = ServerView::read(&message).unwrap().body else { panic!("not refused") };
    assert_eq!(Reject::from_code(code), Some(Reject::WorldBusy));
    rig.expect_told("unplace chess Named { name: \"den\", params: [] }");
}

#[test]
fn inputs_wait_for_a_full_lane_up_to_a_bound_and_notices_beyond() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    let mut other = rig.login("bob");
    rig.seat(&mut other, ROOM);
    (rig.rooms.lock().unwrap().busy, rig.rooms.lock().unwrap().quiet) = (true, false);
    let bound = BATCH_ENTRIES_MAX * 3 / 4;
    for _ in 0..bound + 10 {
        client.sequenced(ClientBody::Input { op: 0, data: b"x" });
        rig.edge.turn(Some(std::time::Duration::ZERO)).unwrap();
        client.read();
    }
    rig.until("the refusals", |rig| rig.refused(Reject::WorldBusy) == 10);
    assert_eq!(rig.stats.snapshot().inputs, bound as u64);
    drop(other);
    rig.settle();
    rig.rooms.lock().unwrap().busy = false;
    for _ in 0..bound {
        rig.expect_told("input 0 x");
    }
    rig.expect_told("drop");
}

#[test]
fn inputs_above_their_rate_are_refused_and_then_a_flood() {
    let mut guard = guard_config();
    (guard.inputs.kind, guard.inputs.tolerance) = (rate(1, 3), rate(1, 5));
    let mut rig = Rig::new(Config { guard, ..config() });
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    for _ in 0..9 {
        client.sequenced(ClientBody::Input { op: 0, data: b"x" });
    }
    assert_eq!(rig.closed(&mut client), Some(Reject::InputFlood));
    assert_eq!(rig.refusals(), [("input_rate", 5), ("input_flood", 1)]);
    for _ in 0..3 {
        rig.expect_told("input 0 x");
    }
    rig.expect_told("leave");
}

#[test]
fn who_acknowledges_nothing_is_a_slow_consumer() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    let to = [client.session];
    for n in 0..300 {
        rig.say(Outbound::Event { to: &to, room: ROOM, op: n, data: b"event" });
        rig.settle();
        client.read();
        if client.ended {
            break;
        }
    }
    assert_eq!(rig.closed(&mut client), Some(Reject::SlowConsumer));
    rig.expect_told("leave");
    assert_eq!(rig.edge.sessions.len(), 0);
}

#[test]
fn a_full_socket_gets_the_newest_state() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    let (to, data) = ([client.session], vec![7; 50_000]);
    let last = 400;
    // More than any socket buffers, and nobody reads.
    for tick in 0..=last {
        rig.say(Outbound::State { to: &to, room: ROOM, tick, data: &data });
        rig.edge.turn(Some(std::time::Duration::ZERO)).unwrap();
    }
    let replaced = rig.stats.snapshot().states_replaced;
    assert!(replaced > 0 && rig.edge.conns[0].pending() <= 60_000, "{replaced} {}", rig.edge.conns[0].pending());
    let (mut states, mut newest) = (0, 0);
    rig.until("the newest state", |_| {
        while let Some(message) = client.poll() {
            let ServerBody::State { tick, .. } = ServerView::read(&message).unwrap().body else { continue };
            assert!(tick == 0 || tick > newest, "never back in time");
            (states, newest) = (states + 1, tick);
        }
        newest == last
    });
    assert_eq!(states + replaced, last + 1);
    assert_eq!(rig.refusals(), []);
}

#[test]
fn who_asks_and_does_not_read_is_a_slow_consumer() {
    let mut rig = Rig::new(Config { pending_bytes_max: 320 * 1024, ..config() });
    let mut client = rig.login("ann");
    rig.until("the end", |rig| {
        for _ in 0..200 {
            client.say(ClientBody::Ping { echo: 0, pad: &[0; 64] });
        }
        rig.refused(Reject::SlowConsumer) == 1
    });
    assert_eq!(rig.edge.sessions.len(), 0);
}

#[test]
fn who_reads_always_but_never_all_holds_no_more_memory() {
    // More than the sockets' buffers hold.
    const WAITING: usize = 16 * 1024 * 1024;
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    let (mut buffer, mut read, mut kept_max) = (vec![0; 1024 * 1024], 0, 0);
    rig.until("the bytes", |rig| {
        let conn = &mut rig.edge.conns[0];
        let more = WAITING - conn.pending();
        conn.out.resize(conn.out.len() + more, 0);
        conn.write();
        kept_max = kept_max.max(conn.out.len());
        read += std::io::Read::read(&mut client.socket, &mut buffer).unwrap_or(0);
        read > 4 * WAITING
    });
    assert!(kept_max <= 2 * WAITING, "{kept_max}");
}

#[test]
fn a_leave_that_is_owed_is_not_forgotten_for_a_lost_connection() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    rig.rooms.lock().unwrap().busy = true;
    let other = hillfort_proto::ids::SessionId(0x100);
    while rig.edge.inbound[0].push(Inbound::Drop { session: other, room: ROOM }).is_ok() {}
    client.sequenced(ClientBody::Leave);
    rig.settle();
    client.socket.shutdown(std::net::Shutdown::Both).unwrap();
    rig.until("the end", |rig| rig.stats.snapshot().open_frames == 0);
    rig.rooms.lock().unwrap().busy = false;
    rig.until("the leave", |rig| rig.rooms.lock().unwrap().told.back().is_some_and(|last| last == "leave"));
}

#[test]
fn a_seat_for_nobody_is_given_back_when_the_lane_was_full() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    client.sequenced(ClientBody::Join { game: GAME, room: Wanted::Any });
    rig.expect_told("join chess ann");
    let session = client.session;
    client.say(ClientBody::Bye);
    rig.closed(&mut client);
    assert_eq!(rig.edge.sessions.next_sweep(), None, "no session is left whose sweep could do it");
    rig.rooms.lock().unwrap().busy = true;
    let other = hillfort_proto::ids::SessionId(0x100);
    while rig.edge.inbound[0].push(Inbound::Drop { session: other, room: ROOM }).is_ok() {}
    rig.say(Outbound::Joined { session, room: ROOM, game: GAME, label: "", hz: 20, tick: 5 });
    rig.settle();
    rig.rooms.lock().unwrap().busy = false;
    rig.until("the leave", |rig| rig.rooms.lock().unwrap().told.back().is_some_and(|last| last == "leave"));
}

#[test]
fn all_together_hold_no_more_than_the_budget() {
    const BUDGET: usize = 1024 * 1024;
    let mut rig = Rig::new(Config { outbound_bytes_max: BUDGET, ..config() });
    let mut good = rig.login("good");
    rig.seat(&mut good, ROOM);
    // Each below its own bound of 256 KiB, all of them far above the budget; half of them are away.
    let mut silent: Vec<Client> = (0..10).map(|n| rig.login(&format!("silent{n}"))).collect();
    for client in &mut silent {
        rig.seat(client, ROOM);
    }
    for client in &silent[..5] {
        client.socket.shutdown(std::net::Shutdown::Both).unwrap();
    }
    rig.until("the end of five", |rig| rig.stats.snapshot().open_frames == 6);
    let mut held_max = 0;
    for op in 0..20 {
        for client in &silent {
            rig.batch.push(Outbound::Event { to: &[client.session], room: ROOM, op, data: &[7; 10_000] }).unwrap();
        }
        rig.say(Outbound::State { to: &[good.session], room: ROOM, tick: 2 + u64::from(op), data: &[7; 10_000] });
        rig.settle();
        held_max = held_max.max(rig.edge.outbound_total());
        good.read();
    }
    assert!(held_max > BUDGET / 2 && held_max <= BUDGET + 20_000, "{held_max}");
    let ended = rig.refused(Reject::SlowConsumer);
    assert!(ended >= 5, "{ended}");
    assert_eq!(rig.edge.sessions.len() as u64, 11 - ended);
    assert!(rig.edge.sessions.find(good.session).is_some() && !good.ended);
    for client in silent {
        if let Some(at) = rig.edge.sessions.find(client.session) {
            rig.edge.end_session(at);
        }
    }
    // The good one has not acknowledged that it joined.
    assert!(rig.edge.outbound_total() < 100, "{}", rig.edge.outbound_total());
}
