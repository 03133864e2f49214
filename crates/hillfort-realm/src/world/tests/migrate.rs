//! Rooms that move between two world threads while two edge threads play in them: every schedule is drawn from a seed.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;

use hillfort_proto::route::{LaneSender, lane};
use hillfort_world::{InputCaps, Recording, Rng, Stored};

use super::*;
use crate::config::{Keep, Recordings};
use crate::replay::{Outcome, ReplayOptions, replay};
use crate::world::migrate::UNEVEN_NS;

mod outbox;

const WORLDS: usize = 2;
const EDGES: usize = 2;

/// Hears each player's inputs, which must come in order and once, and tells everybody, with a number for each telling.
#[derive(Default)]
struct Ledger {
    told: u64,
    heard: BTreeMap<u16, u32>,
}

const COUNT: u32 = 1;

impl Ledger {
    fn tell(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        self.told += 1;
        ctx.send_event(To::All, COUNT, &self.told.to_le_bytes()).map_err(|error| RoomFault::crashed(&error.to_string()))
    }
}

impl Room for Ledger {
    fn on_create(&mut self, _: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        let inputs = InputCaps { player_tick: 1_000, player_queue: 10_000, room_tick: 10_000, ..InputCaps::default() };
        Ok(RoomConfig { seats_max: 16, inputs, reconnect: Duration::from_secs(600), ..RoomConfig::default() })
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.heard.insert(seat.0, 0);
        self.tell(ctx)
    }

    fn on_message(&mut self, ctx: &mut Ctx, seat: Seat, _: u32, data: &[u8]) -> Result<(), RoomFault> {
        let number = u32::from_le_bytes(data.try_into().expect("4 bytes"));
        let last = self.heard.get_mut(&seat.0).expect("has joined");
        if number != *last + 1 {
            return Err(RoomFault::crashed(&format!("input {number} after {last}")));
        }
        *last = number;
        self.tell(ctx)
    }

    fn on_tick(&mut self, _: &mut Ctx) -> Result<(), RoomFault> {
        Ok(())
    }

    fn on_drop(&mut self, ctx: &mut Ctx, _: Seat) -> Result<(), RoomFault> {
        self.tell(ctx)
    }

    fn on_leave(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.heard.remove(&seat.0);
        self.tell(ctx)
    }

    fn on_signal(&mut self, _: &mut Ctx, _: &[u8], reply: &mut Vec<u8>) -> Result<(), RoomFault> {
        reply.extend(format!("{:?}", self.heard).bytes());
        Ok(())
    }

    fn on_save(&mut self, _: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        out.extend(self.told.to_le_bytes());
        for (seat, last) in &self.heard {
            out.extend(seat.to_le_bytes());
            out.extend(last.to_le_bytes());
        }
        Ok(Stored::Done)
    }

    fn on_restore(&mut self, _: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        let (told, rest) = data.split_first_chunk::<8>().ok_or_else(|| RoomFault::crashed("short"))?;
        self.told = u64::from_le_bytes(*told);
        for part in rest.as_chunks::<6>().0 {
            self.heard.insert(u16::from_le_bytes([part[0], part[1]]), u32::from_le_bytes([part[2], part[3], part[4], part[5]]));
        }
        Ok(Stored::Done)
    }
}

/// Lanes from one world thread to the doors.
struct Lanes {
    lanes: Vec<LaneSender<OutboundBatch>>,
    /// By edge thread: it takes nothing from this world thread.
    full: [Arc<AtomicBool>; EDGES],
}

impl SessionPort for Lanes {
    fn edges(&self) -> usize {
        self.lanes.len()
    }

    fn submit(&mut self, edge: u8, batch: &mut OutboundBatch) -> bool {
        let edge = usize::from(edge);
        !self.full[edge].load(Relaxed) && self.lanes[edge].send(batch)
    }
}

