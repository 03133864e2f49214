//! TCP frames: hello, login, ping; what is refused, and how.

use super::rig::*;
use hillfort_proto::message::{ClientBody, ServerBody, ServerView};

#[test]
fn pings_of_one_write_are_answered_in_order() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    for echo in 0..16 {
        client.say(ClientBody::Ping { echo, pad: b"pad" });
    }
    for expect in 0..16 {
        let message = rig.next(&mut client);
        let ServerBody::Pong { echo, pad } = ServerView::read(&message).unwrap().body else { panic!("no pong") };
        assert_eq!((echo, pad), (expect, &b"pad"[..]));
    }
    let snapshot = rig.stats.snapshot();
    assert_eq!((snapshot.accepted, snapshot.open_frames, snapshot.frames_in, snapshot.frames_out), (1, 1, 17, 17));
    assert_eq!(rig.refusals(), []);
}
