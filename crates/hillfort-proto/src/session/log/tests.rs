//! The log of what is not acknowledged, and the count of what was received, at their edges.

use super::*;

fn push(log: &mut Log, payload: &[u8]) -> Result<(), Reject> {
    log.push(payload.len(), |bytes| bytes.extend_from_slice(payload)).map(|_| ())
}

fn replayed(log: &Log) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    log.replay(Framing::Tcp, &mut out);
    let mut rest = &out[..];
    let mut payloads = Vec::new();
    while let Some(frame) = crate::frame::read(rest, usize::MAX).unwrap() {
        payloads.push(frame.payload.to_vec());
        rest = &rest[frame.consumed..];
    }
    payloads
}

#[test]
fn what_is_not_acknowledged_is_replayed_in_order() {
    let mut log = Log::default();
    for payload in ["one", "two", "three"] {
        push(&mut log, payload.as_bytes()).unwrap();
    }
    assert_eq!((log.next(), log.acknowledged(), log.waiting()), (4, 0, 3));
    log.on_ack(2).unwrap();
    log.on_ack(1).unwrap();
    assert_eq!(replayed(&log), [b"three"]);
    assert_eq!(log.on_ack(4), Err(Reject::AckAhead));
    log.on_ack(3).unwrap();
    assert!(replayed(&log).is_empty());
    assert_eq!((log.next(), log.acknowledged(), log.waiting()), (4, 3, 0));
}

#[test]
fn it_is_bounded_in_messages_and_in_bytes() {
    let mut log = Log::default();
    for _ in 0..UNACKED_MESSAGES_MAX {
        push(&mut log, b"x").unwrap();
    }
    assert_eq!(push(&mut log, b"x"), Err(Reject::SlowConsumer));
    log.on_ack(1).unwrap();
    assert_eq!(push(&mut log, b"x"), Ok(()));

    let mut log = Log::default();
    push(&mut log, &vec![1; UNACKED_BYTES_MAX - 1]).unwrap();
    assert_eq!(push(&mut log, b"xx"), Err(Reject::SlowConsumer));
    assert_eq!(push(&mut log, b"x"), Ok(()));
    assert_eq!(log.next(), 3, "a message that did not fit took no number");
}

#[test]
fn its_memory_stays_bounded_in_a_long_life_and_goes_when_it_is_quiet() {
    let mut log = Log::default();
    for round in 0..10_000u64 {
        push(&mut log, &[0; 100]).unwrap();
        if round >= 8 {
            log.on_ack(round - 8).unwrap();
        }
        assert!(log.bytes.len() < 4096, "{}", log.bytes.len());
    }
    log.on_ack(10_000).unwrap();
    log.release();
    assert_eq!(log.bytes.capacity(), 0);

    push(&mut log, &vec![0; 60_000]).unwrap();
    log.on_ack(10_001).unwrap();
    assert_eq!(log.bytes.capacity(), 0, "a large buffer is not kept");
}

#[test]
fn numbers_come_once_and_without_a_gap() {
    let mut received = Received::default();
    let check = |received: &mut Received, seq, expect| {
        assert_eq!(received.on_sequenced(Time::ZERO, seq), expect, "{seq} after {}", received.last());
    };
    check(&mut received, 0, Err(Reject::SequenceGap));
    check(&mut received, 2, Err(Reject::SequenceGap));
    check(&mut received, 1, Ok(true));
    check(&mut received, 1, Ok(false));
    check(&mut received, 2, Ok(true));
    check(&mut received, 1, Ok(false));
    check(&mut received, u64::MAX, Err(Reject::SequenceGap));
}

#[test]
fn an_acknowledgement_is_due_after_enough_messages_or_enough_time() {
    let mut received = Received::default();
    assert_eq!(received.ack_due(), None);
    received.on_sequenced(Time::from_millis(10), 1).unwrap();
    received.on_sequenced(Time::from_millis(400), 2).unwrap();
    assert_eq!(received.ack_due(), Some(Time::from_millis(510)));
    assert!(!received.is_ack_due(Time::from_millis(509)) && received.is_ack_due(Time::from_millis(510)));
    assert_eq!((received.take_ack(), received.take_ack(), received.ack_due()), (2, 0, None));

    for seq in 3..3 + ACK_EVERY_MESSAGES - 1 {
        received.on_sequenced(Time::from_millis(600), seq).unwrap();
    }
    assert!(!received.is_ack_due(Time::from_millis(600)));
    received.on_sequenced(Time::from_millis(600), 2 + ACK_EVERY_MESSAGES).unwrap();
    assert!(received.is_ack_due(Time::from_millis(600)));
}
