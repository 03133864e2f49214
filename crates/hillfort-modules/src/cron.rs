//! Schedules in cron's form, as `github.com/gorhill/cronexpr` reads them, which is what Nakama uses. Owns the form and the search for the next and the
//! last moment; UTC only.
//!
//! Five fields: minute, hour, day of month, month, day of week. Six: with a year behind. Seven: with seconds before. A field is `*`, `?`, a value, a range
//! `a-b`, any of them with a step `/n`, or several with commas. Months and days of the week have names. Days of the month may be `L` (last), `LW` (last
//! working day), `15W` (working day next to the 15th); days of the week `5L` (last Friday) and `5#2` (second Friday). Where both kinds of days are
//! said, either is enough.

use crate::calendar::{DAY_S, date, days, month_days, weekday};

const YEAR_MIN: i64 = 1970;
const YEAR_MAX: i64 = 2099;
/// Bytes of an expression.
const TEXT_MAX: usize = 1024;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORT: [(&str, &str); 7] = [
    ("@annually", "0 0 0 1 1 * *"),
    ("@yearly", "0 0 0 1 1 * *"),
    ("@monthly", "0 0 0 1 * * *"),
    ("@weekly", "0 0 0 * * 0 *"),
    ("@daily", "0 0 0 * * * *"),
    ("@hourly", "0 0 * * * * *"),
    ("@midnight", "0 0 0 * * * *"),
];

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    months: u64,
    years: Vec<bool>,
    days: Days,
    weekdays: Weekdays,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Days {
    any: bool,
    set: u64,
    last: bool,
    last_working: bool,
    near: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Weekdays {
    any: bool,
    set: u64,
    last: u64,
    /// By week, from 1.
    nth: [u64; 6],
}

/// What a field may hold.
#[derive(Clone, Copy)]
struct Span {
    low: i64,
    high: i64,
    names: &'static [&'static str],
}

impl Span {
    const fn new(low: i64, high: i64) -> Self {
        Self { low, high, names: &[] }
    }

    fn value(&self, text: &str) -> Option<i64> {
        if let Some(at) = self.names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
            // Months count from 1, days of the week from 0: as their spans do.
            return i64::try_from(at).ok().map(|at| at + self.low);
        }
        let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| digits)?;
        (self.low..=self.high).contains(&value).then_some(value)
    }

    /// The values of one part of a field.
    fn part(&self, text: &str) -> Option<Vec<i64>> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<i64>().ok().filter(|step| (1..=10_000).contains(step))?)),
            None => (text, None),
        };
        let (low, high) = if range == "*" || range == "?" {
            (self.low, self.high)
        } else if let Some((low, high)) = range.split_once('-') {
            (self.value(low)?, self.value(high)?)
        } else {
            let value = self.value(range)?;
            (value, if step.is_some() { self.high } else { value })
        };
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        (low <= high).then(|| (low..=high).step_by(step).collect())
    }

    fn set(&self, text: &str) -> Option<u64> {
        text.split(',').try_fold(0, |set, part| Some(set | bits(&self.part(part)?)))
    }
}

fn bits(values: &[i64]) -> u64 {
    values.iter().fold(0, |set, value| set | 1 << value)
}

fn has(set: u64, value: i64) -> bool {
    set >> value & 1 == 1
}

