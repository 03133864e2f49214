//! What a monitoring system scrapes: the latest reading in the OpenMetrics text format. Owns names, units and help texts; labels come
//! from enums, the index of a world thread being the one number among them. Counts nothing itself.

use std::fmt;

use hillfort_api::{CallName, Code};
use hillfort_proto::reject::{Reject, Stage};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabel, EncodeMetric, LabelEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::console::process::Usage;
use crate::console::{Mode, PacketVerdict, Posture, Quantiles, Reading, Rung, Step, World};

mod calls;
mod wall;

/// Media type of [`text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The exposition of one reading.
pub(crate) fn text(reading: &Reading, usage: Usage, version: &'static str, uptime_ms: u64) -> String {
    let mut registry = Registry::with_prefix("hillfort");
    registry.register_collector(Box::new(Exposition { reading: reading.clone(), usage, version, uptime_ms }));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("writing to a string cannot fail");
    text
}

#[derive(Debug)]
struct Exposition {
    reading: Reading,
    usage: Usage,
    version: &'static str,
    uptime_ms: u64,
}

/// All labels that exist.
#[derive(Debug, Clone, Copy)]
enum Label {
    Version(&'static str),
    Direction(Direction),
    State(Standing),
    Reason(Reject),
    Stage(Stage),
    Quantile(Quantile),
    /// Index of a world thread.
    World(u8),
    Verdict(PacketVerdict),
    Rung(Rung),
    Mode(Mode),
    Posture(Posture),
    Step(Step),
    Call(CallName),
    Code(Code),
    /// Name of a counter of the realtime socket.
    Event(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    In,
    Out,
}

/// What a connection or a session is doing.
#[derive(Debug, Clone, Copy)]
enum Standing {
    Unproven,
    Proven,
    Attached,
    Detached,
}

#[derive(Debug, Clone, Copy)]
enum Quantile {
    P50,
    P99,
}

impl EncodeLabel for Label {
    fn encode(&self, encoder: LabelEncoder<'_>) -> fmt::Result {
        match *self {
            Self::Version(version) => ("version", version).encode(encoder),
            Self::Direction(Direction::In) => ("direction", "in").encode(encoder),
            Self::Direction(Direction::Out) => ("direction", "out").encode(encoder),
            Self::State(Standing::Unproven) => ("state", "unproven").encode(encoder),
            Self::State(Standing::Proven) => ("state", "proven").encode(encoder),
            Self::State(Standing::Attached) => ("state", "attached").encode(encoder),
            Self::State(Standing::Detached) => ("state", "detached").encode(encoder),
            Self::Reason(reject) => ("reason", reject.label()).encode(encoder),
            Self::Stage(stage) => ("stage", stage.label()).encode(encoder),
            Self::Quantile(Quantile::P50) => ("quantile", "0.5").encode(encoder),
            Self::Quantile(Quantile::P99) => ("quantile", "0.99").encode(encoder),
            Self::World(index) => ("world", index).encode(encoder),
            Self::Verdict(verdict) => ("verdict", verdict.label()).encode(encoder),
            Self::Rung(rung) => ("rung", rung.label()).encode(encoder),
            Self::Mode(mode) => ("mode", mode.label()).encode(encoder),
            Self::Posture(posture) => ("posture", posture.label()).encode(encoder),
            Self::Step(step) => ("step", step.label()).encode(encoder),
            Self::Call(call) => ("call", call.row().name).encode(encoder),
            Self::Code(code) => ("code", code as u8).encode(encoder),
            Self::Event(event) => ("event", event).encode(encoder),
        }
    }
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.process(&mut page)?;
        self.doors(&mut page)?;
        wall::write(&mut page, &self.reading.wall)?;
        calls::write(&mut page, &self.reading.calls, &self.reading.sockets, self.reading.refreshes)?;
        calls::behind(&mut page, self.reading.behind)?;
        self.worlds(&mut page)
    }
}

impl Exposition {
    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauges("build_info", "Always 1; the label says what runs.", [([Label::Version(self.version)], 1.0)])?;
        page.gauges("uptime_seconds", "Time since the start.", [([], self.uptime_ms as f64 / 1e3)])?;
        page.gauges("resident_memory_bytes", "Resident memory of the process.", [([], self.usage.rss_bytes as f64)])?;
        page.counters("cpu_seconds", "Processor time of the process.", [([], self.usage.cpu_ns as f64 / 1e9)])
    }

