//! The bytes of answers that wait for their readers: a sum with a bound, of which each answer holds its part until its last byte is written,
//! and each address no more than a share. Knows nothing of what answers say.
//!
//! Room is made before an answer that may be long is worked out, and what it turned out to be is settled when it is known. Short answers
//! have a part of their own, so that those who do not read long ones keep nobody from a short one. Nothing is kept free for whoever holds nothing:
//! a few addresses with as many unread answers as they may have take a whole part until their connections end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hillfort_api::{ApiError, Code};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest answer that counts as short.
const SHORT_BYTES_MAX: usize = 16 * 1024;
/// Of all bytes, short answers have one part in so many.
const SHORT_PART: usize = 4;
/// Of all bytes, one address has one part in so many.
const SHARE_PART: usize = 8;

/// See the module. A clone is the same sum.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    shares: Arc<Shares>,
}

/// Room that was made before an answer is known; `None`: for a short one.
#[derive(Debug)]
pub(crate) struct Room(Option<OwnedSemaphorePermit>);

/// What each address holds; an entry lives as long as it holds something.
#[derive(Debug)]
struct Shares {
    most: usize,
    held: Mutex<HashMap<u64, usize>>,
}

/// The part of one address.
#[derive(Debug)]
struct Share {
    shares: Arc<Shares>,
    source: u64,
    bytes: usize,
}

/// An answer and what it holds.
struct Held {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
    _share: Share,
}

impl Answers {
    /// At most `most` bytes in all.
    pub(crate) fn new(most: usize) -> Self {
        let short = most / SHORT_PART;
        let shares = Shares { most: most / SHARE_PART, held: Mutex::default() };
        Self { short: Arc::new(Semaphore::new(short)), long: Arc::new(Semaphore::new(most - short)), shares: Arc::new(shares) }
    }

    /// Room for an answer that may have `most` bytes; waits for it `within` that time.
    ///
    /// # Errors
    /// `Unavailable`: there is none, and nothing was begun.
    pub(crate) async fn make_room(&self, most: usize, within: Duration) -> Result<Room, ApiError> {
        if most <= SHORT_BYTES_MAX {
            return Ok(Room(None));
        }
        let room = Arc::clone(&self.long).acquire_many_owned(permits(most));
        match tokio::time::timeout(within, room).await {
            Ok(Ok(room)) => Ok(Room(Some(room))),
            Ok(Err(_)) | Err(_) => Err(full()),
        }
    }

    /// The answer as its door writes it: it holds its bytes until the last of them is written, or its reader is gone.
    ///
    /// # Errors
    /// `ResourceExhausted`: its address has not read what it asked for before. `Unavailable`: there is no room.
    pub(crate) fn hold(&self, room: Room, source: u64, bytes: Vec<u8>) -> Result<Bytes, ApiError> {
        let share = self.shares.take(source, bytes.len())?;
        let room = self.settle(room, bytes.len()).ok_or_else(full)?;
        Ok(Bytes::from_owner(Held { bytes, _room: room, _share: share }))
    }

    /// Room for so many bytes and no more.
    fn settle(&self, room: Room, bytes: usize) -> Option<OwnedSemaphorePermit> {
        if bytes <= SHORT_BYTES_MAX {
            return Arc::clone(&self.short).try_acquire_many_owned(permits(bytes)).ok();
        }
        let Some(mut room) = room.0 else { return Arc::clone(&self.long).try_acquire_many_owned(permits(bytes)).ok() };
        if let Some(more) = bytes.checked_sub(room.num_permits()).filter(|more| *more > 0) {
            room.merge(Arc::clone(&self.long).try_acquire_many_owned(permits(more)).ok()?);
        } else {
            drop(room.split(room.num_permits() - bytes));
        }
        Some(room)
    }
}

