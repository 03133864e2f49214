//! Bytes that are kept for the other ends of connections, answers to be read or bodies to come: a sum with a bound, of which one address has
//! no more than a share. What makes no progress ends, and what makes least gives way to whoever holds nothing. Knows nothing of what the
//! bytes say.
//!
//! Short ones have a part of their own, so that those who are slow with long ones keep nobody from a short one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hillfort_api::{ApiError, Code};
use hillfort_stream::Line;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Most bytes that count as short. Of longer ones each further part of this length is progress.
pub(crate) const SHORT_BYTES_MAX: usize = 16 * 1024;
/// After so long without progress the peer's stream or connection is ended.
pub(crate) const STALLED: Duration = Duration::from_secs(10);
/// How often is looked for such.
const LOOK: Duration = Duration::from_secs(1);
/// Long ones give way when they have made no progress for so long, short ones at any time: where those are all taken, it is not because
/// much is under way.
const LONG_GRACE: Duration = Duration::from_secs(1);
/// Of all bytes, short ones have one part in so many.
const SHORT_PART: usize = 4;
/// Of all bytes, one address has one part in so many of each kind.
const SHARE_PART: usize = 8;

/// See the module. A clone is the same sum.
#[derive(Debug, Clone)]
pub(crate) struct Holds {
    short: Arc<Pool>,
    long: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    room: Semaphore,
    /// Bytes of `room`, when nobody holds any.
    size: usize,
    share: usize,
    /// What has made no progress for so long gives way.
    grace: Duration,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// What is left of the share of each address that holds something.
    shares: HashMap<u64, Arc<Semaphore>>,
    /// What waits for its peer, by its last progress.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    /// Of the last that began to wait.
    number: u64,
}

#[derive(Debug)]
struct Waiting {
    bytes: usize,
    /// `None`: its door cannot end it.
    line: Option<Line>,
}

/// What one answer or body holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    pool: Arc<Pool>,
    bytes: usize,
    source: u64,
    /// What is left of its address's share, and what of that it has taken.
    left: Option<Arc<Semaphore>>,
    share: usize,
    /// Its address held nothing when it came.
    is_first: bool,
    waits: Option<(Instant, u64)>,
}

/// What room is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Something that is not begun: refused when its address has its share already.
    Begin,
    /// Something that was done, and cannot be refused as if it was not: the share is not asked for, and whoever makes least progress gives way.
    Done,
}

impl Holds {
    /// At most `most` bytes in all.
    pub(crate) fn new(most: usize) -> Self {
        let pool = |bytes, grace| {
            Arc::new(Pool { room: Semaphore::new(bytes), size: bytes, share: most / SHARE_PART, grace, book: Mutex::default() })
        };
        let short = most / SHORT_PART;
        Self { short: pool(short, Duration::ZERO), long: pool(most - short, LONG_GRACE) }
    }

