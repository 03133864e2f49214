//! TCP frames of proven connections: answers, and what is refused.

use hillfort_proto::frame::{self, Framing};
use hillfort_proto::limits::CLIENT_PAYLOAD_BYTES_MAX;
use hillfort_proto::message::{ClientBody, ClientView, Encode, ServerBody, ServerView, Wanted};
use hillfort_proto::reject::Reject;

use super::rig::*;

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

#[test]
fn frames_may_be_cut_anywhere() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    let mut bytes = Vec::new();
    for echo in 0..3 {
        ClientView::unsequenced(ClientBody::Ping { echo, pad: &[7; 40] }).put(Framing::Tcp, &mut bytes);
    }
    for piece in bytes.chunks(7) {
        client.send(piece);
        rig.settle();
    }
    for _ in 0..3 {
        let message = rig.next(&mut client);
        assert!(matches!(ServerView::read(&message).unwrap().body, ServerBody::Pong { .. }));
    }
    let idle = &rig.edge.conns[0];
    assert_eq!((idle.partial.capacity(), idle.out.capacity(), idle.parts.capacity()), (0, 0, 0), "idle connections hold nothing");
}

#[test]
fn each_bad_frame_ends_the_session_by_its_code() {
    let framed = |payload: &[u8]| {
        let mut bytes = frame::write_header(payload.len() as u32).to_vec();
        bytes.extend_from_slice(payload);
        bytes
    };
    let said = |seq, ack, body: ClientBody<'_>| {
        let mut bytes = Vec::new();
        ClientView { seq, ack, body }.put(Framing::Tcp, &mut bytes);
        bytes
    };
    let header = |at: usize, value: u8| {
        let mut bytes = framed(b"");
        bytes[at] = value;
        bytes
    };
    let table: Vec<(Vec<u8>, Reject)> = vec![
        (b"X".to_vec(), Reject::FrameMagic),
        (header(1, 0), Reject::FrameMagic),
        (header(2, 2), Reject::FrameVersion),
        (header(7, 0x55), Reject::FrameCrc),
        (frame::write_header(CLIENT_PAYLOAD_BYTES_MAX as u32 + 1).to_vec(), Reject::FrameLength),
        (frame::write_header(u32::MAX).to_vec(), Reject::FrameLength),
        (framed(b""), Reject::Message),
        (framed(b"\xff\xff\xff"), Reject::Message),
        (said(0, 0, ClientBody::Login { name: "bob" }), Reject::OutOfState),
        (said(2, 0, ClientBody::Leave), Reject::SequenceGap),
        (said(0, 0, ClientBody::Leave), Reject::SequenceGap),
        (said(0, 9, ClientBody::Ack), Reject::AckAhead),
        (said(5, 0, ClientBody::Ping { echo: 0, pad: &[] }), Reject::Message),
    ];
    let mut rig = Rig::new(config());
    for (bytes, expect) in table {
        let before = rig.refused(expect);
        let mut client = rig.login("ann");
        client.send(&bytes);
        assert_eq!(rig.closed(&mut client), Some(expect), "{bytes:02x?}");
        assert_eq!(rig.refused(expect), before + 1, "{expect}");
        assert_eq!(rig.edge.sessions.len(), 0, "{expect}");
        assert_eq!(rig.told(), None, "{expect}");
    }
    // The longest that is allowed is judged by what it says.
    let mut client = rig.login("ann");
    client.send(&framed(&[0xff; CLIENT_PAYLOAD_BYTES_MAX]));
    assert_eq!(rig.closed(&mut client), Some(Reject::Message));
}

#[test]
fn refused_messages_leave_the_session_alone() {
    let mut rig = Rig::new(config());
    let mut client = rig.connect();
    client.send(&hello());
    let check = |rig: &mut Rig, client: &mut Client, expect: Reject| {
        let message = rig.next(client);
        let body = ServerView::read(&message).unwrap().body;
        let (ServerBody::Refused { code, .. } | ServerBody::Left { code, .. }) = body else { panic!("{body:?}") };
        assert_eq!(Reject::from_code(code), Some(expect));
        assert_eq!(rig.refused(expect), 1);
    };
    client.say(ClientBody::Login { name: "\u{7}" });
    check(&mut rig, &mut client, Reject::LoginName);
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
    client.sequenced(ClientBody::Leave);
    check(&mut rig, &mut client, Reject::NotJoined);
    client.sequenced(ClientBody::Input { op: 1, data: &[0; 1025] });
    check(&mut rig, &mut client, Reject::InputLength);
    client.sequenced(ClientBody::Join { game: "go", room: Wanted::Any });
    check(&mut rig, &mut client, Reject::RoomGame);
    client.sequenced(ClientBody::Join { game: GAME, room: Wanted::Room(hillfort_proto::ids::RoomId(0x101)) });
    check(&mut rig, &mut client, Reject::RoomUnknown);
    assert_eq!((rig.edge.sessions.len(), rig.told()), (1, None));
}

#[test]
fn too_many_control_messages_are_a_flood() {
    let mut guard = guard_config();
    (guard.inputs.control, guard.inputs.tolerance) = (rate(1, 10), rate(1, 10));
    let mut rig = Rig::new(crate::Config { guard, ..config() });
    let mut client = rig.login("ann");
    for echo in 0..40 {
        client.say(ClientBody::Ping { echo, pad: &[] });
    }
    assert_eq!(rig.closed(&mut client), Some(Reject::InputFlood));
    assert_eq!(rig.refusals(), [("input_flood", 1), ("control_rate", 10)]);
}
