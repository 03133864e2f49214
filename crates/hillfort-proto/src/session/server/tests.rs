//! Each state of the server against each message, and its deadlines.

use super::*;
use crate::ids::RoomId;
use crate::limits::{ACK_EVERY_MESSAGES, LATENCY_PING, UNACKED_MESSAGES_MAX};

mod hostile;

const F: Framing = Framing::Bare;
const ID: SessionId = SessionId(0x2A00);
const TOKEN: [u8; 16] = [7; 16];
const ROOM: RoomId = RoomId(0x301);

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn payload(seq: u64, ack: u64, body: ClientBody<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    ClientView { seq, ack, body }.put(F, &mut out);
    out
}

fn opened() -> Session {
    let mut session = Session::new(ms(0));
    let login = payload(0, 0, ClientBody::Login { name: "Ada" });
    session.handle_payload(ms(0), &login, F, &mut Vec::new()).unwrap();
    session.accept_login(ms(0), ID, TOKEN, F, &mut Vec::new()).unwrap();
    session
}

/// Sits in a room; 1 message received, 1 sent.
fn seated() -> Session {
    let mut session = opened();
    let join = payload(1, 0, ClientBody::Join { game: "hilltop", room: Wanted::Any });
    session.handle_payload(ms(0), &join, F, &mut Vec::new()).unwrap();
    assert_eq!(session.enqueue_joined(ROOM, "hilltop", 20, 0, F, &mut Vec::new()), Ok(true));
    session
}

/// What the session did with one message: its event or reject, and what it answered (nothing or one message).
fn feed(session: &mut Session, at: Time, seq: u64, ack: u64, body: ClientBody<'_>) -> (String, String) {
    let bytes = payload(seq, ack, body);
    let mut out = Vec::new();
    let result = match session.handle_payload(at, &bytes, F, &mut out) {
        Ok(Some(event)) => format!("{event:?}"),
        Ok(None) => "-".into(),
        Err(reject) => format!("! {reject}"),
    };
    (result, said(&out))
}

fn said(out: &[u8]) -> String {
    if out.is_empty() {
        return "-".into();
    }
    let view = ServerView::read(out).unwrap();
    let kind = match view.body {
        ServerBody::Refused { reason, .. } => format!("Refused {reason}"),
        ServerBody::Left { reason, .. } => format!("Left {reason}"),
        ServerBody::Pong { echo, .. } => format!("Pong {echo}"),
        ServerBody::Ping { .. } => "Ping".into(),
        ServerBody::Ack => format!("Ack {}", view.ack),
        ServerBody::Welcome { resumed, received, .. } => format!("Welcome {resumed} {received}"),
        ServerBody::Challenge { bits, .. } => format!("Challenge {bits}"),
        other => format!("{other:?}"),
    };
    if view.seq == 0 { kind } else { format!("#{} {kind}", view.seq) }
}