    fn doors(&self, page: &mut Page<'_>) -> fmt::Result {
        let (now, since) = (self.reading.connections, self.reading.traffic);
        let proven = now.open.saturating_sub(now.unproven);
        let attached = now.sessions.saturating_sub(now.detached);
        page.gauges(
            "connections",
            "Connections open now, by whether they have said a valid hello.",
            [([Label::State(Standing::Unproven)], now.unproven as f64), ([Label::State(Standing::Proven)], proven as f64)],
        )?;
        page.gauges(
            "sessions",
            "Logged-in sessions now, by whether they have a connection.",
            [([Label::State(Standing::Attached)], attached as f64), ([Label::State(Standing::Detached)], now.detached as f64)],
        )?;
        page.counters("connections_accepted", "Connections that the guard let in.", [([], since.accepted as f64)])?;
        page.counters("hellos_proven", "Signed hellos that were valid.", [([], since.proven as f64)])?;
        let directions = |inward: u64, outward: u64| {
            [([Label::Direction(Direction::In)], inward as f64), ([Label::Direction(Direction::Out)], outward as f64)]
        };
        page.counters("frames", "Frames and WebSocket messages.", directions(since.frames_in, since.frames_out))?;
        page.counters("traffic_bytes", "Bytes on the doors' sockets.", directions(since.bytes_in, since.bytes_out))?;
        let refusals = self.reading.rejects.iter();
        page.counters(
            "refused",
            "Refusals, by reason and by the stage at which they happened.",
            refusals.map(|(reject, n)| ([Label::Reason(reject), Label::Stage(reject.stage())], n as f64)),
        )?;
        let latency = quantiles(self.reading.latency_us).map(|(label, value)| ([label], value));
        page.gauges("latency_seconds", "Last round trip of each session that is connected.", latency)
    }

    fn worlds(&self, page: &mut Page<'_>) -> fmt::Result {
        let worlds = || (0_u8..=u8::MAX).map(Label::World).zip(&self.reading.worlds);
        let each = |of: fn(&World) -> u64| worlds().map(move |(label, world)| ([label], of(world) as f64));
        let both = |of: fn(&World) -> Quantiles| {
            worlds().flat_map(move |(label, world)| quantiles(of(world)).map(|(quantile, value)| ([label, quantile], value)))
        };
        page.counters("ticks", "Room ticks.", each(|world| world.ticks))?;
        page.counters("ticks_skipped", "Room ticks skipped because they came too late.", each(|world| world.skipped))?;
        page.gauges("rooms", "Rooms now.", each(|world| world.rooms))?;
        page.gauges("seats", "Seats taken now.", each(|world| world.seats))?;
        page.gauges("rooms_asleep", "Rooms that sleep until somebody joins them.", each(|world| world.asleep))?;
        let help = "What a world thread gives up: 0 nothing, 1 every second state, 2 speed, 3 new players.";
        page.gauges("overload_step", help, each(|world| world.overload))?;
        let help = "Steps up and down that ladder.";
        page.counters("overload_changes", help, each(|world| world.overload_changes))?;
        let cost = worlds().map(|(label, world)| ([label], world.cost_ns as f64 / 1e9));
        page.gauges("rooms_cost_ratio", "Share of a core that the rooms take, by moving averages of their ticks.", cost)?;
        let help = "States that an overloaded world thread did not send.";
        page.counters("states_thinned", help, each(|world| world.thinned))?;
        page.gauges("rooms_slowed", "Rooms that run slower than their games want.", each(|world| world.slowed))?;
        let help = "Joins and new rooms refused because world threads have too much to do.";
        page.counters("joins_shed", help, [([], self.reading.joins_shed as f64)])?;
        page.counters("scene_packets", "Packets of scenes, one for each player and tick.", each(|world| world.scene_packets))?;
        page.counters("scene_bytes", "Bytes of these packets.", each(|world| world.scene_bytes))?;
        let help = "Entities in these packets that came into sight, changed or left.";
        page.counters("scene_records", help, each(|world| world.scene_records))?;
        let help = "Packets of scenes that an overloaded world thread did not write, one for each player.";
        page.counters("scene_packets_held", help, each(|world| world.scene_held))?;
        let help = "Entities that waited for a later packet because a player's bytes were used up, counted in each tick.";
        page.counters("scene_waiting", help, each(|world| world.scene_waiting))?;
        page.counters("rooms_saved", "Rooms handed over to be written.", each(|world| world.saved))?;
        let help = "Rooms that could not be handed over because the disk was too slow.";
        page.counters("rooms_saved_late", help, each(|world| world.saved_late))?;
        page.counters("rooms_moved", "Rooms that moved to another thread.", each(|world| world.moved))?;
        page.gauges("tick_seconds", "Time that a room tick took in the last half second.", both(|world| world.tick_us))?;
        let help = "How long after its deadline a room tick began, in the last half second.";
        page.gauges("tick_late_seconds", help, both(|world| world.late_us))
    }
}

fn quantiles(us: Quantiles) -> [(Label, f64); 2] {
    [(Quantile::P50, us.p50), (Quantile::P99, us.p99)].map(|(quantile, us)| (Label::Quantile(quantile), us as f64 / 1e6))
}

/// The text under way.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([Label; N], f64)>,
    ) -> fmt::Result {
        self.family(name, help, values, ConstCounter::new)
    }

    fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([Label; N], f64)>,
    ) -> fmt::Result {
        self.family(name, help, values, ConstGauge::new)
    }

    fn family<const N: usize, M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([Label; N], f64)>,
        metric: fn(f64) -> M,
    ) -> fmt::Result {
        let kind = metric(0.0).metric_type();
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in values {
            let metric = metric(value);
            // An empty label set would be written as a pair of braces.
            if N == 0 {
                metric.encode(encoder)?;
                break;
            } else {
                metric.encode(encoder.encode_family(&labels)?)?
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
