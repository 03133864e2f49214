//! The client against servers that keep the protocol and servers that do not.

use super::*;

const F: Framing = Framing::Bare;
const TOKEN: [u8; 16] = [7; 16];
const ROOM: RoomId = RoomId(0x301);

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn payload(seq: u64, ack: u64, body: ServerBody<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    ServerView { seq, ack, body }.put(F, &mut out);
    out
}

fn welcome(id: u64, resumed: bool, received: u64) -> Vec<u8> {
    let session = SessionId(id);
    payload(0, 0, ServerBody::Welcome { session, token: &TOKEN, resumed, received, heartbeat_ms: 15_000, resume_ms: 30_000 })
}

fn started() -> Session {
    let mut client = Session::new("Ada");
    client.start(ms(0), F, &mut Vec::new());
    client
}

/// Logged in and in a room; one message sent and not acknowledged.
fn seated() -> Session {
    let mut client = started();
    let mut out = Vec::new();
    client.handle_payload(ms(0), &welcome(1, false, 0), F, &mut out).unwrap();
    client.join("hilltop", Wanted::Any, F, &mut out).unwrap();
    let joined = payload(1, 0, ServerBody::Joined { room: ROOM, game: "hilltop", hz: 20, tick: 0 });
    client.handle_payload(ms(0), &joined, F, &mut out).unwrap();
    client
}