#[test]
fn each_state_takes_its_messages_and_refuses_the_others() {
    let check = |session: &dyn Fn() -> Session, seq, body: ClientBody<'_>, event: &str, answer: &str| {
        let got = feed(&mut session(), ms(1), seq, 0, body);
        assert_eq!((got.0.as_str(), got.1.as_str()), (event, answer), "{body:?}");
    };
    let fresh = || Session::new(ms(0));
    let detached = || {
        let mut session = opened();
        session.handle_disconnect(ms(0));
        session
    };
    let (input, ping) = (ClientBody::Input { op: 2, data: b"x" }, ClientBody::Ping { echo: 9, pad: b"" });
    let join = ClientBody::Join { game: "hilltop", room: Wanted::Any };
    let login = ClientBody::Login { name: "Ada" };
    let resume = ClientBody::Resume { session: ID, token: &TOKEN, received: 3 };

    check(&fresh, 0, login, "Login { name: \"Ada\" }", "-");
    check(&fresh, 0, ClientBody::Login { name: "" }, "Refused(LoginName)", "Refused login_name");
    check(&fresh, 0, resume, &format!("Resume {{ session: SessionId(10752), token: {TOKEN:?}, received: 3 }}"), "-");
    check(&fresh, 5, login, "! message", "-");
    check(&fresh, 0, ClientBody::Ticket { ticket: &[7; 64] }, &format!("Ticket {{ ticket: {:?} }}", [7; 64]), "-");
    check(&fresh, 0, ClientBody::Ticket { ticket: &[7; 65] }, "! message", "-");
    check(&opened, 0, ClientBody::Ticket { ticket: &[7] }, "! out_of_state", "-");
    check(&detached, 0, ClientBody::Ticket { ticket: &[7] }, "! out_of_state", "-");
    for body in [ping, ClientBody::Ack, ClientBody::Bye, ClientBody::Pong { echo: 0, pad: b"" }, ClientBody::Work { nonce: 0 }] {
        check(&fresh, 0, body, "! out_of_state", "-");
        check(&detached, 0, body, "! out_of_state", "-");
    }

    check(&opened, 0, login, "! out_of_state", "-");
    check(&opened, 0, resume, "! out_of_state", "-");
    check(&opened, 0, ClientBody::Work { nonce: 0 }, "! out_of_state", "-");
    check(&opened, 0, ping, "-", "Pong 9");
    check(&opened, 1, ping, "! message", "-");
    check(&opened, 0, ClientBody::Ping { echo: 9, pad: &[0; 65] }, "! message", "-");
    check(&opened, 0, ClientBody::Ack, "-", "-");
    check(&opened, 0, ClientBody::Bye, "Bye", "-");
    check(&opened, 1, join, "Join { game: \"hilltop\", room: Any }", "-");
    check(&opened, 1, ClientBody::Join { game: "No", room: Wanted::Any }, "Refused(RoomGame)", "#1 Left room_game");
    check(&opened, 1, ClientBody::Leave, "Refused(NotJoined)", "Refused not_joined");
    check(&opened, 1, input, "Refused(NotJoined)", "Refused not_joined");
    check(&opened, 0, input, "! sequence_gap", "-");
    check(&opened, 2, input, "! sequence_gap", "-");

    check(&seated, 2, input, "Input { room: RoomId(769), op: 2, data: [120] }", "-");
    check(&seated, 1, input, "-", "-");
    check(&seated, 2, ClientBody::Input { op: 2, data: &[0; 1025] }, "Refused(InputLength)", "Refused input_length");
    check(&seated, 2, join, "Refused(AlreadyJoined)", "Refused already_joined");
    check(&seated, 2, ClientBody::Leave, "Leave { room: RoomId(769) }", "-");
}

#[test]
fn what_was_refused_counts_as_received() {
    let mut session = opened();
    assert_eq!(feed(&mut session, ms(0), 1, 0, ClientBody::Input { op: 0, data: b"" }).1, "Refused not_joined");
    assert_eq!(feed(&mut session, ms(0), 2, 0, ClientBody::Leave).0, "Refused(NotJoined)");
    assert_eq!(feed(&mut session, ms(0), 4, 0, ClientBody::Leave).0, "! sequence_gap");
}

#[test]
fn acknowledging_what_was_never_sent_is_refused() {
    let mut session = seated();
    assert_eq!(feed(&mut session, ms(0), 0, 1, ClientBody::Ack).0, "-");
    assert_eq!(feed(&mut session, ms(0), 0, 2, ClientBody::Ack).0, "! ack_ahead");
}

#[test]
fn a_join_gets_exactly_one_answer_and_stale_ones_are_ignored() {
    let mut out = Vec::new();
    let mut session = opened();
    assert_eq!(session.enqueue_joined(ROOM, "hilltop", 20, 0, F, &mut out), Ok(false));
    session.enqueue_join_refused(Reject::RoomFull, F, &mut out).unwrap();
    session.enqueue_left(ROOM, None, F, &mut out).unwrap();
    session.enqueue_event(ROOM, 1, b"x", F, &mut out).unwrap();
    session.enqueue_state(ROOM, 1, b"x", F, &mut out);
    assert!(out.is_empty(), "nobody asked for a seat");

    feed(&mut session, ms(0), 1, 0, ClientBody::Join { game: "hilltop", room: Wanted::Any });
    session.enqueue_join_refused(Reject::RoomFull, F, &mut out).unwrap();
    assert_eq!((said(&out).as_str(), session.seat()), ("#1 Left room_full", Seat::Free));

    let mut session = seated();
    out.clear();
    session.enqueue_event(RoomId(999), 1, b"x", F, &mut out).unwrap();
    session.enqueue_left(RoomId(999), None, F, &mut out).unwrap();
    assert!(out.is_empty(), "another room");
    session.enqueue_left(ROOM, Some(Reject::RoomCrashed), F, &mut out).unwrap();
    assert_eq!((said(&out).as_str(), session.seat()), ("#2 Left room_crashed", Seat::Free));
}

