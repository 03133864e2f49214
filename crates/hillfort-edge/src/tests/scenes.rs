//! Scenes: complete and in order, or anew.

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
use hillfort_proto::route::Outbound;

use super::rig::*;

const ROOM: RoomId = RoomId(0x100);

fn scene(rig: &mut Rig, client: &Client, anew: bool, data: &[u8]) {
    rig.say(Outbound::Scene { session: client.session, room: ROOM, anew, data });
}

/// Beginnings of the packets that came.
fn came(rig: &mut Rig, client: &mut Client) -> Vec<u8> {
    let mut got = Vec::new();
    for _ in 0..3 {
        rig.settle();
        while let Some(message) = client.poll() {
            if let ServerBody::Scene { data } = ServerView::read(&message).unwrap().body {
                got.push(data[0]);
            }
        }
    }
    got
}

#[test]
fn packets_come_in_order() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    scene(&mut rig, &client, true, &[1]);
    scene(&mut rig, &client, false, &[2]);
    scene(&mut rig, &client, false, &[3]);
    assert_eq!(came(&mut rig, &mut client), [1, 2, 3]);
}

#[test]
fn a_full_socket_loses_what_follows_and_begins_anew() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    let long = vec![1; 50_000];
    scene(&mut rig, &client, true, &long);
    let mut sent = 1;
    while rig.stats.snapshot().scenes_lost == 0 {
        scene(&mut rig, &client, false, &long);
        sent += 1;
        assert!(sent < 1_000, "no socket holds so much");
        rig.edge.turn(Some(std::time::Duration::ZERO)).unwrap();
    }
    let mut got = came(&mut rig, &mut client).len();
    rig.until("room in the socket", |rig| {
        got += came(rig, &mut client).len();
        got == sent - 1
    });
    // The room is told at once: it may have nothing new to say for long.
    rig.expect_told("resync");
    // What follows does not fit to what the client has.
    scene(&mut rig, &client, false, &[2]);
    scene(&mut rig, &client, false, &[3]);
    assert_eq!(came(&mut rig, &mut client), Vec::<u8>::new());
    scene(&mut rig, &client, true, &[4]);
    scene(&mut rig, &client, false, &[5]);
    assert_eq!(came(&mut rig, &mut client), [4, 5]);
}

#[test]
fn a_client_may_ask_anew_at_the_rate_of_control_messages() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    client.say(ClientBody::Resync);
    rig.seat(&mut client, ROOM);
    scene(&mut rig, &client, true, &[1]);
    assert_eq!(came(&mut rig, &mut client), [1]);
    client.say(ClientBody::Resync);
    rig.expect_told("resync");
    scene(&mut rig, &client, false, &[2]);
    scene(&mut rig, &client, true, &[3]);
    assert_eq!(came(&mut rig, &mut client), [3]);
    assert_eq!(rig.refusals(), []);
}