impl Cron {
    /// Reads an expression.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let text = text.trim();
        let long = SHORT.iter().find(|(short, _)| text.eq_ignore_ascii_case(short)).map_or(text, |(_, long)| long);
        let fields: Vec<&str> = long.split_ascii_whitespace().collect();
        let [second, minute, hour, day, month, weekday, year] = match *fields.as_slice() {
            [minute, hour, day, month, weekday] => ["0", minute, hour, day, month, weekday, "*"],
            [minute, hour, day, month, weekday, year] => ["0", minute, hour, day, month, weekday, year],
            [second, minute, hour, day, month, weekday, year] => [second, minute, hour, day, month, weekday, year],
            _ => return None,
        };
        let span = Span::new(YEAR_MIN, YEAR_MAX);
        let mut years = vec![false; usize::try_from(YEAR_MAX - YEAR_MIN + 1).ok()?];
        for part in year.split(',') {
            for value in span.part(part)? {
                years[usize::try_from(value - YEAR_MIN).ok()?] = true;
            }
        }
        Some(Self {
            seconds: Span::new(0, 59).set(second)?,
            minutes: Span::new(0, 59).set(minute)?,
            hours: Span::new(0, 23).set(hour)?,
            months: Span { names: &MONTHS, ..Span::new(1, 12) }.set(month)?,
            years,
            days: Days::parse(day)?,
            weekdays: Weekdays::parse(weekday)?,
        })
    }

    /// The first moment after `after_s`, UTC seconds.
    pub(crate) fn next(&self, after_s: i64) -> Option<i64> {
        self.search(after_s, true)
    }

    /// The last moment before `before_s`, UTC seconds.
    pub(crate) fn last(&self, before_s: i64) -> Option<i64> {
        self.search(before_s, false)
    }

    fn search(&self, from_s: i64, forwards: bool) -> Option<i64> {
        let first = days(YEAR_MIN, 1, 1);
        let end = days(YEAR_MAX + 1, 1, 1);
        let step = if forwards { 1 } else { -1 };
        let start = from_s.div_euclid(DAY_S);
        // The day itself may hold it still, on one side of the moment.
        if (first..end).contains(&start)
            && self.day_fits(start)
            && let Some(second) = self.second(from_s.rem_euclid(DAY_S), forwards)
        {
            return Some(start * DAY_S + second);
        }
        let whole = if forwards { -1 } else { DAY_S };
        let second = self.second(whole, forwards)?;
        let mut day = if forwards { (start.saturating_add(1)).max(first) } else { (start.saturating_sub(1)).min(end - 1) };
        while (first..end).contains(&day) {
            let (year, month, of_month) = date(day);
            if !(self.year_fits(year) && has(self.months, month)) {
                // To the other side of the month.
                day += if forwards { month_days(year, month) - of_month + 1 } else { -of_month };
                continue;
            }
            if self.day_fits(day) {
                return Some(day * DAY_S + second);
            }
            day += step;
        }
        None
    }

    fn year_fits(&self, year: i64) -> bool {
        usize::try_from(year - YEAR_MIN).ok().and_then(|at| self.years.get(at)).copied().unwrap_or(false)
    }

    fn day_fits(&self, day: i64) -> bool {
        let (year, month, of_month) = date(day);
        if !(self.year_fits(year) && has(self.months, month)) {
            return false;
        }
        match (self.days.any, self.weekdays.any) {
            (true, true) => true,
            (true, false) => self.weekdays.fits(day),
            (false, true) => self.days.fits(year, month, of_month),
            (false, false) => self.weekdays.fits(day) || self.days.fits(year, month, of_month),
        }
    }

    /// The nearest second of a day behind or before `from`.
    fn second(&self, from: i64, forwards: bool) -> Option<i64> {
        let moments = || {
            let hours = (0..24).filter(|hour| has(self.hours, *hour));
            hours.flat_map(move |hour| {
                (0..60).filter(|minute| has(self.minutes, *minute)).map(move |minute| hour * 3600 + minute * 60)
            })
        };
        let seconds = |minute: i64| (0..60).filter(|second| has(self.seconds, *second)).map(move |second| minute + second);
        if forwards {
            moments().filter(|minute| minute + 59 > from).flat_map(seconds).find(|second| *second > from)
        } else {
            moments().filter(|minute| *minute < from).flat_map(seconds).rfind(|second| *second < from)
        }
    }
}

impl Days {
    fn parse(text: &str) -> Option<Self> {
        let span = Span::new(1, 31);
        let mut days = Self { any: matches!(text, "*" | "?"), ..Self::default() };
        for part in text.split(',') {
            match part.to_ascii_uppercase().as_str() {
                "L" => days.last = true,
                "LW" => days.last_working = true,
                part => match part.strip_suffix('W') {
                    Some(near) => days.near |= 1 << span.value(near)?,
                    None => days.set |= bits(&span.part(part)?),
                },
            }
        }
        Some(days)
    }

    fn fits(&self, year: i64, month: i64, day: i64) -> bool {
        let length = month_days(year, month);
        let working = |target: i64| {
            let target = target.min(length);
            match weekday(days(year, month, target)) {
                // Within the month, whatever the weekend.
                6 if target == 1 => 3,
                6 => target - 1,
                0 if target == length => target - 2,
                0 => target + 1,
                _ => target,
            }
        };
        has(self.set, day)
            || self.last && day == length
            || self.last_working && day == working(length)
            || (1..=length).any(|target| has(self.near, target) && day == working(target))
    }
}

impl Weekdays {
    fn parse(text: &str) -> Option<Self> {
        let span = Span { names: &WEEKDAYS, ..Span::new(0, 7) };
        let mut weekdays = Self { any: matches!(text, "*" | "?"), ..Self::default() };
        for part in text.split(',') {
            if let Some((weekday, week)) = part.split_once('#') {
                let week = week.parse::<usize>().ok().filter(|week| (1..=5).contains(week))?;
                weekdays.nth[week] |= 1 << (span.value(weekday)? % 7);
            } else if let Some(last) = part.strip_suffix(['L', 'l']).filter(|last| !last.is_empty()) {
                weekdays.last |= 1 << (span.value(last)? % 7);
            } else {
                weekdays.set |= span.part(part)?.iter().fold(0, |set, value| set | 1 << (value % 7));
            }
        }
        Some(weekdays)
    }

