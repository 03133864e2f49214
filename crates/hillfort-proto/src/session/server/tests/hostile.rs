//! Hostile acknowledgements and replayed inputs: each is a stated refusal, or ignored by a rule of docs/protocol.md, and changes nothing.

use super::*;

/// Sits in a room; received 5 messages, sent 9, of which the first 4 were acknowledged.
fn busy() -> Session {
    let mut session = seated();
    for seq in 2..=5 {
        feed(&mut session, ms(1), seq, 0, ClientBody::Input { op: 1, data: &[seq as u8] });
    }
    for number in 2..=9_u8 {
        session.enqueue_event(ROOM, 1, &[number], F, &mut Vec::new()).unwrap();
    }
    assert_eq!(feed(&mut session, ms(1), 0, 4, ClientBody::Ack).0, "-");
    session
}

#[test]
fn an_acknowledgement_that_cannot_be_is_refused_or_ignored() {
    let cases = [
        ("the newest of before, again", 4, "-"),
        ("an older one", 3, "-"),
        ("the first", 1, "-"),
        ("none at all", 0, "-"),
        ("the next to be sent", 10, "! ack_ahead"),
        ("far ahead", 1 << 40, "! ack_ahead"),
        ("half of all numbers", 1 << 63, "! ack_ahead"),
        ("the last number", u64::MAX, "! ack_ahead"),
        ("minus four", 4_u64.wrapping_neg(), "! ack_ahead"),
        ("the bytes in the wrong order", 5_u64.swap_bytes(), "! ack_ahead"),
    ];
    let before = format!("{:?}", busy());
    for (name, ack, expect) in cases {
        let mut session = busy();
        assert_eq!(feed(&mut session, ms(1), 0, ack, ClientBody::Ack), (expect.to_owned(), "-".to_owned()), "{name}");
        assert_eq!(format!("{session:?}"), before, "{name}");
        // With an input on its back it is the same: the input is heard, or nothing is.
        let mut session = busy();
        let (event, _) = feed(&mut session, ms(1), 6, ack, ClientBody::Input { op: 2, data: b"x" });
        assert_eq!(event.starts_with("Input"), expect == "-", "{name}: {event}");
        if expect != "-" {
            assert_eq!((event.as_str(), format!("{session:?}")), (expect, before.clone()), "{name}");
        }
    }
    // What is true is taken.
    let mut session = busy();
    assert_eq!(feed(&mut session, ms(1), 0, 9, ClientBody::Ack).0, "-");
    assert_ne!(format!("{session:?}"), before);
    // Nothing was sent yet: not even the first can be acknowledged.
    assert_eq!(feed(&mut opened(), ms(0), 0, 1, ClientBody::Ack).0, "! ack_ahead");
}

#[test]
fn an_acknowledgement_cut_short_is_malformed() {
    let whole = payload(0, 300, ClientBody::Ack);
    let before = format!("{:?}", busy());
    let mut refused = 0;
    for len in 0..whole.len() {
        let mut session = busy();
        let result = session.handle_payload(ms(1), &whole[..len], F, &mut Vec::new());
        assert!(matches!(result, Err(Reject::Message)), "{len} bytes: {result:?}");
        assert_eq!(format!("{session:?}"), before);
        refused += 1;
    }
    assert!(refused >= 2);
}

#[test]
fn a_replayed_input_is_never_heard_again() {
    let mut session = busy();
    let before = format!("{session:?}");
    // Byte for byte as they came, in any order, and others under their numbers.
    for seq in [5, 1, 3, 2, 4, 5, 5] {
        for data in [&[seq as u8][..], b"another", b""] {
            assert_eq!(feed(&mut session, ms(1), seq, 0, ClientBody::Input { op: 1, data }), ("-".to_owned(), "-".to_owned()));
        }
        assert_eq!(feed(&mut session, ms(1), seq, 0, ClientBody::Leave).0, "-", "nor does a replay make it leave");
    }
    assert_eq!(format!("{session:?}"), before);
    for seq in [0, 7, 1 << 32, u64::MAX] {
        let mut session = busy();
        assert_eq!(feed(&mut session, ms(1), seq, 0, ClientBody::Input { op: 1, data: b"" }).0, "! sequence_gap", "{seq}");
        assert_eq!(format!("{session:?}"), before);
    }
    assert!(feed(&mut session, ms(1), 6, 0, ClientBody::Input { op: 1, data: b"" }).0.starts_with("Input"));
}

#[test]
fn a_replay_after_a_resume_is_the_same() {
    let mut session = busy();
    session.handle_disconnect(ms(2));
    for (received, expect) in [(3, Err(Reject::ResumeGap)), (10, Err(Reject::ResumeGap)), (u64::MAX, Err(Reject::ResumeGap))] {
        let before = format!("{session:?}");
        assert_eq!(session.resume(ms(3), &TOKEN, received, F, &mut Vec::new()), expect, "{received}");
        assert_eq!(format!("{session:?}"), before);
    }
    session.resume(ms(3), &TOKEN, 9, F, &mut Vec::new()).unwrap();
    for seq in 1..=5 {
        assert_eq!(feed(&mut session, ms(3), seq, 0, ClientBody::Input { op: 1, data: &[seq as u8] }).0, "-");
    }
    assert_eq!(feed(&mut session, ms(3), 0, 10, ClientBody::Ack).0, "! ack_ahead");
}
