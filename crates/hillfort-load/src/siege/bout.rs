//! One bout: a fresh server behind one defence, honest people, a calm time, and the same under one attack. Owns the order of events and
//! nothing of what is measured.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::defence::{self, Defence};
use super::generator::{Flood, Outpost};
use super::honest::{People, Players, Seen};
use super::lab::Lab;
use super::measure::{Meter, Reading, Spent};
use super::scenario::{Plan, Scenario, Sockets};
use super::victim::{PORT, Victim, Wanted};
use crate::bots::Metered;
use crate::child::{Child, OwnProgram};
use crate::machine::Cores;
use crate::report::pause;

/// Time that an attack runs before its effect is measured: the defence is to see it for what it is.
const BEFORE: Duration = Duration::from_millis(1_500);
/// What a bout takes beside its two measurements, at most as a rule.
const AROUND: Duration = Duration::from_secs(7);

/// What all bouts share.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) own: &'a OwnProgram,
    pub(crate) lab: &'a Lab,
    pub(crate) cores: Cores,
    pub(crate) server: PathBuf,
    /// Time of one measurement.
    pub(crate) span: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bout {
    pub(crate) scenario: Scenario,
    pub(crate) defence: Defence,
    pub(crate) round: u32,
    pub(crate) calm: Half,
    pub(crate) attacked: Half,
    /// Last words of the attackers with sockets.
    pub(crate) attackers: Vec<Value>,
}

/// One half: what honest people saw and what the victim spent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Half {
    pub(crate) seen: Seen,
    pub(crate) spent: Spent,
}

impl Stage<'_> {
    /// Longest time of a bout, as a rule.
    pub(crate) fn bout_max(&self) -> Duration {
        self.span * 2 + AROUND
    }
}

/// Fights it.
pub(crate) fn fight(stage: &Stage<'_>, scenario: Scenario, defence: Defence, round: u32) -> anyhow::Result<Bout> {
    let plan = scenario.plan();
    let standing = defence.stand(stage.lab, plan.known)?;
    let wanted = Wanted { filter: defence.filter(), tls: plan.tls, edge: plan.edge, more: plan.settings };
    let victim = Victim::start(&stage.server, stage.lab, &stage.cores, &wanted)?;
    let outpost = Outpost::take(stage.lab, PORT, plan.answers())?;
    let meter = Meter::install(stage.lab, &stage.cores, &victim, &standing, &outpost)?;
    if defence == Defence::Hillfort && plan.known > 0 {
        victim.ban(defence::known_bots(plan.known))?;
    }
    let calm_people = if plan.is_crowd() { People { newcomers_hz: 20.0, ..plan.people } } else { plan.people };
    let mut players = Players::seat(victim.entrance()?, calm_people).with_context(|| said(&victim))?;
    let calm = half(stage, &meter, &mut players)?;

    let begun = Assault::begin(stage, &plan, &outpost, &victim)?;
    players.expect(plan.people);
    pause(BEFORE);
    let attacked = half(stage, &meter, &mut players)?;
    let attackers = begun.end()?;
    players.leave();
    Ok(Bout { scenario, defence, round, calm, attacked, attackers })
}

/// Why the server let somebody not in, as far as it can be asked.
fn said(victim: &Victim) -> String {
    let metrics = match victim.metrics() {
        Ok(metrics) => metrics,
        Err(error) => return format!("the server gives no metrics: {error:#}; its log: {}", victim.log()),
    };
    let refused = metrics.iter().filter(|(_, count)| **count > 0.0);
    let counts: Vec<String> = refused.map(|(name, count)| format!("{name} {count}")).collect();
    format!("the server has refused: [{}]; its log: {}", counts.join(", "), victim.log())
}

