//! Bans go on from the guard to where they work earlier or are kept. Knows nothing of what that is.

use std::net::IpAddr;
use std::time::Duration;

use hillfort_guard::{Ban, BanNews};
use hillfort_proto::time::Time;

use crate::thread::EdgeThread;

/// News handed on in one turn: a sink may take a microsecond or two for each.
const NEWS_MAX: usize = 32;

/// Where bans go. Called on the thread of the edge, so it must not block: a kernel map is written, a file is left to another thread.
pub trait BanSink: Send {
    /// A ban was made, made longer, or restored at the start; it lasts so much longer.
    fn banned(&mut self, ban: &Ban, lasts: Duration);

    /// A ban was lifted before its time. One that ends by itself is not told.
    fn lifted(&mut self, addr: IpAddr);

    /// Whether something that it was told was lost behind it, and it can take all bans now.
    fn wants_all(&self) -> bool;

    /// All bans in force with the time that is left to them, and no others: what was told before does not count any more.
    fn all(&mut self, bans: &mut dyn Iterator<Item = (&Ban, Duration)>);
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nobody;

impl BanSink for Nobody {
    fn banned(&mut self, _ban: &Ban, _lasts: Duration) {}

    fn lifted(&mut self, _addr: IpAddr) {}

    fn wants_all(&self) -> bool {
        false
    }

    fn all(&mut self, _bans: &mut dyn Iterator<Item = (&Ban, Duration)>) {}
}

impl EdgeThread {
    /// Hands on what became of bans. `true`: there is more.
    pub(crate) fn tell_bans(&mut self, now: Time) -> bool {
        for _ in 0..NEWS_MAX {
            match self.guard.poll_ban() {
                Some(BanNews::Banned(ban)) => self.ban_sink.banned(&ban, ban.until.since(now)),
                Some(BanNews::Lifted(addr)) => self.ban_sink.lifted(addr),
                None => {
                    self.tell_all_bans(now);
                    return false;
                }
            }
            self.probe.mark();
        }
        true
    }

    /// When news were lost, before the sink or behind it, it is told all: some 50 µs.
    fn tell_all_bans(&mut self, now: Time) {
        let lost = self.guard.ban_news_lost();
        if std::mem::replace(&mut self.ban_news_lost, lost) != lost || self.ban_sink.wants_all() {
            self.ban_sink.all(&mut self.guard.bans(now).map(|ban| (ban, ban.until.since(now))));
        }
    }
}