impl Shares {
    /// Whoever holds nothing may hold one answer, however long.
    fn take(self: &Arc<Self>, source: u64, bytes: usize) -> Result<Share, ApiError> {
        let mut held = self.held();
        let own = held.entry(source).or_default();
        if *own > 0 && *own + bytes > self.most {
            let text = "answers to this address wait to be read: read them before more is asked for";
            return Err(ApiError::new(Code::ResourceExhausted, text));
        }
        *own += bytes;
        drop(held);
        Ok(Share { shares: Arc::clone(self), source, bytes })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        if let Some(own) = held.get_mut(&self.source) {
            *own -= self.bytes;
            if *own == 0 {
                held.remove(&self.source);
            }
        }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// One for each byte. More than there can be is as good as what there is: it is never had.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn full() -> ApiError {
    ApiError::new(Code::Unavailable, "too many answers wait to be read: try again in a second")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 20;
    const LONG: usize = 64 * 1024;

    fn hold(answers: &Answers, source: u64, bytes: usize) -> Result<Bytes, Code> {
        answers.hold(Room(None), source, vec![0; bytes]).map_err(|error| error.code)
    }

    fn is_empty(answers: &Answers) -> bool {
        answers.short.available_permits() == MOST / SHORT_PART
            && answers.long.available_permits() == MOST - MOST / SHORT_PART
            && answers.shares.held().is_empty()
    }

    #[test]
    fn the_sum_is_bounded_and_what_is_read_makes_room() {
        let answers = Answers::new(MOST);
        let mut held: Vec<_> = (0..12).map(|source| hold(&answers, source, LONG).unwrap()).collect();
        assert_eq!(hold(&answers, 99, LONG), Err(Code::Unavailable));
        assert_eq!(hold(&answers, 99, SHORT_BYTES_MAX + 1), Err(Code::Unavailable));
        let short = hold(&answers, 99, SHORT_BYTES_MAX).unwrap();
        // A part of it is held, too, as long as somebody has that.
        let last = held.pop().map(|answer| answer.slice(LONG - 1..)).unwrap();
        assert_eq!(hold(&answers, 99, LONG), Err(Code::Unavailable));
        drop(last);
        held.push(hold(&answers, 99, LONG).unwrap());
        drop((held, short));
        assert!(is_empty(&answers));
    }

    #[test]
    fn one_address_has_a_share_and_always_one_answer() {
        let answers = Answers::new(MOST);
        let share = MOST / SHARE_PART;
        let (one, two) = (hold(&answers, 1, share - 1).unwrap(), hold(&answers, 1, 1).unwrap());
        assert_eq!(hold(&answers, 1, 1), Err(Code::ResourceExhausted));
        drop(two);
        let two = hold(&answers, 1, 1).unwrap();
        let other = hold(&answers, 2, share + 1).unwrap();
        assert_eq!(hold(&answers, 2, 1), Err(Code::ResourceExhausted));
        drop((one, two, other));
        assert!(is_empty(&answers));
    }

    #[tokio::test]
    async fn room_is_made_before_and_settled_after() {
        let (answers, at_once) = (Answers::new(MOST), Duration::ZERO);
        let all = MOST - MOST / SHORT_PART;
        let room = answers.make_room(all, at_once).await.unwrap();
        assert_eq!(answers.make_room(LONG, at_once).await.unwrap_err().code, Code::Unavailable);
        assert!(answers.make_room(SHORT_BYTES_MAX, at_once).await.is_ok(), "short ones have room of their own");
        // Shorter than was feared: the rest is free at once.
        let held = answers.hold(room, 1, vec![0; LONG]).unwrap();
        let room = answers.make_room(all - LONG, at_once).await.unwrap();
        // Longer than was thought: only where there is room.
        assert_eq!(answers.hold(room, 2, vec![0; all - LONG + 1]).unwrap_err().code, Code::Unavailable);
        let room = answers.make_room(LONG, at_once).await.unwrap();
        let longer = answers.hold(room, 2, vec![0; LONG + 1]).unwrap();
        let short = answers.hold(answers.make_room(LONG, at_once).await.unwrap(), 3, vec![0; 10]).unwrap();
        drop((held, longer, short));
        assert!(is_empty(&answers));
    }

    #[tokio::test]
    async fn whoever_waits_for_room_gets_what_is_read_meanwhile() {
        let answers = Answers::new(MOST);
        let held = hold(&answers, 1, MOST - MOST / SHORT_PART).unwrap();
        let waiting = answers.make_room(LONG, Duration::from_secs(60));
        let reading = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        assert!(tokio::join!(waiting, reading).0.is_ok());
    }
}
