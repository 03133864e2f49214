//! What state sync costs: processor time a tick, nanoseconds a pair (a client and an entity that it sees), bytes a change. Each scene runs for some
//! seconds of game time and the cheapest third of its ticks counts, because machines are noisy; beside it stand the machine's own limits, measured in
//! the same run. `w2-sink` runs in real time, sends each packet as a datagram over loopback, and says how many ticks were late. `cargo bench -p hillfort-sync --bench sync`; name scenes to run only these.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "one scene sends datagrams, in real time")]
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::hint::black_box;
use std::io::IoSlice;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use rustix::time::{ClockId, clock_gettime};

use hillfort_sync::{
    Delivery, Entity, Field, FieldType, History, Interest, Kind, Replicator, Scene, Schema, Viewer, ViewerConfig,
};

const HZ: u32 = 20;
/// Entities come into sight within this many metres.
const RADIUS: f32 = 100.0;
/// Ticks between a packet and its acknowledgement: so many more for each third client. One acknowledgement in fifty is lost.
const LAG: u32 = 2;

/// Packets that are written behind each other, and go out by one system call where they go out.
const BATCH: usize = 64;

/// One scene.
#[derive(Clone, Copy)]
struct Spec {
    name: &'static str,
    entities: usize,
    clients: usize,
    /// Width of the square world in metres.
    side: f32,
    radius: Option<f32>,
    delivery: Delivery,
    /// Bytes a client and tick.
    budget: u32,
    packet: u32,
    motion: Motion,
    ticks: u32,
    threads: usize,
    /// Clients look around once in so many ticks.
    every: u32,
    /// Packets go out as datagrams, at 20 Hz of real time.
    sink: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Motion {
    /// Each walks 2 to 6 m/s and turns every two seconds or so.
    Walk,
    /// The same, moved on by the clients.
    Reckoned,
    /// A new direction each tick.
    Random,
    Still,
}

#[derive(Default, Clone, Copy)]
struct Tally {
    bytes: u64,
    changed: u64,
    entered: u64,
    waiting: u64,
    pairs: u64,
    /// Processor time of all threads.
    busy: Duration,
}

/// Where datagrams go: sockets that nobody reads, as many as a real server's kernel would look up.
struct Sink {
    from: UdpSocket,
    to: Vec<(UdpSocket, SocketAddrAny)>,
}

impl Sink {
    fn new() -> Self {
        let open = || UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let address = |socket: UdpSocket| (socket.local_addr().expect("bound").as_any(), socket);
        let to = std::iter::repeat_with(open).take(BATCH).map(address).map(|(to, socket)| (socket, to));
        Self { from: open(), to: to.collect() }
    }

    /// Sends packets, each to another socket, by one call: `ends` says where each ends.
    fn send(&self, packets: &[u8], ends: &[usize]) {
        let starts = std::iter::once(&0).chain(ends);
        let slices: Vec<_> = starts.zip(ends).map(|(from, to)| [IoSlice::new(&packets[*from..*to])]).collect();
        let mut controls: Vec<_> = ends.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let parts = slices.iter().zip(&mut controls).zip(&self.to);
        let mut messages: Vec<_> = parts.map(|((slice, control), (_, to))| MMsgHdr::new_with_addr(to, slice, control)).collect();
        // A full socket drops it, as the network would.
        let _dropped = sendmmsg(&self.from, &mut messages, SendFlags::empty());
    }
}

/// Small numbers from a seed: xorshift (Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32
    }
}

struct Walkers {
    entities: Vec<Entity>,
    headings: Vec<(f32, f32)>,
    dice: Dice,
    motion: Motion,
    side: f32,
}

fn schema(side: f32, motion: Motion) -> Arc<Schema> {
    let axis = |name| {
        let mut field = Field::fixed(name, 0.0, side, 1.0 / 64.0);
        field.extrapolate = (motion == Motion::Reckoned).then_some(4);
        field
    };
    let walker = Kind::new("walker").with(axis("x")).with(axis("y")).at("x", "y");
    let walker = walker
        .with(Field::new("heading", FieldType::Angle { bits: 8 }))
        .with(Field::new("hp", FieldType::Int { min: 0, max: 100 }));
    Arc::new(Schema::new(vec![walker]).expect("a good schema"))
}

