//! The report of a siege: one line for each attack and defence, the promises, and both as JSON, Markdown and a chart. Knows nothing of how
//! anything was measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::bout::Bout;
use super::capture::Sample;
use super::chart;
use super::defence::Defence;
use super::scenario::Scenario;
use crate::machine::{Machine, median};
use crate::report::RESULTS;
use crate::report::figure::{self, Figure};
use crate::table::{number, print};

/// The result file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Goes up when fields change their meaning.
    pub(crate) schema: u32,
    pub(crate) date: String,
    pub(crate) version: String,
    pub(crate) machine: Machine,
    pub(crate) separate_cores: bool,
    pub(crate) short: bool,
    /// Length of each calm time and of each attack.
    pub(crate) seconds: f64,
    pub(crate) generator: Sample,
    /// What was not measured, and why.
    pub(crate) left_out: Vec<String>,
    pub(crate) promises: Vec<Figure>,
    pub(crate) bouts: Vec<Bout>,
}

/// All rounds of one attack against one defence: medians, but for what is said to be the worst.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) defence: Defence,
    /// Packets a second made by the generator, taken in by the victim, and lost before it could.
    pub(crate) offered_hz: f64,
    pub(crate) received_hz: f64,
    pub(crate) lost_hz: f64,
    /// Honest frames answered, percent; the worst round.
    pub(crate) kept: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) calm_p99_ms: f64,
    /// Newcomers let in, percent; the worst round.
    pub(crate) newcomers: f64,
    /// Of the victim's core, percent.
    pub(crate) core: f64,
    pub(crate) calm_core: f64,
    pub(crate) ns_per_packet: Option<f64>,
    /// Where packets and connections ended, with how many a second, the most first.
    pub(crate) fates: Vec<(String, f64)>,
}

impl Report {
    /// Prints it and writes its files.
    pub(crate) fn deliver(&self, folder: Option<&Path>) -> anyhow::Result<()> {
        print(&(self.head() + "\n" + &figure::table(&self.promises)))?;
        let folder = folder.or_else(|| Path::new(RESULTS).is_dir().then(|| Path::new(RESULTS)));
        let Some(folder) = folder else { return print(&self.markdown("")) };
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let name = format!("siege-{}", self.date);
        let files = [
            ("json", serde_json::to_string_pretty(self)? + "\n"),
            ("md", self.markdown(&format!("{name}.svg"))),
            ("svg", chart::draw(&self.rows())),
        ];
        for (ending, text) in files {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            print(&format!("written to {}\n", path.display()))?;
        }
        Ok(())
    }

    /// One row for each attack and defence.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut groups: BTreeMap<(Scenario, Defence), Vec<&Bout>> = BTreeMap::new();
        for bout in &self.bouts {
            groups.entry((bout.scenario, bout.defence)).or_default().push(bout);
        }
        groups.into_iter().map(|(key, bouts)| Row::of(key, &bouts)).collect()
    }

    fn head(&self) -> String {
        let short = if self.short { "\nthe short form: too short for figures to be quoted" } else { "" };
        self.machine.headline(self.separate_cores) + short
    }

    fn markdown(&self, chart: &str) -> String {
        let mut text = format!("# Siege of {}\n\n{}\n\n", self.date, self.head().trim().replace('\n', "\n\n"));
        let mut add = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        add(&format!(
            "Hillfort {}. One core for the victim (its server, and the thread that takes packets in), one for everybody else; a veth pair \
             between them. Each attack is measured for {} s after a calm time of the same length. Packets are not connections: a SYN that \
             is dropped or answered by a cookie never was one.\n",
            self.version, self.seconds
        ));
        add(&format!("Generator: {}.\n", self.generator.text()));
        if !chart.is_empty() {
            add(&format!("![Chart of all attacks and defences]({chart})\n"));
        }
        add("## Promises\n\n| what | measured | promised | |\n| --- | ---: | ---: | --- |");
        for promise in &self.promises {
            add(&promise.markdown());
        }
        add("\n## Attacks\n");
        add(
            "| attack | defence | packets/s | taken in | lost | frames kept | p50 ms | p99 ms | calm p99 | newcomers in | core | calm core | ns a packet |",
        );
        add("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        let rows = self.rows();
        for row in &rows {
            add(&row.markdown());
        }
        add("\n## Where it ended, a second\n\n| attack | defence | |\n| --- | --- | --- |");
        for row in &rows {
            let fates: Vec<String> = row.fates.iter().map(|(fate, hz)| format!("{fate} {}", number(*hz))).collect();
            add(&format!("| {} | {} | {} |", row.scenario.name(), row.defence.name(), fates.join("; ")));
        }
        if !self.left_out.is_empty() {
            add("\n## Not measured\n");
            self.left_out.iter().for_each(|what| add(&format!("- {what}")));
        }
        text
    }
}

