//! Dates for result files. Knows UTC only.

use hillfort_proto::time::UnixMs;

/// `2026-11-21T103059Z`: sorts by time and is a file name everywhere.
pub(crate) fn stamp(at: UnixMs) -> String {
    let seconds = at.0 / 1_000;
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}{:02}{:02}Z", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Year, month and day of a day since 1970 (Howard Hinnant: "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + (month <= 2) as u64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        let check = |ms: u64, expect: &str| assert_eq!(stamp(UnixMs(ms)), expect);
        check(0, "1970-01-01T000000Z");
        check(951_782_400_000, "2000-02-29T000000Z");
        check(1_709_251_199_999, "2024-02-29T235959Z");
        check(1_767_225_600_000, "2026-01-01T000000Z");
        check(4_107_542_400_000, "2100-03-01T000000Z");
    }
}