#[test]
fn an_answer_carries_the_acknowledgement_that_is_due() {
    let mut session = seated();
    feed(&mut session, ms(0), 2, 0, ClientBody::Input { op: 0, data: b"" });
    let mut out = Vec::new();
    session.enqueue_state(ROOM, 4, b"map", F, &mut out);
    assert_eq!(ServerView::read(&out).unwrap().ack, 2);
    out.clear();
    session.enqueue_state(ROOM, 5, b"map", F, &mut out);
    assert_eq!(ServerView::read(&out).unwrap().ack, 0, "said once");

    for seq in 3..2 + ACK_EVERY_MESSAGES {
        assert_eq!(feed(&mut session, ms(1), seq, 0, ClientBody::Input { op: 0, data: b"" }).1, "-");
    }
    assert_eq!(feed(&mut session, ms(1), 34, 0, ClientBody::Input { op: 0, data: b"" }).1, "Ack 34");
    feed(&mut session, ms(10), 35, 0, ClientBody::Input { op: 0, data: b"" });
    assert_eq!(session.poll_timeout(), Some(ms(510)));
    out.clear();
    session.handle_timeout(ms(510), F, &mut out).unwrap();
    assert_eq!(said(&out), "Ack 35");
}

#[test]
fn a_silent_client_is_pinged_then_stale_then_dropped() {
    let mut session = opened();
    let mut said_at = Vec::new();
    let lost = loop {
        let at = session.poll_timeout().unwrap();
        let mut out = Vec::new();
        match session.handle_timeout(at, F, &mut out) {
            Ok(()) => said_at.push((at.as_millis(), said(&out), session.is_stale(at))),
            Err(reject) => break (at.as_millis(), reject),
        }
    };
    let ping = |at, stale| (at, "Ping".to_owned(), stale);
    assert_eq!(said_at, [ping(15_000, false), ping(30_000, true), ping(45_000, true)]);
    assert_eq!(lost, (60_000, Reject::HeartbeatLost));
    assert_eq!((session.state(), session.poll_timeout()), (State::Detached, Some(ms(90_000))));
    assert_eq!(session.handle_timeout(ms(90_000), F, &mut Vec::new()), Ok(()));
    assert_eq!(session.handle_timeout(ms(90_001), F, &mut Vec::new()), Err(Reject::ResumeUnknown));
    assert_eq!((session.state(), session.poll_timeout()), (State::Ended, None));
}

#[test]
fn any_message_puts_the_heartbeat_off() {
    let mut session = opened();
    feed(&mut session, ms(14_999), 0, 0, ClientBody::Ack);
    assert_eq!(session.poll_timeout(), Some(ms(29_999)));
    assert_eq!(session.heard(), ms(14_999));
}

#[test]
fn in_a_room_the_round_trip_is_measured_and_cannot_be_made_up() {
    let mut session = seated();
    assert_eq!(session.poll_timeout(), Some(Time::ZERO + LATENCY_PING));
    session.handle_timeout(ms(2000), F, &mut Vec::new()).unwrap();
    feed(&mut session, ms(2001), 0, 0, ClientBody::Pong { echo: 0, pad: b"" });
    assert_eq!(session.round_trip(), None, "not the answer to our ping");
    feed(&mut session, ms(2040), 0, 0, ClientBody::Pong { echo: ms(2000).0, pad: b"" });
    assert_eq!(session.round_trip(), Some(Duration::from_millis(40)));
    feed(&mut session, ms(3000), 0, 0, ClientBody::Pong { echo: ms(2000).0, pad: b"" });
    assert_eq!(session.round_trip(), Some(Duration::from_millis(40)), "answered already");
    session.handle_timeout(ms(4000), F, &mut Vec::new()).unwrap();
    feed(&mut session, ms(4010), 0, 0, ClientBody::Pong { echo: ms(4000).0, pad: b"" });
    assert_eq!(session.round_trip(), Some(Duration::from_millis(10)), "the last one, not a mean");
}

#[test]
fn a_login_has_its_time_and_its_order() {
    let mut session = Session::new(ms(5));
    assert_eq!(session.poll_timeout(), Some(ms(10_005)));
    assert_eq!(session.accept_login(ms(5), ID, TOKEN, F, &mut Vec::new()), Err(Reject::OutOfState));
    assert_eq!(session.handle_timeout(ms(10_005), F, &mut Vec::new()), Ok(()));
    assert_eq!(session.handle_timeout(ms(10_006), F, &mut Vec::new()), Err(Reject::LoginSlow));

    let mut session = opened();
    assert_eq!((session.id(), session.name(), session.state()), (ID, "Ada", State::Open));
    assert_eq!(session.accept_login(ms(5), ID, TOKEN, F, &mut Vec::new()), Err(Reject::OutOfState));
}

