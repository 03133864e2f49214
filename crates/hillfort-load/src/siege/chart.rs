//! The chart of a siege, drawn as SVG by hand: for each attack and defence what honest people kept, what they waited and what the victim's
//! core did. Readable on light and dark ground. Knows nothing but rows.

use std::fmt::Write as _;

use super::defence::Defence;
use super::report::Row;

const ROW: usize = 20;
const GAP: usize = 16;
const HEAD: usize = 76;
/// Left ends of the columns of bars, and how wide each is.
const COLUMNS: [usize; 4] = [250, 430, 610, 790];
const WIDTH: usize = 150;
const TOTAL: usize = 960;
/// The latency column is logarithmic, from this ...
const MS_MIN: f64 = 0.1;
/// ... to this.
const MS_MAX: f64 = 1_000.0;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#30343b}.dim{fill:#6a707a}.head{font-weight:600}.title{font-size:15px;font-weight:600}\
.ground{fill:#8884}.hillfort{fill:#2f9e63}.nftables{fill:#c98a1b}.kernel{fill:#c2504a}.floor{fill:#6f7f95}.mark{stroke:#6a707a;stroke-dasharray:2 3}\
@media(prefers-color-scheme:dark){text{fill:#dfe3ea}.dim{fill:#9aa1ad}}";

/// Draws it.
pub(crate) fn draw(rows: &[Row]) -> String {
    let mut body = String::new();
    let mut y = HEAD;
    let mut last = None;
    for row in rows {
        if last != Some(row.scenario) {
            y += if last.is_some() { GAP } else { 0 };
            last = Some(row.scenario);
            text(&mut body, 10, y + 14, "head", &row.scenario.name());
        }
        line(&mut body, row, y);
        y += ROW;
    }
    let height = y + 24;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {TOTAL} {height}\" width=\"{TOTAL}\" height=\"{height}\" role=\"img\" \
         aria-label=\"What honest players kept under each attack, behind each defence\"><style>{STYLE}</style>\n"
    );
    text(&mut svg, 10, 24, "title", "What honest players kept under each attack, behind each defence");
    let heads =
        ["frames kept, worst round", "newcomers let in, worst round", "p99 of frames, log; | calm", "victim's core; | calm"];
    for (x, head) in COLUMNS.into_iter().zip(heads) {
        text(&mut svg, x, 58, "dim", head);
    }
    svg + &body + "</svg>\n"
}

fn line(out: &mut String, row: &Row, y: usize) {
    let class = match row.defence {
        Defence::Hillfort => "hillfort",
        Defence::Nftables => "nftables",
        Defence::Kernel => "kernel",
        Defence::Floor => "floor",
    };
    text(out, 160, y + 14, "", row.defence.name());
    let bars = [
        (row.kept / 100.0, None, format!("{:.1} %", row.kept)),
        (row.newcomers / 100.0, None, format!("{:.1} %", row.newcomers)),
        (log(row.p99_ms), Some(log(row.calm_p99_ms)), format!("{:.1} ms", row.p99_ms)),
        (row.core / 100.0, Some(row.calm_core / 100.0), format!("{:.0} %", row.core)),
    ];
    for (x, (share, mark, label)) in COLUMNS.into_iter().zip(bars) {
        let bar = WIDTH - 56;
        rect(out, x, y + 4, bar as f64, "ground");
        rect(out, x, y + 4, bar as f64 * share.clamp(0.0, 1.0), class);
        if let Some(mark) = mark {
            let at = x as f64 + bar as f64 * mark.clamp(0.0, 1.0);
            put(out, &format!("<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{}\"/>\n", y + 2, y + 18));
        }
        text(out, x + bar + 6, y + 14, "", &label);
    }
}

/// Where a latency stands between the two ends of the scale.
fn log(ms: f64) -> f64 {
    (ms.max(MS_MIN) / MS_MIN).log10() / (MS_MAX / MS_MIN).log10()
}

fn rect(out: &mut String, x: usize, y: usize, width: f64, class: &str) {
    put(out, &format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width:.1}\" height=\"12\" rx=\"2\"/>\n"));
}

/// `words` are ours: nothing in them needs to be escaped.
fn text(out: &mut String, x: usize, y: usize, class: &str, words: &str) {
    put(out, &format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>\n"));
}

fn put(out: &mut String, what: &str) {
    // Writing to a string cannot fail.
    let _infallible = out.write_str(what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_latencies_has_its_ends() {
        let check = |ms: f64, expect: f64| assert!((log(ms) - expect).abs() < 1e-9, "{ms}: {}", log(ms));
        check(0.0, 0.0);
        check(0.1, 0.0);
        check(10.0, 0.5);
        check(1_000.0, 1.0);
    }
}
