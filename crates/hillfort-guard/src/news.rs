//! What became of bans since somebody last asked, in a queue of fixed size. Knows nothing of who asks.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::ban::Ban;

/// News that wait at most. Further ones push out the oldest; that is counted, and [`crate::Guard::bans`] has them all.
pub const NEWS_MAX: usize = 1024;

/// What became of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanNews {
    /// It was made, or made longer.
    Banned(Ban),
    /// It was lifted before its time. A ban that ends by itself is no news: it said when.
    Lifted(IpAddr),
}

#[derive(Debug)]
pub(crate) struct News {
    queue: VecDeque<BanNews>,
    lost: u64,
}

impl News {
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::with_capacity(NEWS_MAX), lost: 0 }
    }

    pub(crate) fn push(&mut self, news: BanNews) {
        if self.queue.len() == NEWS_MAX {
            self.queue.pop_front();
            self.lost += 1;
        }
        self.queue.push_back(news);
    }

    pub(crate) fn poll(&mut self) -> Option<BanNews> {
        self.queue.pop_front()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}