#[test]
fn resume_judges_time_token_and_what_the_client_says_it_has() {
    let events = |count: u32| {
        let mut session = seated();
        for op in 1..=count {
            session.enqueue_event(ROOM, op, b"", F, &mut Vec::new()).unwrap();
        }
        feed(&mut session, ms(0), 0, 2, ClientBody::Ack);
        session
    };
    let check = |at: u64, token: &[u8; 16], received, expect: Result<&str, Reject>| {
        let mut session = events(3);
        session.handle_disconnect(ms(100));
        let mut out = Vec::new();
        let result = session.resume(ms(at), token, received, Framing::Tcp, &mut out);
        assert_eq!(result, expect.map(|_| ()), "{at} {received}");
        let mut all = Vec::new();
        let mut rest = &out[..];
        while let Some(frame) = crate::frame::read(rest, usize::MAX).unwrap() {
            all.push(said(frame.payload));
            rest = &rest[frame.consumed..];
        }
        assert_eq!(all.join(", "), expect.unwrap_or(""), "{at} {received}");
        assert_eq!(session.state() == State::Open, expect.is_ok());
    };
    // Sent: 1 Joined, 2–4 events; 2 acknowledged.
    check(30_100, &TOKEN, 3, Ok("Welcome true 1, #4 Event { op: 3, data: [] }"));
    check(200, &TOKEN, 2, Ok("Welcome true 1, #3 Event { op: 2, data: [] }, #4 Event { op: 3, data: [] }"));
    check(200, &TOKEN, 4, Ok("Welcome true 1"));
    check(30_101, &TOKEN, 3, Err(Reject::ResumeUnknown));
    check(200, &[8; 16], 3, Err(Reject::ResumeToken));
    check(200, &TOKEN, 1, Err(Reject::ResumeGap));
    check(200, &TOKEN, 5, Err(Reject::ResumeGap));

    let mut fresh = Session::new(ms(0));
    assert_eq!(fresh.resume(ms(0), &[0; 16], 0, F, &mut Vec::new()), Err(Reject::ResumeUnknown));
    let mut ended = opened();
    feed(&mut ended, ms(0), 0, 0, ClientBody::Bye);
    assert_eq!(ended.resume(ms(0), &TOKEN, 0, F, &mut Vec::new()), Err(Reject::ResumeUnknown));
}

#[test]
fn a_wrong_resume_leaves_the_session_as_it_was() {
    let mut session = seated();
    assert_eq!(session.resume(ms(1), &[0; 16], 0, F, &mut Vec::new()), Err(Reject::ResumeToken));
    assert_eq!(feed(&mut session, ms(1), 0, 0, ClientBody::Ping { echo: 1, pad: b"" }).1, "Pong 1");
}

#[test]
fn without_a_connection_events_wait_and_states_do_not() {
    let mut session = seated();
    session.handle_disconnect(ms(0));
    let mut out = Vec::new();
    session.enqueue_event(ROOM, 7, b"kept", F, &mut out).unwrap();
    session.enqueue_state(ROOM, 1, b"gone", F, &mut out);
    session.enqueue_refused(Reject::InputRate, F, &mut out);
    assert!(out.is_empty());
    session.resume(ms(1), &TOKEN, 1, Framing::Tcp, &mut out).unwrap();
    let welcome = crate::frame::read(&out, 1024).unwrap().unwrap();
    let event = crate::frame::read(&out[welcome.consumed..], 1024).unwrap().unwrap();
    assert_eq!(said(event.payload), format!("#2 {:?}", ServerBody::Event { op: 7, data: b"kept" }));
    assert_eq!(welcome.consumed + event.consumed, out.len());
}

#[test]
fn a_client_that_never_acknowledges_is_a_slow_consumer() {
    let mut session = seated();
    let mut out = Vec::new();
    for _ in 1..UNACKED_MESSAGES_MAX {
        session.enqueue_event(ROOM, 0, b"", F, &mut out).unwrap();
    }
    assert_eq!(session.enqueue_event(ROOM, 0, b"", F, &mut out), Err(Reject::SlowConsumer));
}
