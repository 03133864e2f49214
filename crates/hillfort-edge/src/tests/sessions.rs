//! Sessions that outlive their connections, over TCP frames. The same over WebSocket is in `websocket`.

use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::Outbound;

use super::rig::*;
use crate::Config;

const ROOM: RoomId = RoomId(0x100);

fn resume(rig: &mut Rig, of: &Client, token: [u8; 16], received: u64) -> Client {
    let mut client = rig.connect();
    client.send(&hello());
    client.say(ClientBody::Resume { session: of.session, token: &token, received });
    client
}

#[test]
fn nothing_is_lost_over_a_cut_connection() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    let to = [client.session];
    rig.say(Outbound::Event { to: &to, room: ROOM, op: 1, data: b"seen" });
    rig.next(&mut client);
    drop(std::mem::replace(&mut client.socket, std::net::TcpStream::connect(rig.addr(crate::Door::Frames)).unwrap()));
    rig.expect_told("drop");
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.stats.snapshot().sessions_detached, 1);
    rig.say(Outbound::Event { to: &to, room: ROOM, op: 2, data: b"missed" });
    rig.say(Outbound::State { to: &to, room: ROOM, tick: 3, data: b"old" });
    rig.settle();
    let token = client.token;
    // Seen so far: Joined and one event.
    let mut back = resume(&mut rig, &client, token, 2);
    let message = rig.next(&mut back);
    let body = ServerView::read(&message).unwrap().body;
    assert!(matches!(body, ServerBody::Welcome { resumed: true, .. }), "{body:?}");
    let message = rig.next(&mut back);
    let view = ServerView::read(&message).unwrap();
    assert_eq!((view.seq, view.body), (3, ServerBody::Event { op: 2, data: b"missed" }));
    rig.expect_told("reconnect");
    rig.settle();
    assert_eq!(back.poll(), None, "nothing is doubled");
    rig.pass(Duration::from_secs(1));
    let snapshot = rig.stats.snapshot();
    assert_eq!((snapshot.sessions_live, snapshot.sessions_detached), (1, 0));
}

#[test]
fn an_end_right_behind_the_last_words_is_seen() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    client.sequenced(ClientBody::Input { op: 1, data: b"last" });
    client.socket.shutdown(std::net::Shutdown::Write).unwrap();
    rig.expect_told("input 1 last");
    rig.expect_told("drop");
    rig.settle();
    assert_eq!(rig.stats.snapshot().open_frames, 0);
}

#[test]
fn a_second_connection_replaces_the_first() {
    let mut rig = Rig::new(config());
    let mut first = rig.login("ann");
    rig.seat(&mut first, ROOM);
    let token = first.token;
    let mut second = resume(&mut rig, &first, token, 1);
    rig.welcome(&mut second);
    assert_eq!(rig.closed(&mut first), Some(Reject::Replaced));
    second.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut second);
    assert_eq!(rig.told(), None, "the room has missed nothing");
}

#[test]
fn each_bad_resume_has_its_refusal() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    let (good, unknown) = (client.session, hillfort_proto::ids::SessionId(client.session.0 ^ 1 << 40));
    let token = client.token;
    let mut wrong = token;
    wrong[15] ^= 1;
    for (session, token, received, expect) in
        [(good, wrong, 0, Reject::ResumeToken), (unknown, token, 0, Reject::ResumeUnknown), (good, token, 9, Reject::ResumeGap)]
    {
        client.session = session;
        let mut other = resume(&mut rig, &client, token, received);
        assert_eq!(rig.closed(&mut other), Some(expect));
    }
    client.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut client);
    assert_eq!(rig.edge.sessions.len(), 1, "the session is as it was");
}

#[test]
fn who_stays_away_too_long_is_gone() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    let (session, token) = (client.session, client.token);
    drop(client);
    rig.expect_told("drop");
    for _ in 0..40 {
        rig.pass(Duration::from_secs(1));
    }
    rig.expect_told("leave");
    assert_eq!((rig.edge.sessions.len(), rig.edge.sessions.next_sweep()), (0, None));
    let mut late = rig.connect();
    late.send(&hello());
    late.say(ClientBody::Resume { session, token: &token, received: 1 });
    assert_eq!(rig.closed(&mut late), Some(Reject::ResumeUnknown));
}

