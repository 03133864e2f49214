//! One figure of the report: what was measured, what is promised, whether the promise is met. Knows nothing of how it was measured.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Table, number};

/// A measured figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Stable name, as the specification uses it.
    pub(crate) name: String,
    /// What it says, for people.
    pub(crate) text: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) promise: Promise,
    pub(crate) met: bool,
    /// What it was computed from.
    pub(crate) detail: Value,
}

/// A bound that the specification gives, in the figure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Promise {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub(crate) fn new(name: &str, text: &str, value: f64, unit: &str, promise: Promise, detail: Value) -> Self {
        // Nothing measured is not a promise kept.
        let met = value.is_finite() && promise.is_met(value);
        Self { name: name.to_owned(), text: text.to_owned(), value, unit: unit.to_owned(), promise, met, detail }
    }
}

impl Promise {
    /// The bound with its unit.
    pub(crate) fn text(self, unit: &str) -> String {
        let (sign, bound) = match self {
            Self::AtLeast(bound) => ('≥', bound),
            Self::AtMost(bound) => ('≤', bound),
        };
        format!("{sign} {} {unit}", number(bound)).trim_end().to_owned()
    }

    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// All figures, aligned.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut table = Table::new(&["figure", "measured", "promised", ""]);
    for Figure { name, text, value, unit, promise, met, .. } in figures {
        let verdict = if *met { "met" } else { "MISSED" };
        table.row(vec![format!("{name}: {text}"), format!("{} {unit}", number(*value)), promise.text(unit), verdict.to_owned()]);
    }
    table.render()
}
