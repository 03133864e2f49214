//! One figure of the report: what was measured, what is promised, whether the promise is met. Knows nothing of how it was measured.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Table, number};

/// A measured figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    /// Stable name, as the specification uses it.
    pub(super) name: String,
    /// What it says, for people.
    pub(super) text: String,
    pub(super) value: f64,
    pub(super) unit: String,
    pub(super) promise: Promise,
    pub(super) met: bool,
    /// What it was computed from.
    pub(super) detail: Value,
}

/// A bound that the specification gives, in the figure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Promise {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(super) fn new(name: &str, text: &str, value: f64, unit: &str, promise: Promise, detail: Value) -> Self {
        // Nothing measured is not a promise kept.
        let met = value.is_finite() && promise.is_met(value);
        Self { name: name.to_owned(), text: text.to_owned(), value, unit: unit.to_owned(), promise, met, detail }
    }
}

impl Promise {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// All figures, aligned.
pub(super) fn table(figures: &[Figure]) -> String {
    let mut table = Table::new(&["figure", "measured", "promised", ""]);
    for Figure { name, text, value, unit, promise, met, .. } in figures {
        let promised = match promise {
            Promise::AtLeast(bound) => format!("≥ {}", number(*bound)),
            Promise::AtMost(bound) => format!("≤ {}", number(*bound)),
        };
        let verdict = if *met { "met" } else { "MISSED" };
        table.row(vec![
            format!("{name}: {text}"),
            format!("{} {unit}", number(*value)),
            format!("{promised} {unit}"),
            verdict.to_owned(),
        ]);
    }
    table.render()
}
