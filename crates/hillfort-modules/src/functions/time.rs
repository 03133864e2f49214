//! Time and schedules.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError, Values};

use super::check::{filled_text, wrong};
use super::{Function, Runs, limits, number, one, row};
use crate::calendar;
use crate::cron::Cron;
use crate::desk::Desk;

/// What a search through the calendar costs at most.
const SEARCH_STEPS: u32 = 2000;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "time",
        "parts = nil",
        "number",
        "UTC milliseconds: now, or of a table with `year`, `month`, `day` and perhaps `hour` (12), `min`, `sec`, `msec`.",
        Runs::Here(time),
    ),
    row(
        "cron_next",
        "expression, seconds",
        "number",
        "The first moment of a schedule after `seconds` (UTC).",
        Runs::Here(|_, c, a| moment(c, a, Cron::next)),
    ),
    row(
        "cron_prev",
        "expression, seconds",
        "number",
        "The last moment of a schedule before `seconds` (UTC).",
        Runs::Here(|_, c, a| moment(c, a, Cron::last)),
    ),
];

/// The farthest year that a table of a date may have: in milliseconds, with all other parts at their bounds, it is far from what 64 bits hold.
const YEAR_MAX: i64 = 1_000_000;

fn time(desk: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    if arguments.is_empty() {
        return Ok(one(number(desk.now_ms())));
    }
    let parts = arguments.table(1, limits())?;
    let part = |name: &str, default: Option<i64>| match parts.get(name) {
        #[expect(clippy::cast_possible_truncation, reason = "bounded in the next line")]
        Data::Number(value) => Some(*value as i64)
            .filter(|value| value.unsigned_abs() < 1_000_000_000)
            .ok_or_else(|| wrong(1, &format!("{name} is out of bounds"))),
        _ => default.ok_or_else(|| wrong(1, &format!("field '{name}' missing in date table"))),
    };
    let year = part("year", None)?;
    if year.abs() > YEAR_MAX {
        return Err(wrong(1, "year is out of bounds"));
    }
    let days = calendar::days(year, part("month", None)?, part("day", None)?);
    let seconds = days * calendar::DAY_S + part("hour", Some(12))? * 3600 + part("min", Some(0))? * 60 + part("sec", Some(0))?;
    Ok(one(number(seconds * 1000 + part("msec", Some(0))?)))
}

fn moment(charge: &Charge<'_>, arguments: &Arguments, search: fn(&Cron, i64) -> Option<i64>) -> Result<Values, HostError> {
    let text = filled_text(arguments, 1, "expects cron string")?;
    let from = arguments.integer(2)?;
    if from == 0 {
        return Err(wrong(2, "expects timestamp in seconds"));
    }
    charge.steps(SEARCH_STEPS);
    let cron = Cron::parse(&text).ok_or_else(|| wrong(1, "expects a valid cron string"))?;
    search(&cron, from).map(|moment| one(number(moment))).ok_or_else(|| wrong(1, "expects a schedule that has such a moment"))
}