/// Counters are read by a thread of its own: whoever reads them does not play meanwhile.
fn half(stage: &Stage<'_>, meter: &Meter<'_>, players: &mut Players) -> anyhow::Result<Half> {
    let (tick, ticks) = mpsc::sync_channel(2);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || ticks.iter().map(|()| meter.read()).collect::<anyhow::Result<Vec<Reading>>>());
        let seen = players.play(stage.lab, stage.span, |_| {
            // A reader that has failed says so below.
            let _failed = tick.send(());
        });
        drop(tick);
        let readings = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let seen = seen?;
        let [begin, end] = &readings[..] else { anyhow::bail!("a measurement has two ends") };
        Ok(Half { seen, spent: begin.until(end) })
    })
}

/// An attack under way.
struct Assault {
    flood: Option<Flood>,
    children: Vec<Child>,
}

impl Assault {
    fn begin(stage: &Stage<'_>, plan: &Plan, outpost: &Outpost, victim: &Victim) -> anyhow::Result<Self> {
        let span = BEFORE + Metered::WARM_UP + stage.span + Duration::from_secs(2);
        let flood = plan.packet.map(|packet| outpost.flood(stage.lab, packet, PORT, plan.rate, span, true)).transpose()?;
        let mut children = vec![];
        if let Some(Sockets { kind, processes, sockets }) = plan.sockets {
            for part in 0..processes {
                let (target, seconds) = (victim.door().address.to_string(), span.as_secs_f64().min(10.0).to_string());
                let (part, sockets) = (part.to_string(), sockets.to_string());
                let name = kind.name();
                let mut command = stage.own.command(&["attack", &name, "--lab", "--progress", "json"]);
                command.args([
                    "--target",
                    &target,
                    "--seconds",
                    &seconds,
                    "--part",
                    &part,
                    "--sockets",
                    &sockets,
                    "--game",
                    "hilltop",
                ]);
                command.env("HILLFORT_LOAD_SECRET_HEX", victim.secret_hex());
                if let Some(from) = plan.people.behind {
                    command.args(["--from", &from.to_string()]);
                }
                command.stdout(std::process::Stdio::piped());
                children.push(Child::start(command)?);
            }
        }
        Ok(Self { flood, children })
    }

    /// Waits for its end; what the attackers with sockets said last.
    fn end(self) -> anyhow::Result<Vec<Value>> {
        if let Some(flood) = self.flood {
            flood.end()?;
        }
        self.children.into_iter().map(last_words).collect()
    }
}

fn last_words(mut child: Child) -> anyhow::Result<Value> {
    loop {
        let line: Value = serde_json::from_str(&child.line()?)?;
        if line["done"] == true {
            return Ok(line);
        }
    }
}

impl Bout {
    /// Nanoseconds of the kernel's time for a packet of the attack.
    pub(crate) fn ns_per_packet(&self) -> Option<f64> {
        // An attack by connections is not measured in packets.
        (self.attacked.spent.made > 0).then(|| self.attacked.spent.ns_per_packet(&self.calm.spent))?
    }

    /// Packets a second that the attacker made.
    pub(crate) fn offered_hz(&self) -> f64 {
        self.attacked.spent.made as f64 / self.attacked.spent.seconds.max(1e-9)
    }

    /// Sum of a count of the attackers with sockets.
    pub(crate) fn attackers_sum(&self, field: &str) -> u64 {
        self.attackers.iter().filter_map(|attacker| attacker[field].as_u64()).sum()
    }

    /// One line.
    pub(crate) fn text(&self) -> String {
        let Half { seen, spent } = &self.attacked;
        let cost = self.ns_per_packet().map_or_else(String::new, |ns| format!(", {ns:.0} ns a packet"));
        format!(
            "frames {:.2} %, p99 {:.2} ms (calm {:.2}), newcomers {:.1} %, {:.0} packets/s, core {:.0} % (calm {:.0}){cost}",
            seen.frames.goodput_percent(),
            seen.frames.latency.p99_us as f64 / 1e3,
            self.calm.seen.frames.latency.p99_us as f64 / 1e3,
            seen.newcomers.percent(),
            self.offered_hz(),
            100.0 * spent.core_share(),
            100.0 * self.calm.spent.core_share(),
        )
    }
}
