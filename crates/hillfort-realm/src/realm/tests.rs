//! Realms with threads of their own.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, sync_channel};

use hillfort_proto::ids::SessionId;
use hillfort_proto::message::Wanted;
use hillfort_proto::route::{Inbound, InboundBatch, LaneReceiver, LaneSender, Outbound, OutboundBatch};
use hillfort_world::{Ctx, Room, RoomConfig};

use super::*;
use crate::echo::{ECHO_AS_EVENT, echo};

struct Idle;

impl Room for Idle {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig::default())
    }
    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }
}

const FEW: u16 = 50;

struct Few;

impl Room for Few {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        Ok(RoomConfig { seats_max: FEW, ..RoomConfig::default() })
    }
    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }
}

/// One lane for all edges, and a bell that rings at each batch.
struct Port {
    lane: LaneSender<OutboundBatch>,
    bell: SyncSender<()>,
    edges: usize,
}

impl SessionPort for Port {
    fn edges(&self) -> usize {
        self.edges
    }

    fn submit(&mut self, _: u8, batch: &mut OutboundBatch) -> bool {
        let sent = self.lane.send(batch);
        let _rings_already = self.bell.try_send(());
        sent
    }
}

struct Door {
    lane: LaneReceiver<OutboundBatch>,
    bell: Receiver<()>,
}

fn door(edges: usize) -> (Box<dyn SessionPort>, Door) {
    let ((lane, taken), (bell, rung)) = (lane(), sync_channel(1));
    (Box::new(Port { lane, bell, edges }), Door { lane: taken, bell: rung })
}