/// What a session knows.
#[derive(Default)]
struct Player {
    room: Option<RoomId>,
    asked: bool,
    connected: bool,
    leaving: bool,
    sent: u32,
    /// Number of the last telling since it joined.
    told: Option<u64>,
}

/// An edge thread, as it works.
struct Edge {
    port: Box<dyn RoomPort>,
    batches: Vec<InboundBatch>,
    lanes: Vec<LaneReceiver<OutboundBatch>>,
    players: BTreeMap<SessionId, Player>,
}

impl Edge {
    fn turn(&mut self, submits: impl Fn(usize) -> bool) {
        self.port.look_for_moves();
        for lane in &mut self.lanes {
            while let Some(batch) = lane.receive() {
                for entry in batch.iter() {
                    take(&mut self.players, entry);
                }
                lane.recycle(batch);
            }
        }
        self.port.switch_routes(&mut self.batches);
        for world in 0..self.batches.len() {
            if submits(world) && !self.batches[world].is_empty() {
                self.port.submit(world as u8, &mut self.batches[world]);
            }
        }
    }

    fn send(&mut self, room: RoomId, entry: Inbound<'_>) {
        let world = usize::from(self.port.owner(room));
        self.batches[world].push(entry).expect("fits");
    }
}

fn take(players: &mut BTreeMap<SessionId, Player>, entry: Outbound<'_>) {
    match entry {
        Outbound::Joined { session, room, .. } => {
            let player = players.get_mut(&session).expect("is ours");
            assert!(player.asked && player.room.is_none(), "asked for it");
            *player = Player { room: Some(room), connected: true, ..Player::default() };
        }
        Outbound::JoinRefused { session, reject, .. } => {
            assert_eq!(reject, Reject::WorldBusy);
            players.get_mut(&session).expect("is ours").asked = false;
        }
        Outbound::Left { session, reject, .. } => {
            let player = players.get_mut(&session).expect("is ours");
            assert!(player.leaving && reject.is_none(), "{session} left for {reject:?}");
            *player = Player::default();
        }
        Outbound::Event { to, data, .. } => {
            let number = u64::from_le_bytes(data.try_into().expect("8 bytes"));
            for session in to {
                let player = players.get_mut(session).expect("is ours");
                assert!(player.told.is_none_or(|last| number == last + 1), "{session}: telling {number} after {:?}", player.told);
                player.told = Some(number);
            }
        }
        other => panic!("unexpected {other:?}"),
    }
}

/// Two world threads and two edge threads.
struct Realm2 {
    worlds: Vec<World>,
    edges: Vec<Edge>,
    handle: RealmHandle,
    clock: TestClock,
    /// By world and edge thread: see [`Lanes`].
    full: [[Arc<AtomicBool>; EDGES]; WORLDS],
}

impl Realm2 {
    fn new(config: Config, games: Vec<Game>) -> Self {
        let clock = TestClock::default();
        let mut lanes: Vec<Vec<_>> = (0..EDGES).map(|_| Vec::new()).collect();
        let full: [[Arc<AtomicBool>; EDGES]; WORLDS] = Default::default();
        let ports = full.clone().map(|full| {
            let senders = lanes.iter_mut().map(|lanes| {
                let (sender, receiver) = lane();
                lanes.push(receiver);
                sender
            });
            Box::new(Lanes { lanes: senders.collect(), full }) as Box<dyn SessionPort>
        });
        let (handle, makers) = Realm::assemble(config, games, ports.into()).expect("good");
        let worlds = makers.into_iter().map(|maker| maker.make(clock.now()).expect("good")).collect();
        let edges = lanes.into_iter().map(|lanes| Edge {
            port: handle.port().expect("one for each"),
            batches: (0..WORLDS).map(|_| InboundBatch::default()).collect(),
            lanes,
            players: BTreeMap::new(),
        });
        let edges = edges.collect();
        Self { worlds, edges, handle, clock, full }
    }

    fn turn_worlds(&mut self) {
        for world in &mut self.worlds {
            world.turn(&self.clock);
        }
    }

