//! The limits of the guard that a person can turn while the server runs: one table of names, texts and places.

use std::time::Duration;

use hillfort_guard::{Config, Rate, RateError};

use crate::config::{LIMITS, Limit};
use crate::console::{ChangeRefused, LimitRow};

struct Knob {
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    get: fn(&Config) -> u64,
    set: fn(&mut Config, u32) -> Result<(), RateError>,
}

/// A rate is two knobs: how many a second, and how many at once.
macro_rules! rate {
    ($per_s:literal, $burst:literal, $label:literal, $($place:ident).+) => {
        [
            Knob {
                key: $per_s,
                label: $label,
                unit: "1/s",
                get: |config| u64::from(config.$($place).+.per_s()),
                set: |config, value| Rate::new(value, config.$($place).+.burst()).map(|rate| config.$($place).+ = rate),
            },
            Knob {
                key: $burst,
                label: concat!($label, ", at once"),
                unit: "",
                get: |config| u64::from(config.$($place).+.burst()),
                set: |config, value| Rate::new(config.$($place).+.per_s(), value).map(|rate| config.$($place).+ = rate),
            },
        ]
    };
}

const RATES: [[Knob; 2]; 7] = [
    rate!("guard.connect_per_s", "guard.connect_burst", "new connections", connect),
    rate!("guard.source_connect_per_s", "guard.source_connect_burst", "new connections of one address", source_connect),
    rate!("tls.fingerprint_per_s", "tls.fingerprint_burst", "handshakes of one fingerprint and address", fingerprint),
    rate!("inputs.session_per_s", "inputs.session_burst", "inputs of one session", inputs.session),
    rate!("inputs.kind_per_s", "inputs.kind_burst", "inputs of one kind", inputs.kind),
    rate!("inputs.control_per_s", "inputs.control_burst", "control messages of one session", inputs.control),
    rate!("inputs.dropped_per_s", "inputs.dropped_burst", "dropped messages borne", inputs.tolerance),
];

/// A plain number.
macro_rules! number {
    ($key:literal, $label:literal, $unit:literal, $($place:ident).+) => {
        Knob {
            key: $key,
            label: $label,
            unit: $unit,
            get: |config| u64::from(config.$($place).+),
            set: |config, value| {
                // The range of the key is within that of the number.
                config.$($place).+ = value.try_into().unwrap_or_else(|_| config.$($place).+);
                Ok(())
            },
        }
    };
}

/// Seconds.
macro_rules! span {
    ($key:literal, $label:literal, $($place:ident).+) => {
        Knob {
            key: $key,
            label: $label,
            unit: "s",
            get: |config| config.$($place).+.as_secs(),
            set: |config, value| {
                config.$($place).+ = Duration::from_secs(u64::from(value));
                Ok(())
            },
        }
    };
}

const SINGLES: [Knob; 15] = [
    Knob {
        key: "guard.offence_points_max",
        label: "offence points before a ban",
        unit: "",
        get: |config| u64::from(config.tolerance.burst()),
        set: |config, value| Rate::new(config.tolerance.per_s(), value).map(|rate| config.tolerance = rate),
    },
    Knob {
        key: "guard.offence_points_forgiven_per_s",
        label: "offence points forgiven",
        unit: "1/s",
        get: |config| u64::from(config.tolerance.per_s()),
        set: |config, value| Rate::new(value, config.tolerance.burst()).map(|rate| config.tolerance = rate),
    },
    number!("guard.source_open_max", "open connections of one address", "", source_open_max),
    span!("guard.ban_first_s", "first ban", ban.first),
    span!("guard.ban_s", "longest ban", ban.max),
    number!("guard.bans_per_min", "new bans in a minute", "", fuse.bans_per_min),
    number!("guard.network_open_max", "open connections of one network", "", network_open_max),
    number!("guard.known_percent", "share kept for known players", "%", known_percent),
    number!("guard.score_min", "lowest score let in", "", score_min),
    number!("guard.attack_offered_per_s", "connections that are an attack", "1/s", posture.offered_per_s),
    number!("guard.attack_refused_per_s", "refusals that are an attack", "1/s", posture.refused_per_s),
    number!("guard.work_bits", "work of strangers under attack", "bits", work_bits),
    span!("guard.settled_s", "session that makes its address known", settled_after),
    span!("guard.played_s", "play that earns a ticket", played_after),
    number!("guard.shared_accounts", "players that make an address shared", "", shared_accounts),
];

fn knobs() -> impl Iterator<Item = &'static Knob> {
    RATES.as_flattened().iter().chain(&SINGLES)
}

fn range(key: &str) -> &'static Limit {
    LIMITS.iter().find(|limit| limit.key == key).expect("every knob is a key of the configuration with a range")
}

/// All knobs as they stand.
pub(super) fn rows(config: &Config) -> Vec<LimitRow> {
    let row = |knob: &'static Knob| {
        let Limit { min, max, .. } = range(knob.key);
        LimitRow { key: knob.key, label: knob.label, unit: knob.unit, value: (knob.get)(config), min: *min, max: *max }
    };
    knobs().map(row).collect()
}

/// Turns one knob.
pub(super) fn set(config: &mut Config, key: &str, value: u64) -> Result<(), ChangeRefused> {
    let knob = knobs().find(|knob| knob.key == key).ok_or(ChangeRefused::Unknown("limit"))?;
    let Limit { min, max, .. } = range(knob.key);
    let small = u32::try_from(value).ok().filter(|_| (*min..=*max).contains(&value));
    let small = small.ok_or_else(|| ChangeRefused::Invalid(format!("{key} goes from {min} to {max}")))?;
    (knob.set)(config, small).map_err(|error| ChangeRefused::Invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, load};

    fn config() -> Config {
        load(&Overrides::default(), [], &crate::config::Disk).expect("defaults are valid").edge.guard
    }

    #[test]
    fn each_knob_turns_its_own_limit_and_no_other() {
        for knob in knobs() {
            let (before, mut config) = (rows(&config()), config());
            let old = (knob.get)(&config);
            set(&mut config, knob.key, old + 1).unwrap();
            for (was, is) in before.iter().zip(rows(&config)) {
                let expect = was.value + u64::from(was.key == knob.key);
                assert_eq!(is.value, expect, "{} after {} was turned", is.key, knob.key);
            }
        }
    }

    #[test]
    fn what_the_reference_calls_live_can_be_turned() {
        for limit in LIMITS.iter().filter(|limit| limit.live) {
            assert!(knobs().any(|knob| knob.key == limit.key), "{} has no knob", limit.key);
        }
    }

    #[test]
    fn out_of_range_and_unknown_change_nothing() {
        for (key, value) in [("guard.connect_per_s", 0), ("guard.connect_per_s", 200_001), ("guard.nothing", 5)] {
            let mut config = config();
            assert!(set(&mut config, key, value).is_err(), "{key} = {value}");
            assert_eq!(format!("{:?}", rows(&config)), format!("{:?}", rows(&self::config())));
        }
    }
}