impl Walkers {
    fn new(spec: &Spec, scene: &mut Scene) -> Self {
        let mut dice = Dice(0x5EED_0001);
        let entities: Vec<_> = (0..spec.entities).map(|_| scene.spawn(0).expect("room for all")).collect();
        for (at, &entity) in entities.iter().enumerate() {
            for axis in 0..2 {
                scene.set(entity, axis, dice.unit() * spec.side).expect("a field");
            }
            scene.set(entity, 3, 100.0).expect("a field");
            if at < spec.clients {
                scene.set_owner(entity, u16::try_from(at).ok()).expect("an entity");
            }
        }
        let headings = entities.iter().map(|_| (dice.unit() * std::f32::consts::TAU, 2.0 + dice.unit() * 4.0)).collect();
        Self { entities, headings, dice, motion: spec.motion, side: spec.side }
    }

    fn step(&mut self, scene: &mut Scene) {
        if self.motion == Motion::Still {
            return;
        }
        for (entity, heading) in self.entities.iter().zip(&mut self.headings) {
            if self.motion == Motion::Random || self.dice.unit() < 0.025 {
                heading.0 = self.dice.unit() * std::f32::consts::TAU;
            }
            let row = entity.row();
            let (sin, cos) = heading.0.sin_cos();
            for (axis, part) in [cos, sin].into_iter().enumerate() {
                let place = &mut scene.column_mut(axis)[row];
                *place = (*place + part * heading.1 / HZ as f32).clamp(0.0, self.side);
            }
            scene.column_mut(2)[row] = heading.0;
        }
    }
}

fn run(spec: &Spec) {
    let schema = schema(spec.side, spec.motion);
    let mut scene = Scene::new(Arc::clone(&schema), spec.entities);
    let mut walkers = Walkers::new(spec, &mut scene);
    let mut history = History::new(&scene, RADIUS / 2.0, HZ);
    let config = ViewerConfig {
        delivery: spec.delivery,
        interest: Interest { radius: spec.radius, every: spec.every },
        budget: spec.budget,
        packet: spec.packet,
        hz: HZ,
    };
    let mut viewers: Vec<_> = (0..spec.clients).map(|at| Viewer::new(at as u16, config)).collect();
    let mut replicators: Vec<_> = (0..spec.threads).map(|_| Replicator::default()).collect();
    let sinks: Vec<_> = (0..spec.threads).map(|_| spec.sink.then(Sink::new)).collect();
    let share = spec.clients.div_ceil(spec.threads);
    let origin = Instant::now();
    let (mut late, mut longest) = (0, Duration::ZERO);
    let (mut publishing, mut writing) = (Vec::new(), Vec::new());
    let mut total = Tally::default();
    let warm = if spec.ticks > 8 { spec.ticks / 2 } else { 0 };
    for tick in 1..=spec.ticks {
        let due = origin + Duration::from_secs(1) / HZ * tick;
        if spec.sink {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        walkers.step(&mut scene);
        let begun = busy();
        black_box(history.publish(tick, &scene));
        let published = busy() - begun;
        let tally = std::thread::scope(|scope| {
            let parts = viewers.chunks_mut(share).zip(&mut replicators).zip(&sinks);
            let (schema, history) = (&schema, &history);
            let jobs: Vec<_> = parts
                .map(|((part, replicator), sink)| {
                    scope.spawn(move || write(schema, history, tick, part, replicator, sink.as_ref()))
                })
                .collect();
            jobs.into_iter().map(|job| job.join().expect("no panic")).fold(Tally::default(), Tally::plus)
        });
        if tick > warm {
            publishing.push(published);
            writing.push(tally.busy);
            total = total.plus(tally);
            let passed = due.elapsed();
            late += u32::from(passed > Duration::from_secs(1) / HZ);
            longest = longest.max(passed);
        }
    }
    report(spec, &mut publishing, &mut writing, total);
    if spec.sink {
        println!(
            "{:<22} {late} of {} ticks late; the longest took {:.1} ms of 50",
            "",
            writing.len(),
            longest.as_secs_f64() * 1e3
        );
    }
}

fn write(
    schema: &Schema,
    history: &History,
    tick: u32,
    viewers: &mut [Viewer],
    replicator: &mut Replicator,
    sink: Option<&Sink>,
) -> Tally {
    let mut tally = Tally::default();
    let begun = busy();
    let mut out = Vec::with_capacity(64 * 1024);
    let mut ends = Vec::with_capacity(BATCH);
    let Some(mut pass) = replicator.pass(schema, history) else { return tally };
    let count = viewers.len();
    for (at, viewer) in viewers.iter_mut().enumerate() {
        let lag = LAG + at as u32 % 3;
        if tick > lag && !(tick + at as u32).is_multiple_of(50) {
            viewer.on_ack(tick - lag, u64::MAX);
        }
        let start = out.len();
        if let Some(sent) = pass.write(viewer, None, &mut out) {
            tally.changed += u64::from(sent.changed);
            tally.entered += u64::from(sent.entered);
            tally.waiting += u64::from(sent.waiting);
            ends.push(out.len());
        }
        tally.bytes += (black_box(&out).len() - start) as u64;
        tally.pairs += viewer.in_sight() as u64;
        if ends.len() == BATCH || at + 1 == count {
            if let Some(sink) = sink {
                sink.send(&out, &ends);
            }
            out.clear();
            ends.clear();
        }
    }
    tally.busy = busy() - begun;
    tally
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            changed: self.changed + other.changed,
            entered: self.entered + other.entered,
            waiting: self.waiting + other.waiting,
            pairs: self.pairs + other.pairs,
            busy: self.busy + other.busy,
        }
    }
}