impl Row {
    fn of((scenario, defence): (Scenario, Defence), bouts: &[&Bout]) -> Self {
        let mid = |of: &dyn Fn(&Bout) -> f64| median(&bouts.iter().map(|bout| of(bout)).collect::<Vec<_>>());
        let least = |of: &dyn Fn(&Bout) -> f64| bouts.iter().map(|bout| of(bout)).fold(f64::INFINITY, f64::min);
        let costs: Vec<f64> = bouts.iter().filter_map(|bout| bout.ns_per_packet()).collect();
        let rate = |count: u64, bout: &Bout| count as f64 / bout.attacked.spent.seconds.max(1e-9);
        Self {
            scenario,
            defence,
            offered_hz: mid(&Bout::offered_hz),
            received_hz: mid(&|bout| rate(bout.attacked.spent.received, bout)),
            lost_hz: mid(&|bout| rate(bout.attacked.spent.lost, bout)),
            kept: least(&|bout| bout.attacked.seen.frames.goodput_percent()),
            p50_ms: mid(&|bout| bout.attacked.seen.frames.latency.p50_us as f64 / 1e3),
            p99_ms: mid(&|bout| bout.attacked.seen.frames.latency.p99_us as f64 / 1e3),
            calm_p99_ms: mid(&|bout| bout.calm.seen.frames.latency.p99_us as f64 / 1e3),
            newcomers: least(&|bout| bout.attacked.seen.newcomers.percent()),
            core: mid(&|bout| 100.0 * bout.attacked.spent.core_share()),
            calm_core: mid(&|bout| 100.0 * bout.calm.spent.core_share()),
            ns_per_packet: (!costs.is_empty()).then(|| median(&costs)),
            fates: fates(bouts),
        }
    }

    fn markdown(&self) -> String {
        let Self {
            scenario,
            defence,
            offered_hz,
            received_hz,
            lost_hz,
            kept,
            p50_ms,
            p99_ms,
            calm_p99_ms,
            newcomers,
            core,
            calm_core,
            ..
        } = self;
        let cost = self.ns_per_packet.map_or_else(|| "–".to_owned(), |ns| format!("{ns:.0}"));
        format!(
            "| {} | {} | {} | {} | {} | {kept:.2} % | {p50_ms:.2} | {p99_ms:.2} | {calm_p99_ms:.2} | {newcomers:.1} % | {core:.0} % | \
             {calm_core:.0} % | {cost} |",
            scenario.name(),
            defence.name(),
            number(offered_hz.round()),
            number(received_hz.round()),
            number(lost_hz.round()),
        )
    }
}

/// Where packets and connections ended, from the counters of whoever counted them, a second.
fn fates(bouts: &[&Bout]) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    let mut seconds = 0.0;
    for bout in bouts {
        let spent = &bout.attacked.spent;
        seconds += spent.seconds;
        let hillfort =
            spent.hillfort.iter().filter(|(name, _)| name.starts_with("kernel_packets") || name.starts_with("refused"));
        let hillfort = hillfort.map(|(name, count)| (name.replace("kernel_packets", "filter:"), *count));
        let kernel = spent.kernel.iter().map(|(name, count)| (format!("kernel: {name}"), *count as f64));
        let nft = spent
            .nft
            .iter()
            .flat_map(|[known, limited]| [("nft: known bots", *known), ("nft: too many of one source", *limited)]);
        let nft = nft.map(|(name, count)| (name.to_owned(), count as f64));
        let bots = [("handshakes of bots".to_owned(), spent.completed as f64)];
        hillfort.chain(kernel).chain(nft).chain(bots).for_each(|(name, count)| *sums.entry(name).or_default() += count);
    }
    let rate = |sum: f64| sum / f64::max(seconds, 1e-9);
    let mut fates: Vec<_> = sums.into_iter().map(|(name, sum)| (name, rate(sum))).filter(|(_, hz)| *hz >= 0.5).collect();
    fates.sort_by(|a, b| b.1.total_cmp(&a.1));
    fates
}

impl Figure {
    /// A row of a table in Markdown.
    fn markdown(&self) -> String {
        let mut row = String::new();
        // Writing to a string cannot fail.
        let _infallible = write!(
            row,
            "| {}: {} | {} {} | {} | {} |",
            self.name,
            self.text,
            number(self.value),
            self.unit,
            self.promise.text(&self.unit),
            if self.met { "met" } else { "**missed**" }
        );
        row
    }
}

#[cfg(test)]
mod tests;
