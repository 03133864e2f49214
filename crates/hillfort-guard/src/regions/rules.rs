//! The operator's lists of places, and what they say of one. Knows no addresses.

use super::{Country, Place};

/// Which places may come in. Empty lists let all in. A dry run comes first: what would be refused is counted, and let in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegionRules {
    /// These are refused.
    pub refuse: Places,
    /// These are let in whatever `refuse` says. When it is not empty, nobody else is, but for addresses of which nothing is known.
    pub allow: Places,
    /// Count, do not refuse.
    pub dry_run: bool,
}

/// A list of places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    asns: Vec<u32>,
    countries: Vec<Country>,
}

impl RegionRules {
    /// Whether there is anything to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.refuse.is_empty() && self.allow.is_empty()
    }

    /// Whether the lists are against the place.
    #[must_use]
    pub fn refuse(&self, place: Place) -> bool {
        if self.allow.has(place) {
            return false;
        }
        self.refuse.has(place) || (!self.allow.is_empty() && place != Place::default())
    }
}

impl Places {
    /// A list of autonomous systems and countries, in any order.
    #[must_use]
    pub fn new(mut asns: Vec<u32>, mut countries: Vec<Country>) -> Self {
        asns.sort_unstable();
        countries.sort_unstable();
        Self { asns, countries }
    }

    /// Whether nothing is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asns.is_empty() && self.countries.is_empty()
    }

    /// Whether the place's system or country is on it.
    #[must_use]
    pub fn has(&self, place: Place) -> bool {
        self.asns.binary_search(&place.asn).is_ok() || self.countries.binary_search(&place.country).is_ok()
    }
}