    fn fits(&self, day: i64) -> bool {
        let (year, month, of_month) = date(day);
        let weekday = weekday(day);
        let week = usize::try_from((of_month - 1) / 7 + 1).unwrap_or(0);
        has(self.set, weekday)
            || has(self.nth[week.min(5)], weekday)
            || has(self.last, weekday) && of_month + 7 > month_days(year, month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("a number");
        days(number(0..4), number(5..7), number(8..10)) * DAY_S + number(11..13) * 3600 + number(14..16) * 60 + number(17..19)
    }

    #[track_caller]
    fn check(expression: &str, from: &str, next: &str, last: &str) {
        let cron = Cron::parse(expression).expect("a schedule");
        assert_eq!(cron.next(at(from)), Some(at(next)), "{expression} after {from}");
        assert_eq!(cron.last(at(from)), Some(at(last)), "{expression} before {from}");
    }

    #[test]
    fn moments_are_found_on_both_sides() {
        let noon = "2026-11-04 12:00:00";
        check("* * * * *", noon, "2026-11-04 12:01:00", "2026-11-04 11:59:00");
        check("0 0 * * *", noon, "2026-11-05 00:00:00", "2026-11-04 00:00:00");
        check("0 12 * * *", noon, "2026-11-05 12:00:00", "2026-11-03 12:00:00");
        check("*/15 8-10 * * mon-fri", "2026-11-06 10:50:00", "2026-11-09 08:00:00", "2026-11-06 10:45:00");
        check("0 0 1 jan *", noon, "2027-01-01 00:00:00", "2026-01-01 00:00:00");
        check("0 0 29 2 *", noon, "2028-02-29 00:00:00", "2024-02-29 00:00:00");
        check("0 0 * * 7", noon, "2026-11-08 00:00:00", "2026-11-01 00:00:00");
        check("0 0 13 * 5", noon, "2026-11-06 00:00:00", "2026-10-30 00:00:00");
        check("@weekly", noon, "2026-11-08 00:00:00", "2026-11-01 00:00:00");
        check("30 5 0 * * * *", noon, "2026-11-05 00:05:30", "2026-11-04 00:05:30");
        check("5/20 * * * *", noon, "2026-11-04 12:05:00", "2026-11-04 11:45:00");
    }

    #[test]
    fn days_of_a_kind_are_found() {
        let noon = "2026-11-04 12:00:00";
        check("0 0 L * *", noon, "2026-11-30 00:00:00", "2026-10-31 00:00:00");
        // 31 October 2026 is a Saturday.
        check("0 0 LW * *", noon, "2026-11-30 00:00:00", "2026-10-30 00:00:00");
        // 15 November 2026 is a Sunday, 15 August a Saturday.
        check("0 0 15W 8,11 *", noon, "2026-11-16 00:00:00", "2026-08-14 00:00:00");
        // 1 August 2026 is a Saturday: the next working day of its month.
        check("0 0 1W 8 *", noon, "2027-08-02 00:00:00", "2026-08-03 00:00:00");
        check("0 0 * * 5L", noon, "2026-11-27 00:00:00", "2026-10-30 00:00:00");
        check("0 0 * * wed#2", noon, "2026-11-11 00:00:00", "2026-10-14 00:00:00");
    }

    #[test]
    fn moments_that_never_come() {
        let never = |text: &str| Cron::parse(text).expect("a schedule").next(at("2026-11-04 12:00:00"));
        assert_eq!(never("0 0 30 2 *"), None);
        assert_eq!(never("0 0 1 1 * 1999"), None);
        assert_eq!(Cron::parse("* * * * *").and_then(|cron| cron.next(i64::MAX / 2)), None);
        assert_eq!(Cron::parse("* * * * *").and_then(|cron| cron.next(i64::MIN / 2)), Some(0));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "*",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "* * * * * 1969",
            "* * * * fri#6",
            "* * W * *",
            "-1 * * * *",
            "1,,2 * * * *",
            "* * * * * * * *",
            "@often",
            "é * * * *",
        ] {
            assert_eq!(Cron::parse(text), None, "{text}");
        }
        assert_eq!(Cron::parse(&"1,".repeat(1000)), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[0-9*/,\\-LW#? a-z]{0,40}", from in proptest::num::i64::ANY) {
            if let Some(cron) = Cron::parse(&text) {
                let (next, last) = (cron.next(from), cron.last(from));
                assert!(next.is_none_or(|next| next > from) && last.is_none_or(|last| last < from));
                // What is next has itself as the last before the second after it.
                assert!(next.is_none_or(|next| cron.last(next + 1) == Some(next)), "{text} after {from}");
                assert!(last.is_none_or(|last| cron.next(last - 1) == Some(last)), "{text} before {from}");
            }
        }
    }
}