/// Processor time of this thread: what others do on the machine does not count.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Mean of the cheapest third, in microseconds.
fn cheap(times: &mut [Duration]) -> f64 {
    times.sort();
    let count = times.len().div_ceil(3).max(1);
    times[..count.min(times.len())].iter().sum::<Duration>().as_secs_f64() * 1e6 / count as f64
}

fn report(spec: &Spec, publishing: &mut [Duration], writing: &mut [Duration], total: Tally) {
    let ticks = writing.len() as f64;
    let (publish, write) = (cheap(publishing), cheap(writing));
    let pairs = total.pairs as f64 / ticks;
    // A join is over when all has been sent: what it cost in all is what counts.
    let all = writing.iter().chain(publishing.iter()).sum::<Duration>().as_secs_f64() * 1e3;
    println!(
        "{:<22} {all:>8.1} ms in all  publish {:>8.0} us  write {:>9.0} us  {:>6.2} % of a core at {HZ} Hz  {:>6.1} ns/pair  {:>6.1} in sight  {:>6.1} changes, {:>5.1} waiting  {:>7.1} B a client  {:>5.2} B a change",
        spec.name,
        publish,
        write,
        (publish + write) * f64::from(HZ) / 1e4,
        write * 1e3 / pairs.max(1.0),
        pairs / spec.clients as f64,
        total.changed as f64 / ticks / spec.clients as f64,
        total.waiting as f64 / ticks / spec.clients as f64,
        total.bytes as f64 / ticks / spec.clients as f64,
        total.bytes as f64 / (total.changed + total.entered).max(1) as f64,
    );
}

/// The machine's own limit: copying as many bytes as the packets have.
fn limits() {
    let from = vec![1_u8; 286 * 1_000];
    let mut to = vec![0_u8; from.len()];
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let begun = busy();
            from.chunks_exact(286).zip(to.chunks_exact_mut(286)).for_each(|(from, to)| to.copy_from_slice(black_box(from)));
            black_box(&to);
            busy() - begun
        })
        .collect();
    println!("{:<22} {:.0} us to copy 1,000 packets of 286 bytes", "machine", cheap(&mut times));
}

fn main() {
    let w1 = Spec {
        name: "w1",
        entities: 10_000,
        clients: 1_000,
        side: 1_982.0,
        radius: Some(RADIUS),
        delivery: Delivery::Lossy,
        budget: 1_200,
        packet: 1_200,
        motion: Motion::Walk,
        ticks: 120,
        threads: 1,
        every: 4,
        sink: false,
    };
    let ordered = Spec { name: "w1-stream", delivery: Delivery::Ordered, ..w1 };
    let specs = [
        w1,
        ordered,
        Spec { name: "w1-reckoned", motion: Motion::Reckoned, ..ordered },
        Spec { name: "w1-random", motion: Motion::Random, ..ordered },
        Spec { name: "w1-still", motion: Motion::Still, ..ordered },
        Spec { name: "w2", clients: 10_000, ticks: 40, threads: 2, ..w1 },
        Spec { name: "w2-sink", clients: 10_000, ticks: 200, threads: 2, sink: true, ..w1 },
        Spec { name: "w3", entities: 1_000, side: 60.0, budget: 1_000, ..w1 },
        Spec { name: "w3-stream", entities: 1_000, side: 60.0, budget: 1_000, ..ordered },
        Spec { name: "w7", entities: 1_000, clients: 500, side: 560.5, ..ordered },
        // What is in sight stays so: encoding alone, as peers are measured.
        Spec { name: "w7-encode", entities: 1_000, clients: 500, side: 560.5, every: u32::MAX, ..ordered },
        Spec {
            name: "w8-join",
            entities: 10_000,
            clients: 16,
            radius: None,
            budget: 1 << 20,
            packet: 32 * 1024,
            ticks: 5,
            ..ordered
        },
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    limits();
    specs.iter().filter(|spec| wanted.is_empty() || wanted.iter().any(|name| name == spec.name)).for_each(run);
}
