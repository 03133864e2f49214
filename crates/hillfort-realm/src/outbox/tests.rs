//! The outbox before doors that open and close.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use hillfort_proto::route::{BATCH_ENTRIES_MAX, Recycle};

use super::*;

#[derive(Clone, Default)]
struct Doors {
    shut: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<(u8, String)>>>,
}

impl SessionPort for Doors {
    fn edges(&self) -> usize {
        2
    }

    fn submit(&mut self, edge: u8, batch: &mut OutboundBatch) -> bool {
        if self.shut.load(Relaxed) {
            return false;
        }
        self.taken.lock().expect("not poisoned").extend(batch.iter().map(|entry| {
            let what = match entry {
                Outbound::Event { op, .. } => format!("event {op}"),
                Outbound::Scene { session, anew, .. } => format!("scene {} {anew}", session.0),
                Outbound::State { tick, .. } => format!("state {tick}"),
                Outbound::Left { session, reject, .. } => format!("left {} {reject:?}", session.0),
                Outbound::JoinRefused { session, .. } => format!("refused {}", session.0),
                Outbound::Joined { session, .. } => format!("joined {}", session.0),
            };
            (edge, what)
        }));
        batch.clear();
        true
    }
}

const ROOM: RoomId = RoomId(0x1_0000_0000);

#[test]
fn each_edge_gets_its_sessions_and_strangers_none() {
    let doors = Doors::default();
    let mut outbox = Outbox::new(Box::new(doors.clone()));
    outbox.event([0x100, 0x201, 0x102].map(SessionId).into_iter(), ROOM, 7, b"x");
    outbox.state([SessionId(0x201)].into_iter(), ROOM, 3, b"x");
    outbox.left(SessionId(0x1ff), ROOM, None);
    outbox.flush();
    assert!(outbox.is_empty());
    let expect = [(0, "event 7".to_owned()), (1, "event 7".to_owned()), (1, "state 3".to_owned())];
    assert_eq!(*doors.taken.lock().expect("not poisoned"), expect, "edges 2 and 255 are not there");
}

#[test]
fn a_shut_door_loses_states_keeps_events_and_at_last_cuts_sessions() {
    let doors = Doors::default();
    doors.shut.store(true, Relaxed);
    let mut outbox = Outbox::new(Box::new(doors.clone()));
    let session = SessionId(0x100);
    let one = || [session].into_iter();
    outbox.event(one(), ROOM, 0, b"");
    outbox.flush();
    assert!(outbox.is_congested(0));
    assert!(!outbox.is_congested(1));
    outbox.state(one(), ROOM, 1, b"");
    assert_eq!(outbox.states_dropped, 1);
    let kept = BATCH_ENTRIES_MAX * (1 + BACKLOG_BATCHES);
    (1..kept).for_each(|op| outbox.event(one(), ROOM, op as u32, b""));
    assert_eq!(outbox.poll_cut(), None);
    outbox.event(one(), ROOM, kept as u32, b"");
    assert_eq!(outbox.poll_cut(), Some(session));
    outbox.left(session, ROOM, Some(Reject::SlowConsumer));
    outbox.refused(SessionId(0x200), Reject::WorldBusy, "");
    // A seat that cannot be told of is taken back, and the player is told that there is none.
    outbox.joined(SessionId(0x300), ROOM, "game", &Ctx::default());
    assert_eq!(outbox.poll_cut(), Some(SessionId(0x300)));
    // The other edge does not notice.
    outbox.event([SessionId(0x101)].into_iter(), ROOM, 1, b"");
    assert_eq!(outbox.poll_cut(), None);

    doors.shut.store(false, Relaxed);
    outbox.event(one(), ROOM, u32::MAX, b"after");
    outbox.flush();
    assert!(outbox.is_empty() && !outbox.is_congested(0));
    let taken = doors.taken.lock().expect("not poisoned");
    let first: Vec<_> = taken.iter().filter(|(edge, _)| *edge == 0).map(|(_, what)| what.as_str()).collect();
    assert_eq!(first.len(), kept + 4, "nothing but the state and the event after the backlog is lost");
    assert!((0..kept).all(|op| first[op] == format!("event {op}")), "in order");
    let last = ["left 256 Some(SlowConsumer)", "refused 512", "refused 768", "event 4294967295"];
    assert_eq!(first[kept..], last, "what was owed comes before what is new");
}
