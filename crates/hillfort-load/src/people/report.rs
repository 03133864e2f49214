//! The report: each step, each class in it, and what a sweep shows. Owns the form, JSON and Markdown; knows nothing of how it was measured.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::json;

use super::Args;
use super::mix::Mix;
use super::tally::Figures;
use crate::machine::Machine;
use crate::report::figure::{self, Figure, Promise};
use crate::table::{Table, number, print};

/// Goodput past saturation against the best of all steps: flat is no less than this.
const FLAT: f64 = 0.9;
/// p99 of admitted calls, milliseconds.
const P99_MS_MAX: f64 = 80.0;
/// From this part of a core on, the players' own thread may be what is slow.
const BUSY: f64 = 0.9;

/// A load, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    /// Calls a second that were due.
    pub(super) offered_hz: f64,
    /// Calls a second that were answered, and well.
    pub(super) goodput_hz: f64,
    /// Calls a second that were refused because there was too much to do.
    refused_hz: f64,
    seconds: f64,
    /// Share of a core that the players' thread used.
    players_busy: f64,
    /// Cores that the server used, if it was said which process it is.
    server_busy: Option<f64>,
    /// Each class, and all together at the end.
    classes: Vec<Figures>,
}

/// The result file.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Goes up when fields change their meaning.
    schema: u32,
    date: String,
    version: &'static str,
    machine: Machine,
    server: String,
    url: String,
    /// Server and players share a machine.
    is_here: bool,
    mix: Mix,
    players: u32,
    steps: Vec<Step>,
    /// Of a sweep.
    figures: Vec<Figure>,
}

impl Step {
    /// `classes` has all together at the end.
    pub(super) fn new(rate_hz: f64, span: Duration, classes: Vec<Figures>, players_busy: f64, server_busy: Option<f64>) -> Self {
        let per_s = |pick: fn(&Figures) -> u64| classes.last().map_or(0.0, |all| pick(all) as f64 / span.as_secs_f64());
        // What was due, as it was: at the edges of the time a call more or less.
        let offered_hz = if classes.is_empty() { rate_hz } else { per_s(|all| all.offered) };
        Self {
            offered_hz,
            goodput_hz: per_s(|all| all.ok),
            refused_hz: per_s(|all| all.refused),
            seconds: span.as_secs_f64(),
            players_busy,
            server_busy,
            classes,
        }
    }

    /// What is said while it goes on.
    pub(super) fn line(&self) -> String {
        let p99 = self.p99_ms();
        format!(
            "{} calls/s offered: {} done, {} refused; p99 of admitted {} ms\n",
            number(self.offered_hz),
            number(self.goodput_hz),
            number(self.refused_hz),
            number(p99)
        )
    }

    fn p99_ms(&self) -> f64 {
        self.classes.last().map_or(0.0, |all| ms(all.admitted.p99_us))
    }
}

fn ms(us: u64) -> f64 {
    us as f64 / 1e3
}

impl Report {
    pub(super) fn new(date: String, machine: Machine, args: &Args, is_here: bool, steps: Vec<Step>) -> Self {
        let figures = if args.sweep { figures(&steps) } else { vec![] };
        Self {
            schema: 1,
            date,
            version: env!("CARGO_PKG_VERSION"),
            machine,
            server: args.name.clone(),
            url: args.url.clone(),
            is_here,
            mix: args.mix,
            players: args.count,
            steps,
            figures,
        }
    }

    /// Prints it, and writes its files if there is a folder for them.
    pub(super) fn deliver(&self, folder: Option<&Path>) -> anyhow::Result<()> {
        print(&self.text())?;
        let Some(folder) = folder else { return Ok(()) };
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for (ending, text) in [("json", serde_json::to_string_pretty(self)? + "\n"), ("md", self.markdown())] {
            let path = folder.join(format!("people-{}.{ending}", self.date));
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            print(&format!("written to {}\n", path.display()))?;
        }
        Ok(())
    }

    /// What is wrong with the measurement, if anything.
    fn warnings(&self) -> Vec<String> {
        let slow: Vec<_> =
            self.steps.iter().filter(|step| step.players_busy > BUSY).map(|step| number(step.offered_hz)).collect();
        let mut warnings = vec![];
        if !slow.is_empty() {
            let steps = slow.join(", ");
            warnings.push(format!(
                "the players' own thread was busy for more than 90 % of the time at {steps} calls/s: latencies are too high there"
            ));
        }
        warnings
    }

