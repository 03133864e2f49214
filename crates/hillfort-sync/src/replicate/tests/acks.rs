//! Hostile acknowledgements: each is ignored by a rule of docs/sync.md and changes nothing, or harms nobody but who sends it.

use super::*;

/// Ticks go round on the way.
const BEFORE: u32 = u32::MAX - 20;

/// A room with two walkers, and one client that gets datagrams.
struct Line {
    scene: Scene,
    history: History,
    replicator: Replicator,
    viewer: Viewer,
    mirror: Mirror,
    walkers: [Entity; 2],
    tick: u32,
}

impl Line {
    fn new(delivery: Delivery) -> Self {
        let mut scene = Scene::new(schema(), 8);
        let history = History::new(&scene, 10.0, 20);
        let walkers = [scene.spawn(0).unwrap(), scene.spawn(0).unwrap()];
        let viewer = Client::new(3, delivery, 0).viewer;
        let mut line = Self {
            scene,
            history,
            replicator: Replicator::default(),
            viewer,
            mirror: Mirror::new(schema()),
            walkers,
            tick: BEFORE,
        };
        line.viewer.config.interest.radius = None;
        line
    }

    /// The next tick, in which these walkers walk. Returns the packet that the client gets.
    fn turn(&mut self, walk: &[usize]) -> Option<Vec<u8>> {
        self.tick = self.tick.wrapping_add(1);
        for &at in walk {
            let x = self.scene.get(self.walkers[at], 0).unwrap();
            self.scene.set(self.walkers[at], 0, (x + 1.0) % SIDE).unwrap();
        }
        self.history.publish(self.tick, &self.scene);
        let mut out = Vec::new();
        let mut pass = self.replicator.pass(self.scene.schema(), &self.history).unwrap();
        pass.write(&mut self.viewer, None, &mut out).map(|_| out)
    }

    /// The same with a client that takes and acknowledges it.
    fn honest_turn(&mut self, walk: &[usize]) {
        let Some(packet) = self.turn(walk) else { return };
        assert!(self.mirror.take(&packet).unwrap());
        if let Some((tick, mask)) = self.mirror.ack() {
            self.viewer.on_ack(tick, mask);
        }
    }

    /// Where the client has the walkers.
    fn shown(&self) -> Vec<f32> {
        self.mirror.seen().map(|seen| seen.value(0).unwrap()).collect()
    }

    fn here(&self) -> Vec<f32> {
        self.walkers.iter().map(|walker| self.scene.get(*walker, 0).unwrap()).collect()
    }

    /// Five ticks that were acknowledged, five in which nothing happened and no packet came, then two whose packets are on their way: ticks 1 to 12 from
    /// [`BEFORE`].
    fn with_two_on_their_way() -> Self {
        let mut line = Self::new(Delivery::Lossy);
        (0..5).for_each(|_| line.honest_turn(&[0, 1]));
        assert!((0..5).all(|_| line.turn(&[]).is_none()), "nothing is to say, and all was acknowledged");
        assert!(line.turn(&[0]).is_some() && line.turn(&[1]).is_some());
        line
    }
}

#[test]
fn an_acknowledgement_that_cannot_be_is_ignored() {
    let mut line = Line::with_two_on_their_way();
    let from = |ticks: u32| BEFORE.wrapping_add(ticks);
    let newest = line.tick;
    assert_eq!((newest, line.viewer.base), (from(12), Some(from(5))));
    let cases = [
        ("the tick to come", from(13)),
        ("a tick in a minute", from(12 + 1_200)),
        ("half of all ticks ahead", newest.wrapping_add(1 << 31)),
        ("just less than that", newest.wrapping_add((1 << 31) - 1)),
        ("the newest of before", from(5)),
        ("older than that", from(4)),
        ("the tick before the first", BEFORE),
        ("older than the room", BEFORE.wrapping_sub(1_000)),
        ("as old as the history", newest.wrapping_sub(HISTORY)),
        ("just not so old", newest.wrapping_sub(HISTORY - 1)),
        ("a tick without a packet", from(6)),
        ("the last without one", from(10)),
        ("all ones", u32::MAX),
        ("no ones", 0),
        ("another bit", newest ^ 1 << 16),
        ("the bytes in the wrong order", newest.swap_bytes()),
    ];
    let before = format!("{:?}", line.viewer);
    for (name, tick) in cases {
        for mask in [0, 1, u64::MAX, 0x5555_5555_5555_5555] {
            line.viewer.on_ack(tick, mask);
            assert_eq!(format!("{:?}", line.viewer), before, "{name}: {tick}, {mask:x}");
        }
    }
    // What is true is taken, and the same once more changes nothing.
    line.viewer.on_ack(newest, u64::MAX);
    assert_eq!(line.viewer.base, Some(newest));
    let after = format!("{:?}", line.viewer);
    line.viewer.on_ack(newest, 0);
    assert_eq!(format!("{:?}", line.viewer), after);
}