    fn settle(&mut self, ms: u64) {
        for _ in 0..ms {
            self.clock.advance(1);
            self.turn_worlds();
            self.edges.iter_mut().for_each(|edge| edge.turn(|_| true));
        }
    }

    fn moved(&self) -> u64 {
        self.worlds.iter().map(|world| world.meter.totals.rooms_moved).sum()
    }

    fn join(&mut self, edge: usize, session: SessionId, name: &str) {
        let room = Wanted::Named { name, params: b"" };
        let edge = &mut self.edges[edge];
        let player = edge.players.entry(session).or_default();
        if player.asked {
            return;
        }
        player.asked = true;
        let world = edge.port.place("ledger", room).expect("is placed");
        edge.batches[usize::from(world)]
            .push(Inbound::Join { session, room, game: "ledger", name: "ann", facts: &[] })
            .expect("fits");
    }
}

fn ledger() -> Game {
    Game::native("ledger", Ledger::default).expect("good name")
}

/// Plays for a while, with moves, and checks that nothing was lost, doubled or overtaken. Returns the number of moves.
fn play(seed: u64) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = Recordings { keep: Keep::All, folder: Some(folder.path().to_owned()), ..Recordings::default() };
    let mut realm = Realm2::new(Config { recordings, seed, ..Config::default() }, vec![ledger()]);
    let mut dice = Rng::new(seed);
    let mut roll = move |below: u64| dice.below(below);
    let sessions: Vec<_> = (0..6).map(|n| (n as usize % EDGES, SessionId(0x100 * (n + 1) + n % EDGES as u64))).collect();
    let mut room = None;
    for _ in 0..1_500 {
        realm.clock.advance(roll(8));
        for &(edge, session) in &sessions {
            let act = roll(30);
            let edge_ = &mut realm.edges[edge];
            let player = edge_.players.entry(session).or_default();
            let Some(id) = player.room else {
                if act < 3 && !player.asked {
                    realm.join(edge, session, "den");
                }
                continue;
            };
            room = Some(id);
            if player.leaving {
                continue;
            }
            match act {
                0 if roll(4) == 0 => {
                    player.leaving = true;
                    edge_.send(id, Inbound::Leave { session, room: id });
                }
                1 if player.connected => {
                    player.connected = false;
                    edge_.send(id, Inbound::Drop { session, room: id });
                }
                1 => {
                    player.connected = true;
                    edge_.send(id, Inbound::Reconnect { session, room: id });
                }
                2..12 if player.connected => {
                    player.sent += 1;
                    let data = player.sent.to_le_bytes();
                    edge_.send(id, Inbound::Input { session, room: id, op: 7, data: &data });
                }
                _ => {}
            }
        }
        for at in 0..WORLDS {
            if roll(3) > 0 {
                realm.worlds[at].turn(&realm.clock);
            }
        }
        for at in 0..EDGES {
            if roll(3) > 0 {
                let slow = roll(4 * WORLDS as u64) as usize;
                realm.edges[at].turn(|world| world != slow);
            }
        }
        if roll(25) == 0
            && let Some(room) = room
        {
            let from = realm.handle.owner_of(room);
            let (reply, _ignored) = sync_channel(1);
            realm.handle.tell(usize::from(from), Command::Move { room, to: 1 - from, reply });
        }
    }
    realm.settle(300);
    let (moves, faults) = (realm.moved(), realm.worlds.iter().map(|world| world.meter.totals.faults_crashed).sum::<u64>());
    assert_eq!(faults, 0, "seed {seed}");
    let lost: u64 = realm.worlds.iter().map(|world| world.meter.totals.inputs_lost).sum();
    assert_eq!(lost, 0, "seed {seed}");
    // Whoever sits there was heard to the last input.
    for (edge, session) in sessions {
        let player = &realm.edges[edge].players[&session];
        assert!(!player.leaving, "seed {seed}: {session} waits");
        let places: Vec<_> =
            realm.worlds.iter().filter_map(|world| world.sessions.get(&session).map(|place| (world, *place))).collect();
        assert_eq!(places.len(), usize::from(player.room.is_some()), "seed {seed}: {session} sits nowhere else");
        let Some((world, place)) = places.first() else { continue };
        let hosted = world.rooms.get(place.room).expect("is there");
        assert_eq!(Some(hosted.id), player.room);
        assert_eq!(hosted.cell.inputs_waiting(place.seat), 0);
    }
    for at in 0..WORLDS {
        let Some(room) = room.filter(|room| usize::from(realm.handle.owner_of(*room)) == at) else { continue };
        let index = realm.worlds[at].rooms.find(room).expect("is where it is said to be");
        let hosted = realm.worlds[at].rooms.get_mut(index).expect("is awake");
        let mut heard = Vec::new();
        hosted.cell.on_signal(b"", &mut heard, &mut Outputs::default()).expect("no fault");
        let sent: BTreeMap<u16, u32> = realm
            .edges
            .iter()
            .flat_map(|edge| edge.players.iter())
            .filter_map(|(session, player)| {
                player.room?;
                realm.worlds[at].sessions.get(session).map(|place| (place.seat.0, player.sent))
            })
            .collect();
        assert_eq!(String::from_utf8(heard).expect("text"), format!("{sent:?}"), "seed {seed}");
    }
    let Realm2 { worlds, handle, .. } = realm;
    drop(worlds);
    handle.drain(Duration::ZERO);
    for entry in std::fs::read_dir(folder.path()).expect("is there") {
        let bytes = std::fs::read(entry.expect("read").path()).expect("read");
        let recording = Recording::from_file(&bytes).expect("whole");
        let report = replay(&ledger(), &recording, ReplayOptions::default(), |_, _| ()).expect("the same rules");
        assert!(matches!(report.outcome, Outcome::Same), "seed {seed}: {:?}", report.outcome);
    }
    moves
}