    fn text(&self) -> String {
        let mut table =
            Table::new(&["", "offered", "held", "ok", "refused", "failed", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"]);
        for step in &self.steps {
            for of in &step.classes {
                let mut row = vec![format!("{} at {}/s", of.class, number(step.offered_hz))];
                row.extend([of.offered, of.held, of.ok, of.refused, of.failed].map(|count| number(count as f64)));
                row.extend(latencies(of).map(number));
                table.row(row);
            }
        }
        let mut text = format!("\n{}, {} players, mix {}\n", self.server, self.players, self.mix);
        text += &self.machine.headline(true);
        text += &table.render();
        for (end, times) in self.steps.last().and_then(|step| step.classes.last()).iter().flat_map(|all| &all.ends) {
            let _ = writeln!(text, "  {end}: {times}");
        }
        for warning in self.warnings() {
            let _ = writeln!(text, "{warning}");
        }
        if !self.figures.is_empty() {
            text += &figure::table(&self.figures);
        }
        text
    }

    fn markdown(&self) -> String {
        let Machine { processor, cores, memory_mib, kernel, load_average } = &self.machine;
        let mut text = format!(
            "# People on {}, {}\n\n`hillfort load people`, version {}: {} players, mix `{}`, {} \
             ({processor}, {cores} cores, {memory_mib} MiB, Linux {kernel}, load before the run {load_average}).\n",
            self.server,
            self.date,
            self.version,
            self.players,
            self.mix,
            if self.is_here { "server and players on one machine" } else { "the players' machine" }
        );
        for warning in self.warnings() {
            let _ = write!(text, "\n**Mind**: {warning}.\n");
        }
        text += "\nLatencies count from when a call was due. *Held*: its player still waited for an answer. *Refused*: codes 8 and 14, HTTP 429 and 503.\n";
        for Figure { name, text: what, value, unit, promise, met, .. } in &self.figures {
            let verdict = if *met { "met" } else { "**missed**" };
            let _ = write!(text, "\n- `{name}`: {what}: {} {unit}, promised {}: {verdict}", number(*value), promise.text(unit));
        }
        text += "\n\n## Steps\n\n| offered/s | done/s | refused/s | p50 ms | p99 ms | p99.9 ms | p99 of refusals ms | server, cores | players, cores |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for step in &self.steps {
            let Some(all) = step.classes.last() else { continue };
            let [p50, _, p99, p999, _] = latencies(all).map(number);
            let server = step.server_busy.map_or_else(|| "–".to_owned(), number);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {p50} | {p99} | {p999} | {} | {server} | {} |",
                number(step.offered_hz),
                number(step.goodput_hz),
                number(step.refused_hz),
                number(ms(all.refusals.p99_us)),
                number(step.players_busy)
            );
        }
        text += "\n## Classes\n\n| offered/s | class | offered | held | ends | p50 ms | p90 ms | p99 ms | p99.9 ms | max ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for step in &self.steps {
            for of in &step.classes {
                let ends: Vec<_> = of.ends.iter().map(|(end, times)| format!("{end} {times}")).collect();
                let [p50, p90, p99, p999, max] = latencies(of).map(number);
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {p50} | {p90} | {p99} | {p999} | {max} |",
                    number(step.offered_hz),
                    of.class,
                    of.offered,
                    of.held,
                    ends.join(", ")
                );
            }
        }
        text
    }
}

fn latencies(of: &Figures) -> [f64; 5] {
    let all = of.admitted;
    [all.p50_us, all.p90_us, all.p99_us, all.p999_us, all.max_us].map(ms)
}

/// What a sweep shows: goodput past its best step, and the latency of those who were let in.
fn figures(steps: &[Step]) -> Vec<Figure> {
    let best = steps.iter().map(|step| step.goodput_hz).fold(0.0, f64::max);
    let at = steps.iter().position(|step| step.goodput_hz >= best).unwrap_or(0);
    let worst = steps[at..].iter().map(|step| step.goodput_hz).fold(f64::INFINITY, f64::min);
    let p99_ms = steps.iter().map(Step::p99_ms).fold(0.0, f64::max);
    let detail = json!(steps.iter().map(|step| [step.offered_hz, step.goodput_hz, step.p99_ms()]).collect::<Vec<_>>());
    let flat = if best > 0.0 { worst / best } else { f64::NAN };
    vec![
        Figure::new(
            "people-goodput",
            "least goodput past the best step, as a part of it",
            flat,
            "",
            Promise::AtLeast(FLAT),
            detail.clone(),
        ),
        Figure::new("people-p99", "p99 of admitted calls, worst step", p99_ms, "ms", Promise::AtMost(P99_MS_MAX), detail),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::mix::Class;
    use super::super::tally::{End, Tally};
    use super::*;

    fn step(offered: u64, ok: u64, latency_ms: u64) -> Step {
        let mut tally = Tally::new();
        for at in 0..offered {
            tally.offer(Class::Read, false);
            let end = if at < ok { End::Ok } else { End::Code(14) };
            tally.end(Class::Read, end, Duration::from_millis(if at < ok { latency_ms } else { 1 }));
        }
        Step::new(offered as f64, Duration::from_secs(1), tally.figures(), 0.5, None)
    }

    #[test]
    fn goodput_is_flat_or_it_is_not() {
        let check = |steps: &[Step], flat: bool, quick: bool| {
            let figures = figures(steps);
            assert_eq!((figures[0].met, figures[1].met), (flat, quick), "{figures:?}");
        };
        check(&[step(100, 100, 2), step(200, 180, 70), step(300, 170, 79)], true, true);
        check(&[step(100, 100, 2), step(200, 180, 70), step(300, 100, 79)], false, true);
        check(&[step(100, 100, 2), step(200, 180, 90)], true, false);
        check(&[step(100, 0, 2)], false, true);
        check(&[step(50, 40, 2), step(100, 100, 2)], true, true);
    }
}