#[test]
fn bits_of_packets_that_were_never_sent_count_for_nothing() {
    // The packets of ticks 11, 5 and the four before are true; ticks 6 to 10 had none.
    let honest = 0b0111_1100_0001;
    let viewer = |mask: u64| {
        let mut line = Line::with_two_on_their_way();
        line.viewer.on_ack(line.tick, mask);
        format!("{:?}", line.viewer)
    };
    let expect = viewer(honest);
    for forged in [0b0111_1111_1111, u64::MAX, 1 << 63 | honest] {
        assert_eq!(viewer(forged), expect, "{forged:b}");
    }
}

#[test]
fn nothing_is_acknowledged_before_something_was_sent_and_nothing_on_a_stream() {
    for delivery in [Delivery::Lossy, Delivery::Ordered] {
        let mut line = Line::new(delivery);
        let fresh = format!("{:?}", line.viewer);
        for tick in [0, 1, BEFORE, line.tick, u32::MAX] {
            line.viewer.on_ack(tick, u64::MAX);
        }
        assert_eq!(format!("{:?}", line.viewer), fresh);
        line.honest_turn(&[0]);
        line.turn(&[0]).unwrap();
        // Begun anew: what was sent before is over.
        line.viewer.reset();
        let anew = format!("{:?}", line.viewer);
        for tick in [line.tick, line.tick.wrapping_sub(1)] {
            line.viewer.on_ack(tick, u64::MAX);
        }
        assert_eq!(format!("{:?}", line.viewer), anew);
        line.turn(&[]).unwrap();
        line.viewer.on_ack(line.tick.wrapping_sub(1), u64::MAX);
        assert!(line.viewer.base.is_none());
        assert_eq!(line.viewer.is_resetting(), delivery == Delivery::Lossy, "the client is told until it says that it heard");
    }
}

#[test]
fn a_mask_cut_short_costs_bytes_and_no_truth() {
    let mut line = Line::new(Delivery::Lossy);
    for turn in 0..200_usize {
        let walk: &[usize] = if turn < 190 { &[0, 1][turn % 2..] } else { &[] };
        // Of three packets two are lost, and the mask with them.
        if let Some(packet) = line.turn(walk).filter(|_| turn % 3 == 0 || turn > 190) {
            assert!(line.mirror.take(&packet).unwrap());
            let (tick, _) = line.mirror.ack().unwrap();
            line.viewer.on_ack(tick, 0);
        }
    }
    assert_eq!(line.shown(), line.here());
}

#[test]
fn who_claims_what_it_does_not_have_harms_itself_alone() {
    let neighbour = |liar: bool| {
        let mut crowd = Crowd::new(300, 4);
        let mut replicator = Replicator::default();
        let (mut honest, mut other) = (Client::new(1, Delivery::Lossy, 2), Client::new(2, Delivery::Lossy, 2));
        other.viewer.config.budget = 1_000;
        let (mut told, mut bytes, mut refused) = (Vec::new(), 0, 0);
        for tick in 1..120_u32 {
            crowd.tick(tick);
            let mut pass = replicator.pass(crowd.scene.schema(), &crowd.history).unwrap();
            let mut out = Vec::new();
            if pass.write(&mut other.viewer, None, &mut out).is_some() {
                bytes += out.len();
                // Every second packet is lost, and all are said to have come.
                if tick % 2 == 0 {
                    refused += usize::from(other.mirror.take(&out).is_err());
                }
                if liar {
                    other.viewer.on_ack(tick, u64::MAX);
                }
            }
            out.clear();
            if pass.write(&mut honest.viewer, None, &mut out).is_some() {
                honest.take(pass.frame, &out);
                told.extend_from_slice(&out);
            }
        }
        assert!(bytes <= 1_000 * 120 + 16_000, "no more than its share: {bytes}");
        (told, refused)
    };
    let ((with, refused), (without, _)) = (neighbour(true), neighbour(false));
    assert!(refused > 10, "it gets differences from what it does not have: {refused}");
    assert!(with == without, "and its neighbour what it gets anyway");
}