#[test]
fn silence_is_asked_about_and_then_ends_the_connection() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    let (mut pings, mut stale) = (0, false);
    for _ in 0..70 {
        rig.pass(Duration::from_secs(1));
        stale |= rig.stats.snapshot().sessions_stale == 1;
        while let Some(message) = client.poll() {
            pings += usize::from(matches!(ServerView::read(&message).unwrap().body, ServerBody::Ping { .. }));
        }
    }
    assert!(pings >= 3 && stale, "{pings} {stale}");
    assert_eq!(rig.refusals(), [("heartbeat_lost", 1)]);
    assert_eq!(rig.edge.sessions.len(), 1, "it may come back");
}

#[test]
fn who_is_away_longest_makes_room_and_who_has_a_seat_last() {
    let mut rig = Rig::new(Config { sessions_max: 4, ..config() });
    let mut ann = rig.login("ann");
    rig.seat(&mut ann, ROOM);
    let (bob, eve, _here) = (rig.login("bob"), rig.login("eve"), rig.login("dan"));
    let away = |rig: &mut Rig, client: &Client| {
        let open = rig.stats.snapshot().open_frames;
        client.socket.shutdown(std::net::Shutdown::Both).unwrap();
        rig.until("the end", |rig| rig.stats.snapshot().open_frames == open - 1);
    };
    away(&mut rig, &ann);
    rig.expect_told("drop");
    away(&mut rig, &bob);
    away(&mut rig, &eve);
    // Back in time: bob is no longer the one who is away longest, and away again he is the last.
    let mut back = resume(&mut rig, &bob, bob.token, 0);
    rig.welcome(&mut back);
    away(&mut rig, &back);
    let left = |rig: &Rig| [&ann, &bob, &eve].map(|client| rig.edge.sessions.find(client.session).is_some());
    let _fay = rig.login("fay");
    assert_eq!(left(&rig), [true, true, false]);
    let _gus = rig.login("gus");
    assert_eq!(left(&rig), [true, false, false]);
    assert_eq!(rig.told(), None);
    let _hal = rig.login("hal");
    assert_eq!(left(&rig), [false, false, false]);
    rig.expect_told("leave");
    let mut late = rig.connect();
    late.send(&hello());
    late.say(ClientBody::Login { name: "ivy" });
    assert_eq!(rig.closed(&mut late), Some(Reject::SessionsFull), "who is here stays");
    assert_eq!((rig.edge.sessions.len(), rig.stats.snapshot().sessions_shed), (4, 3));
}

#[test]
fn goodbye_ends_at_once() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    client.say(ClientBody::Bye);
    assert_eq!(rig.closed(&mut client), Some(Reject::Goodbye));
    rig.expect_told("leave");
    assert_eq!((rig.edge.sessions.len(), rig.refusals()), (0, vec![]));
}

#[test]
fn players_are_listed_up_to_a_bound() {
    let mut rig = Rig::new(config());
    let mut clients: Vec<Client> = ["ann", "bob", "eve"].into_iter().map(|name| rig.login(name)).collect();
    rig.seat(&mut clients[0], ROOM);
    rig.pass(Duration::from_secs(3));
    let message = rig.next(&mut clients[0]);
    let ServerBody::Ping { echo, .. } = ServerView::read(&message).unwrap().body else { panic!("no ping") };
    clients[0].say(ClientBody::Pong { echo, pad: &[] });
    rig.settle();
    let mut answer = rig.control.players(2).unwrap();
    rig.settle();
    let players = answer.try_recv().unwrap();
    assert_eq!(players.len(), 2);
    assert_eq!((players[0].name.as_str(), players[0].room, players[0].session), ("ann", Some(ROOM), clients[0].session));
    assert_eq!(players[0].peer, Some(clients[0].socket.local_addr().unwrap()));
    assert!(players[0].rtt_us.is_some() && players[1].rtt_us.is_none());
    rig.pass(Duration::from_secs(1));
    let snapshot = rig.stats.snapshot();
    assert_eq!((snapshot.sessions_live, snapshot.rtt_us_max > 0), (3, true));
}