fn first_message(client: &mut Session, at: Time) -> String {
    let mut out = Vec::new();
    client.start(at, F, &mut out);
    match ClientView::read(&out).unwrap().body {
        ClientBody::Login { name } => format!("login {name}"),
        ClientBody::Resume { session, received, .. } => format!("resume {} {received}", session.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_begins_with_resume_while_that_can_work() {
    let check = |lost: u64, back: u64, expect: &str| {
        let mut client = seated();
        client.handle_disconnect(ms(lost));
        assert_eq!(first_message(&mut client, ms(back)), expect, "{lost} {back}");
    };
    check(1_000, 1_001, "resume 1 1");
    check(1_000, 31_000, "resume 1 1");
    check(1_000, 31_001, "login Ada");
    assert_eq!(first_message(&mut Session::new("Bo"), ms(0)), "login Bo");

    // A second loss before the Welcome does not put the end of the window off.
    let mut client = seated();
    client.handle_disconnect(ms(1_000));
    client.start(ms(20_000), F, &mut Vec::new());
    client.handle_disconnect(ms(25_000));
    assert_eq!(first_message(&mut client, ms(31_001)), "login Ada");
}

/// A ticket is shown before each login and never before a resume; a newer one takes its place, and it outlives the session.
#[test]
fn a_ticket_is_shown_before_a_login() {
    let says = |client: &mut Session, at: u64| {
        let mut out = Vec::new();
        client.start(ms(at), Framing::Tcp, &mut out);
        let (mut said, mut rest) = (Vec::new(), &out[..]);
        while let Some(frame) = crate::frame::read(rest, 1024).unwrap() {
            said.push(match ClientView::read(frame.payload).unwrap().body {
                ClientBody::Ticket { ticket } => format!("ticket {ticket:?}"),
                ClientBody::Login { .. } => "login".to_owned(),
                ClientBody::Resume { .. } => "resume".to_owned(),
                other => panic!("{other:?}"),
            });
            rest = &rest[frame.consumed..];
        }
        said.join(", ")
    };
    assert_eq!(says(&mut Session::new("Ada").with_ticket(&[1, 2]), 0), "ticket [1, 2], login");
    assert_eq!(says(&mut Session::new("Ada").with_ticket(&[1; 65]), 0), "login", "that is no ticket");
    let mut client = seated();
    let ticket = |bytes| payload(0, 0, ServerBody::Ticket { ticket: bytes });
    assert_eq!(client.handle_payload(ms(1), &ticket(&[3]), F, &mut Vec::new()), Ok(Some(Event::Ticket)));
    assert_eq!(client.ticket(), [3]);
    client.handle_disconnect(ms(1_000));
    assert_eq!(says(&mut client, 1_001), "resume");
    client.handle_disconnect(ms(1_001));
    assert_eq!(says(&mut client, 32_000), "ticket [3], login");
    let mut client = seated();
    assert_eq!(client.handle_payload(ms(1), &ticket(&[3; 65]), F, &mut Vec::new()), Err(Reject::Message));
}

#[test]
fn after_a_close_the_session_is_resumed_or_forgotten_as_the_code_says() {
    let check = |reject: Reject, resumable: bool, then: &str| {
        let mut client = seated();
        let close = payload(0, 0, ServerBody::close(reject));
        let expect = Event::Closed { code: reject.code(), reason: reject.label(), resumable };
        assert_eq!(client.handle_payload(ms(5), &close, F, &mut Vec::new()), Ok(Some(expect)));
        assert_eq!(client.state(), State::Offline);
        assert_eq!(first_message(&mut client, ms(6)), then);
    };
    check(Reject::HeartbeatLost, true, "resume 1 1");
    check(Reject::Shutdown, false, "login Ada");
    check(Reject::ResumeUnknown, false, "login Ada");
    check(Reject::InputFlood, false, "login Ada");
}

#[test]
fn what_the_server_missed_is_sent_again_after_welcome() {
    let mut client = seated();
    for op in 1..=3 {
        client.input(op, b"x", F, &mut Vec::new()).unwrap();
    }
    client.handle_disconnect(ms(1));
    let mut out = Vec::new();
    client.input(4, b"x", F, &mut out).unwrap();
    assert!(out.is_empty(), "no connection: it waits");
    client.start(ms(2), F, &mut Vec::new());
    let back = welcome(1, true, 3);
    let event = client.handle_payload(ms(3), &back, Framing::Tcp, &mut out);
    assert_eq!(event, Ok(Some(Event::Welcome { session: SessionId(1), resumed: true })));
    let mut ops = Vec::new();
    let mut rest = &out[..];
    while let Some(frame) = crate::frame::read(rest, usize::MAX).unwrap() {
        let view = ClientView::read(frame.payload).unwrap();
        let ClientBody::Input { op, .. } = view.body else { panic!("{view:?}") };
        ops.push((view.seq, op));
        rest = &rest[frame.consumed..];
    }
    // 1 was the Join; 2 and 3 had arrived.
    assert_eq!(ops, [(4, 3), (5, 4)]);
}

#[test]
fn a_server_that_breaks_the_protocol_is_left() {
    let check = |client: &dyn Fn() -> Session, bytes: Vec<u8>, expect| {
        let mut client = client();
        assert_eq!(client.handle_payload(ms(1), &bytes, F, &mut Vec::new()), Err(expect));
        assert_eq!((client.state(), client.id(), client.seat()), (State::Offline, None, Seat::Free));
    };
    let resuming = || {
        let mut client = seated();
        client.handle_disconnect(ms(0));
        client.start(ms(0), F, &mut Vec::new());
        client
    };
    check(&started, payload(0, 0, ServerBody::Ack), Reject::OutOfState);
    check(&started, welcome(1, true, 0), Reject::ResumeUnknown);
    check(&started, welcome(1, false, 1), Reject::ResumeGap);
    check(&resuming, welcome(2, true, 1), Reject::ResumeUnknown);
    check(&resuming, welcome(1, false, 0), Reject::ResumeUnknown);
    check(&resuming, welcome(1, true, 2), Reject::ResumeGap);
    check(&seated, welcome(1, true, 1), Reject::OutOfState);
    check(&seated, vec![], Reject::Message);
    check(&seated, payload(0, 2, ServerBody::Ack), Reject::AckAhead);
    check(&seated, payload(1, 0, ServerBody::Ack), Reject::Message);
    check(&seated, payload(0, 0, ServerBody::Event { op: 1, data: b"" }), Reject::SequenceGap);
    check(&seated, payload(3, 0, ServerBody::Event { op: 1, data: b"" }), Reject::SequenceGap);
}

#[test]
fn what_the_server_would_refuse_is_not_sent() {
    let mut out = Vec::new();
    let mut client = started();
    assert_eq!(client.join("hilltop", Wanted::Any, F, &mut out), Err(Reject::OutOfState));
    assert_eq!(client.input(0, b"", F, &mut out), Err(Reject::NotJoined));
    assert_eq!(client.leave(F, &mut out), Err(Reject::NotJoined));
    client.ping(ms(0), b"", F, &mut out);
    client.handle_payload(ms(0), &welcome(1, false, 0), F, &mut out).unwrap();
    assert_eq!(client.join("Hilltop", Wanted::Any, F, &mut out), Err(Reject::RoomGame));
    assert!(out.is_empty());

    let mut client = seated();
    assert_eq!(client.join("hilltop", Wanted::Any, F, &mut out), Err(Reject::AlreadyJoined));
    assert_eq!(client.input(0, &[0; 1025], F, &mut out), Err(Reject::InputLength));
    assert!(out.is_empty());
    let mut sent = 0;
    while client.input(0, b"", F, &mut out).is_ok() {
        sent += 1;
    }
    assert_eq!((sent, client.unacknowledged()), (255, 256), "the join waits too");
}

#[test]
fn a_challenge_is_answered_once_and_only_on_its_connection() {
    let challenge = |salt: u8, bits| payload(0, 0, ServerBody::Challenge { salt: &[salt; 16], bits });
    let mut client = started();
    let mut out = Vec::new();
    let puzzle = Puzzle::new([1; 16], 8);
    assert_eq!(client.handle_payload(ms(1), &challenge(1, 8), F, &mut out), Ok(Some(Event::Challenge(puzzle))));
    let nonce = puzzle.solve(0, u64::MAX).unwrap();
    client.handle_disconnect(ms(2));
    client.work(nonce, F, &mut out);
    client.start(ms(3), F, &mut Vec::new());
    client.work(nonce, F, &mut out);
    let next = Puzzle::new([2; 16], 8);
    assert_eq!(client.handle_payload(ms(4), &challenge(2, 8), F, &mut out), Ok(Some(Event::Challenge(next))));
    client.work((0..).find(|nonce| !next.verify(*nonce)).unwrap(), F, &mut out);
    assert!(out.is_empty());
    let nonce = next.solve(0, u64::MAX).unwrap();
    client.work(nonce, F, &mut out);
    client.work(nonce, F, &mut out);
    assert_eq!(ClientView::read(&out), Ok(ClientView::unsequenced(ClientBody::Work { nonce })));
    let welcome = welcome(1, false, 0);
    let event = client.handle_payload(ms(5), &welcome, F, &mut out);
    assert_eq!(event, Ok(Some(Event::Welcome { session: SessionId(1), resumed: false })));

    let check = |client: &mut Session, bytes: &[u8], expect| {
        assert_eq!(client.handle_payload(ms(1), bytes, F, &mut Vec::new()), Err(expect));
    };
    check(&mut seated(), &challenge(1, 8), Reject::OutOfState);
    check(&mut started(), &challenge(1, 25), Reject::Work);
    check(&mut started(), &challenge(1, 300), Reject::Work);
    check(&mut started(), &[0x6A, 0], Reject::Work);
    let mut twice = started();
    twice.handle_payload(ms(1), &challenge(1, 24), F, &mut Vec::new()).unwrap();
    check(&mut twice, &challenge(1, 24), Reject::OutOfState);
}

#[test]
fn a_pong_tells_the_round_trip_of_each_ping_on_its_way() {
    let mut client = seated();
    let mut out = Vec::new();
    client.ping(ms(10), b"", F, &mut out);
    client.ping(ms(20), b"", F, &mut out);
    for (echo, at, expect) in [(10, 50, 40), (20, 55, 35)] {
        let pong = payload(0, 0, ServerBody::Pong { echo: ms(echo).0, pad: b"" });
        let round_trip = Duration::from_millis(expect);
        assert_eq!(client.handle_payload(ms(at), &pong, F, &mut out), Ok(Some(Event::Pong { round_trip })));
    }
    assert_eq!(client.round_trip(), Some(Duration::from_millis(35)));
}

#[test]
fn a_silent_server_is_pinged_and_left() {
    let mut client = seated();
    let mut pings = 0;
    let lost = loop {
        let at = client.poll_timeout().unwrap();
        let mut out = Vec::new();
        match client.handle_timeout(at, F, &mut out) {
            Ok(()) => pings += u32::from(!out.is_empty()),
            Err(reject) => break (at.as_millis(), reject),
        }
    };
    // One acknowledgement of Joined, and a ping every 2 s.
    assert_eq!((lost, pings), ((60_000, Reject::HeartbeatLost), 30));
    assert_eq!(client.poll_timeout(), None);
}