#[test]
fn whenever_a_room_moves_no_input_is_lost_doubled_or_overtaken() {
    let moves: u64 = (0..60).map(play).sum();
    assert!(moves > 300, "{moves} moves");
}

#[test]
fn a_room_keeps_name_number_players_and_its_turn_when_it_moves() {
    let mut realm = Realm2::new(Config::default(), vec![ledger()]);
    let (ann, bob) = (SessionId(0x100), SessionId(0x201));
    realm.join(0, ann, "den");
    realm.settle(100);
    let room = realm.edges[0].players[&ann].room.expect("sits");
    let (from, to) = (realm.handle.owner_of(room), 1 - realm.handle.owner_of(room));
    let tick = |realm: &Realm2, world: u8| {
        let world = &realm.worlds[usize::from(world)];
        world.rooms.find(room).and_then(|index| world.rooms.get(index)).map(|hosted| hosted.cell.ctx().tick())
    };
    let before = tick(&realm, from).expect("is there");
    let (reply, answer) = sync_channel(1);
    realm.handle.tell(usize::from(from), Command::Move { room, to, reply });
    realm.settle(20);
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    assert_eq!((realm.handle.owner_of(room), tick(&realm, from)), (to, None));
    assert!(tick(&realm, to).is_some_and(|now| (before..before + 2).contains(&now)), "no tick is made up or done twice");
    realm.join(1, bob, "den");
    realm.settle(100);
    assert_eq!(realm.edges[1].players[&bob].room, Some(room), "its name leads there");
    // Home again, and its end is everywhere known.
    let (reply, answer) = sync_channel(1);
    realm.handle.tell(usize::from(to), Command::Move { room, to: from, reply });
    realm.settle(20);
    assert_eq!((answer.try_recv(), realm.handle.owner_of(room)), (Ok(Ok(())), from));
    for (edge, session) in [(0, ann), (1, bob)] {
        realm.edges[edge].players.get_mut(&session).expect("is there").leaving = true;
        realm.edges[edge].send(room, Inbound::Leave { session, room });
    }
    realm.settle(100);
    assert!(realm.edges.iter().all(|edge| edge.players.values().all(|player| player.room.is_none())));
    assert!(realm.worlds.iter().all(|world| world.sessions.is_empty() && !world.moves.is_busy()));
}

