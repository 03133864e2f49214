//! What the guard has done so far. Plain numbers; knows nothing of metrics.

use hillfort_proto::reject::Reject;

use crate::posture::Posture;

/// Counts since the start, and how full the tables are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    pub(crate) rejects: [u64; Reject::ALL.len()],
    /// Connections let in.
    pub admitted: u64,
    /// Hellos that were right.
    pub authed: u64,
    /// Connections open now.
    pub open: u32,
    /// Bans in force.
    pub bans: usize,
    /// Bans made for offences.
    pub bans_made: u64,
    /// Bans that were not made because the fuse held them back: the server stands as under attack then, and somebody should look.
    pub bans_withheld: u64,
    /// Bans that were not made because many accounts share the address.
    pub bans_spared: u64,
    /// Bans made or lifted of which nobody was told, because nobody asked in time.
    pub ban_news_lost: u64,
    /// Connections that the lists of regions would have refused.
    pub regions_dry: u64,
    /// Clients that the lists of fingerprints would have refused.
    pub fingerprints_dry: u64,
    /// Logins that had to work first.
    pub challenges: u64,
    /// Sessions that lasted and were counted for their address.
    pub settled: u64,
    /// Tickets given to sessions that have played.
    pub tickets_given: u64,
    /// Tickets that were shown and were good.
    pub tickets_good: u64,
    /// Tickets that were taken back for offences.
    pub tickets_revoked: u64,
    /// How the server stands.
    pub posture: Posture,
    /// How often it came under attack.
    pub attacks: u64,
    /// Steps of the wall clock seen.
    pub clock_steps: u64,
    /// Addresses from which sessions lasted, of [`crate::KNOWN_MAX`].
    pub known: usize,
    /// Ranges of the table of regions.
    pub regions: usize,
    /// Entries of the table of sources that are in use, of [`crate::SOURCES_MAX`].
    pub sources: usize,
    /// Sources forgotten although they still owed something.
    pub sources_evicted: u64,
    /// Nonces remembered now.
    pub nonces: usize,
    /// Nonces that the memory has room for.
    pub nonces_max: usize,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            rejects: [0; Reject::ALL.len()],
            admitted: 0,
            authed: 0,
            open: 0,
            bans: 0,
            bans_made: 0,
            bans_withheld: 0,
            bans_spared: 0,
            ban_news_lost: 0,
            regions_dry: 0,
            fingerprints_dry: 0,
            challenges: 0,
            settled: 0,
            tickets_given: 0,
            tickets_good: 0,
            tickets_revoked: 0,
            posture: Posture::Calm,
            attacks: 0,
            clock_steps: 0,
            known: 0,
            regions: 0,
            sources: 0,
            sources_evicted: 0,
            nonces: 0,
            nonces_max: 0,
        }
    }
}

impl Stats {
    /// Refusals by the guard with this reason. What sessions refuse by [`crate::InputBuckets`] is counted where the session
    /// lives.
    #[must_use]
    pub const fn rejects(&self, reject: Reject) -> u64 {
        self.rejects[reject.index()]
    }

    pub(crate) const fn count(&mut self, reject: Reject) {
        self.rejects[reject.index()] += 1;
    }
}