    /// Looks on `threads` for what makes no progress, as long as somebody has this.
    pub(crate) fn watch(&self, threads: &Handle) {
        let pools = (Arc::downgrade(&self.short), Arc::downgrade(&self.long));
        threads.spawn(async move {
            while let (Some(short), Some(long)) = (pools.0.upgrade(), pools.1.upgrade()) {
                Self { short, long }.end_stalled(Instant::now());
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    /// Ends what has made no progress for too long.
    pub(crate) fn end_stalled(&self, now: Instant) {
        self.short.end_stalled(now);
        self.long.end_stalled(now);
    }

    /// Room for so many bytes of this address. Whoever holds nothing waits for it `within` that time, and has those end who make least
    /// progress; others have it at once or not at all. For a share that is taken all wait.
    ///
    /// # Errors
    /// `Unavailable`: there is none. `ResourceExhausted`: the address has its share already, or there never are as many.
    pub(crate) async fn take(&self, source: u64, bytes: usize, why: For, within: Duration) -> Result<Hold, ApiError> {
        let pool = if bytes <= SHORT_BYTES_MAX { &self.short } else { &self.long };
        let mut hold = pool.begin(source);
        hold.grow(bytes, why, within).await?;
        Ok(hold)
    }

    /// Whether nobody holds anything.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let is_empty = |pool: &Pool| pool.book().shares.is_empty() && pool.book().waiting.is_empty();
        is_empty(&self.short) && is_empty(&self.long)
    }

    /// What this `hold` is of turned out to have so many bytes: gives back what is too much, or makes more room as [`Self::take`] does.
    ///
    /// # Errors
    /// As those of [`Self::take`].
    pub(crate) async fn fit(&self, mut hold: Hold, bytes: usize, why: For, within: Duration) -> Result<Hold, ApiError> {
        if bytes <= hold.bytes {
            hold.shrink(bytes);
        } else if bytes > SHORT_BYTES_MAX && Arc::ptr_eq(&hold.pool, &self.short) {
            let mut longer = self.take(hold.source, bytes, why, within).await?;
            if let Some((since, line)) = hold.rest() {
                longer.wait(since, line);
            }
            return Ok(longer);
        } else {
            hold.grow(bytes, why, within).await?;
        }
        Ok(hold)
    }
}

impl Pool {
    fn begin(self: &Arc<Self>, source: u64) -> Hold {
        let mut book = self.book();
        let is_first = !book.shares.contains_key(&source);
        let left = Arc::clone(book.shares.entry(source).or_insert_with(|| Arc::new(Semaphore::new(self.share))));
        drop(book);
        Hold { pool: Arc::clone(self), bytes: 0, source, left: Some(left), share: 0, is_first, waits: None }
    }

    /// Ends those that make least progress, and none in the last `grace`, until `bytes` come free; nobody, when there are not as many. Whether
    /// there were.
    fn end_stalest(&self, now: Instant, bytes: usize, grace: Duration) -> bool {
        let mut book = self.book();
        let (mut sum, mut count) = (0, 0);
        for ((since, _), waiting) in &book.waiting {
            if sum >= bytes || now.saturating_duration_since(*since) < grace {
                break;
            }
            (sum, count) = (sum + waiting.bytes, count + 1);
        }
        if sum < bytes {
            return false;
        }
        let ended: Vec<_> = std::iter::from_fn(|| book.waiting.pop_first()).take(count).collect();
        drop(book);
        ended.into_iter().for_each(|(_, waiting)| waiting.end());
        true
    }

    /// Ends those that have made no progress for too long.
    fn end_stalled(&self, now: Instant) {
        loop {
            let mut book = self.book();
            let Some(stalest) = book.waiting.first_entry() else { return };
            if now.saturating_duration_since(stalest.key().0) < STALLED {
                return;
            }
            let stalled = stalest.remove();
            drop(book);
            stalled.end();
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn end(self) {
        if let Some(line) = self.line {
            line.cut();
        }
    }
}

impl Hold {
    async fn grow(&mut self, bytes: usize, why: For, within: Duration) -> Result<(), ApiError> {
        // It would take all that comes free for as long as it waits.
        if bytes > self.pool.size {
            return Err(too_long(self.pool.size));
        }
        let left = self.left.as_ref().expect("it is there until the end");
        // Whoever holds nothing may hold one, however long.
        let more = bytes.min(self.pool.share).saturating_sub(self.share);
        self.share += match why {
            For::Begin => acquire(left, more, within).await.ok_or_else(unread)?,
            For::Done => acquire(left, more.min(left.available_permits()), Duration::ZERO).await.unwrap_or(0),
        };
        let more = bytes.saturating_sub(self.bytes);
        let room = &self.pool.room;
        self.bytes += match acquire(room, more, Duration::ZERO).await {
            Some(taken) => taken,
            None if why == For::Done || self.is_first => {
                let (now, missing) = (Instant::now(), more.saturating_sub(room.available_permits()));
                if !self.pool.end_stalest(now, missing, self.pool.grace) && why == For::Done {
                    self.pool.end_stalest(now, missing, Duration::ZERO);
                }
                acquire(room, more, within).await.ok_or_else(full)?
            }
            None => return Err(full()),
        };
        if let Some(key) = &self.waits
            && let Some(waiting) = self.pool.book().waiting.get_mut(key)
        {
            waiting.bytes = self.bytes;
        }
        Ok(())
    }

    fn shrink(&mut self, bytes: usize) {
        self.pool.room.add_permits(self.bytes - bytes);
        self.bytes = bytes;
        if let Some(left) = self.left.as_ref().filter(|_| self.share > bytes) {
            left.add_permits(self.share - bytes);
            self.share = bytes;
        }
    }

    /// From `now` on it waits for its peer, who can be ended by `line`.
    pub(crate) fn wait(&mut self, now: Instant, line: Option<Line>) {
        self.rest();
        let mut book = self.pool.book();
        book.number += 1;
        let key = (now, book.number);
        book.waiting.insert(key, Waiting { bytes: self.bytes, line });
        self.waits = Some(key);
    }

    /// It waits for nobody any more. Since when it did, and for whom.
    pub(crate) fn rest(&mut self) -> Option<(Instant, Option<Line>)> {
        let key = self.waits.take()?;
        let waiting = self.pool.book().waiting.remove(&key)?;
        Some((key.0, waiting.line))
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its peer has read or said something.
    pub(crate) fn progress(&mut self, now: Instant) {
        let Some(key) = &mut self.waits else { return };
        let mut book = self.pool.book();
        // One that was ended is not there any more, and waits for that.
        if let Some(waiting) = book.waiting.remove(key) {
            key.0 = now;
            book.waiting.insert(*key, waiting);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.rest();
        self.shrink(0);
        let mut book = self.pool.book();
        self.left = None;
        if book.shares.get(&self.source).is_some_and(|left| Arc::strong_count(left) == 1) {
            book.shares.remove(&self.source);
        }
    }
}

/// So many of `room`, which whoever holds them gives back. Behind those who wait already.
async fn acquire(room: &Semaphore, many: usize, within: Duration) -> Option<usize> {
    // More than there can be is as good as what there is: it is never had.
    let permits = u32::try_from(many).unwrap_or(u32::MAX);
    let taken = match room.try_acquire_many(permits) {
        Ok(taken) => taken,
        Err(_) if within.is_zero() => return None,
        Err(_) => tokio::time::timeout(within, room.acquire_many(permits)).await.ok()?.ok()?,
    };
    taken.forget();
    Some(many)
}

fn full() -> ApiError {
    ApiError::new(Code::Unavailable, "too many answers and requests wait for slow connections: try again in a second")
}

fn too_long(most: usize) -> ApiError {
    ApiError::new(Code::ResourceExhausted, format!("all answers or requests together have room for {most} bytes: ask for less"))
}

fn unread() -> ApiError {
    let text = "answers and requests of this address wait for it: read and finish them before more is asked for";
    ApiError::new(Code::ResourceExhausted, text)
}

#[cfg(test)]
mod tests;