#[test]
fn what_cannot_move_says_why_and_stays() {
    let puppet = Puppet::default().game("puppet");
    let mut realm = Realm2::new(Config::default(), vec![ledger(), puppet]);
    let ann = SessionId(0x100);
    realm.join(0, ann, "den");
    realm.settle(100);
    let room = realm.edges[0].players[&ann].room.expect("sits");
    let from = realm.handle.owner_of(room);
    #[track_caller]
    fn check(realm: &mut Realm2, room: RoomId, from: u8, to: u8, expect: Result<(), Reject>) {
        let (reply, answer) = sync_channel(1);
        realm.handle.tell(usize::from(from), Command::Move { room, to, reply });
        realm.settle(20);
        assert_eq!(answer.try_recv(), Ok(expect));
    }
    check(&mut realm, room, from, from, Err(Reject::RoomUnknown));
    check(&mut realm, room, from, 2, Err(Reject::RoomUnknown));
    check(&mut realm, room, 1 - from, from, Err(Reject::RoomUnknown));
    // Twice at once: the second finds it on its way.
    let (first, second) = (sync_channel(1), sync_channel(1));
    for (reply, _) in [&first, &second] {
        realm.handle.tell(usize::from(from), Command::Move { room, to: 1 - from, reply: reply.clone() });
    }
    realm.settle(20);
    assert_eq!((first.1.try_recv(), second.1.try_recv()), (Ok(Ok(())), Ok(Err(Reject::WorldBusy))));
    // A drain ends it where it is.
    realm.handle.begin_drain(Duration::ZERO);
    realm.edges[0].players.get_mut(&ann).expect("is there").leaving = true;
    for _ in 0..20 {
        realm.clock.advance(1);
        realm.turn_worlds();
    }
    assert!(realm.worlds.iter().all(World::is_drained));
}

#[test]
fn a_thread_with_far_more_to_do_gives_rooms_away() {
    let mut realm = Realm2::new(Config::default(), vec![ledger()]);
    for n in 0..6 {
        realm.join(0, SessionId(0x100 * (n + 1)), &format!("den-{n}"));
        realm.settle(60);
    }
    realm.settle(1_500);
    // All rooms cost as if they were on one thread.
    let mut rooms = [0, 1].map(|world: usize| realm.worlds[world].rooms.len());
    let heavy = usize::from(rooms[1] > rooms[0]);
    let each = i64::try_from(UNEVEN_NS).expect("small") * 2;
    let indices: Vec<_> = realm.worlds[heavy].rooms.iter().map(|hosted| hosted.index).collect();
    for index in indices {
        let world = &mut realm.worlds[heavy];
        let hosted = world.rooms.get_mut(index).expect("is there");
        world.cost += each - hosted.cost_per_s;
        hosted.cost_per_s = each;
        hosted.cost_ns = each.unsigned_abs() / 20;
    }
    let before = realm.moved();
    for _ in 0..40 {
        realm.settle(250);
        // Costs stay as they were said to be.
        for world in &mut realm.worlds {
            let indices: Vec<_> = world.rooms.iter().map(|hosted| hosted.index).collect();
            for index in indices {
                let hosted = world.rooms.get_mut(index).expect("is there");
                world.cost += each - hosted.cost_per_s;
                (hosted.cost_per_s, hosted.cost_ns) = (each, each.unsigned_abs() / 20);
            }
        }
    }
    rooms = [0, 1].map(|world: usize| realm.worlds[world].rooms.len());
    assert!(rooms[0].abs_diff(rooms[1]) <= 1, "{rooms:?} after {} moves", realm.moved() - before);
}