impl Door {
    /// Waits until an entry satisfies `wanted`.
    #[track_caller]
    fn wait<T>(&mut self, mut wanted: impl FnMut(Outbound<'_>) -> Option<T>) -> T {
        loop {
            while let Some(batch) = self.lane.receive() {
                let found = batch.iter().find_map(&mut wanted);
                self.lane.recycle(batch);
                if let Some(found) = found {
                    return found;
                }
            }
            self.bell.recv_timeout(Duration::from_secs(20)).expect("something comes in time");
        }
    }
}

#[test]
fn one_name_is_one_room_for_all_who_ask_at_once() {
    const ASKING: u64 = 200;
    let (ports, mut doors): (Vec<_>, Vec<_>) = (0..2).map(|_| door(2)).unzip();
    let game = Game::native("few", || Few).expect("good name");
    let handle = Realm::start(Config::default(), vec![game], ports).expect("starts");
    let room = Wanted::Named { name: "den", params: b"" };
    let edges = [0, 1].map(|edge: u64| (edge, handle.port().expect("two edges")));
    let (mut seated, mut full) = (HashSet::new(), 0);
    thread::scope(|scope| {
        for (edge, mut port) in edges {
            scope.spawn(move || {
                let mut batch = InboundBatch::default();
                for n in 1..=ASKING {
                    let world = port.place("few", room).expect("placed");
                    assert_eq!(world, 0, "all come to one thread");
                    batch
                        .push(Inbound::Join { session: SessionId(n << 8 | edge), room, game: "few", name: "ann", facts: &[] })
                        .expect("fits");
                    while !port.submit(world, &mut batch) {
                        thread::yield_now();
                    }
                }
            });
        }
        doors[0].wait(|entry| {
            match entry {
                Outbound::Joined { room, session, .. } => assert!(seated.insert((room, session))),
                Outbound::JoinRefused { reject, .. } => {
                    assert_eq!(reject, Reject::RoomFull);
                    full += 1;
                }
                _ => {}
            }
            (seated.len() as u64 + full == 2 * ASKING).then_some(())
        });
    });
    let rooms: HashSet<_> = seated.iter().map(|(room, _)| room).collect();
    assert_eq!((rooms.len(), seated.len()), (1, usize::from(FEW)));
    handle.drain(Duration::ZERO);
}

#[test]
fn threads_play_answer_and_end() {
    let (port, mut door) = door(1);
    let handle = Realm::start(Config::default(), vec![echo(64)], vec![port]).expect("starts");
    assert!(handle.is_alive());
    let mut edge = handle.port().expect("one edge");
    assert!(handle.port().is_none());
    let session = SessionId(0x100);
    let mut batch = InboundBatch::default();
    assert_eq!(edge.place("echo", Wanted::Any), Ok(0));
    batch.push(Inbound::Join { session, room: Wanted::Any, game: "echo", name: "ann", facts: &[] }).expect("fits");
    assert!(edge.submit(0, &mut batch));
    let room = door.wait(|entry| match entry {
        Outbound::Joined { room, .. } => Some(room),
        _ => None,
    });
    batch.push(Inbound::Input { session, room, op: ECHO_AS_EVENT, data: b"hello" }).expect("fits");
    assert!(edge.submit(0, &mut batch));
    let echoed = door.wait(|entry| match entry {
        Outbound::Event { data, .. } => Some(data.to_vec()),
        _ => None,
    });
    assert_eq!(echoed, b"hello");
    assert_eq!(handle.signal(room, b"", Duration::from_secs(20)), Ok(Vec::new()));
    assert_eq!(handle.signal(RoomId(0x1_0000_0005), b"", Duration::from_secs(20)), Err(Reject::RoomUnknown), "no such world");
    handle.drain(Duration::ZERO);
    door.wait(|entry| matches!(entry, Outbound::Left { reject: Some(Reject::Shutdown), .. }).then_some(()));
    assert!(!handle.is_alive());
    handle.drain(Duration::ZERO);
}

#[test]
fn a_realm_without_a_handle_ends() {
    let (port, mut door) = door(1);
    let handle = Realm::start(Config::default(), vec![echo(20)], vec![port]).expect("starts");
    let mut batch = InboundBatch::default();
    batch
        .push(Inbound::Join { session: SessionId(0x100), room: Wanted::Any, game: "echo", name: "ann", facts: &[] })
        .expect("fits");
    assert!(handle.port().expect("one edge").submit(0, &mut batch));
    door.wait(|entry| matches!(entry, Outbound::Joined { .. }).then_some(()));
    drop(handle);
    door.wait(|entry| matches!(entry, Outbound::Left { reject: Some(Reject::Shutdown), .. }).then_some(()));
}

#[test]
fn players_spread_over_threads_by_load_and_each_edge_gets_its_port() {
    let ports: Vec<_> = (0..2).map(|_| door(3).0).collect();
    let (handle, makers) = Realm::assemble(Config::default(), vec![echo(20)], ports).expect("good");
    assert_eq!(makers.len(), 2);
    let edges: Vec<_> = std::iter::from_fn(|| handle.port()).collect();
    assert_eq!(edges.len(), 3);
    assert!(edges.iter().all(|edge| edge.worlds() == 2));
}

#[test]
fn bad_realms_do_not_start() {
    #[track_caller]
    fn check(config: Config, games: Vec<Game>, worlds: usize, expect: &str) {
        let ports = (0..worlds).map(|_| door(1).0).collect();
        let error = Realm::start(config, games, ports).expect_err("is bad");
        assert!(error.to_string().contains(expect), "{error}");
    }
    let good = Config::default();
    let idle = || Game::native("idle", || Idle).expect("good name");
    check(good.clone(), vec![idle()], 0, "1 to 256 world threads");
    check(Config { rooms_max: 0, ..good.clone() }, vec![idle()], 1, "rooms_max");
    check(Config { rooms_max: ROOMS_MAX + 1, ..good.clone() }, vec![idle()], 1, "rooms_max");
    check(good.clone(), vec![idle(), echo(20), idle()], 1, "`idle` is there twice");
    let broken = Game::new("broken", || Err(RoomFault::crashed("line 3: syntax error"))).expect("good name");
    check(good.clone(), vec![idle(), broken], 2, "line 3: syntax error");
    let panics = Game::new("panics", || panic!("boom")).expect("good name");
    check(good, vec![panics], 1, "panic: boom");
    for name in ["", "Upper", "under_score", &"x".repeat(33)] {
        assert!(Game::native(name, || Idle).is_none(), "{name}");
    }
}
