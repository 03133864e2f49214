//! Sequenced messages on their way: those we sent and keep until they are acknowledged, and the numbers of those we received. Both
//! ends use both. Knows nothing of what the messages say.

use crate::frame::Framing;
use crate::limits::{ACK_DELAY_MAX, ACK_EVERY_MESSAGES, UNACKED_BYTES_MAX, UNACKED_MESSAGES_MAX};
use crate::message::{ack_len, put_ack};
use crate::reject::Reject;
use crate::time::Time;

/// An empty log keeps a buffer up to this size for the next message; a larger one is freed at once, this one by [`Log::release`].
const KEPT_BYTES_MAX: usize = 4 * 1024;
/// Before each record stands its length.
const LENGTH_BYTES: usize = 4;

/// What was sent and is not acknowledged yet, in the bytes in which it was sent, but without `ack`.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Records: length (4 bytes, native) and payload.
    bytes: Vec<u8>,
    /// Where the oldest record begins.
    head: u32,
    /// Number of records.
    count: u32,
    /// Number of the newest message, sent or acknowledged; 0: none yet.
    last: u64,
}

impl Log {
    /// Number of the next message.
    pub(super) fn next(&self) -> u64 {
        self.last + 1
    }

    /// Keeps the message with the number [`Log::next`], of `length` bytes that `encode` appends, and returns them.
    ///
    /// # Errors
    /// [`Reject::SlowConsumer`]: the log is full; nothing has changed.
    pub(super) fn push(&mut self, length: usize, encode: impl FnOnce(&mut Vec<u8>)) -> Result<&[u8], Reject> {
        if self.count as usize >= UNACKED_MESSAGES_MAX || self.stored() + length > UNACKED_BYTES_MAX {
            return Err(Reject::SlowConsumer);
        }
        // Moves what is left to the front when at least half of the buffer is free: each byte is moved once on average.
        if self.head as usize * 2 > self.bytes.len() {
            self.bytes.drain(..self.head as usize);
            self.head = 0;
        }
        self.bytes.extend_from_slice(&u32::try_from(length).expect("bounded by UNACKED_BYTES_MAX").to_ne_bytes());
        let start = self.bytes.len();
        encode(&mut self.bytes);
        debug_assert_eq!(self.bytes.len() - start, length, "a message is as long as was said");
        self.count += 1;
        self.last += 1;
        Ok(&self.bytes[start..])
    }

    /// The other side has everything up to `ack`.
    ///
    /// # Errors
    /// [`Reject::AckAhead`]: that was never sent.
    pub(super) fn on_ack(&mut self, ack: u64) -> Result<(), Reject> {
        if ack > self.last {
            return Err(Reject::AckAhead);
        }
        while self.count > 0 && self.acknowledged() < ack {
            self.head += (LENGTH_BYTES + self.record(self.head as usize).len()) as u32;
            self.count -= 1;
        }
        if self.count == 0 {
            self.head = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES_MAX {
                self.bytes = Vec::new();
            }
        }
        Ok(())
    }

    /// Highest number that the other side acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.last - u64::from(self.count)
    }

    /// Number of messages that wait for their acknowledgement.
    pub(super) fn waiting(&self) -> usize {
        self.count as usize
    }

    /// Sends all that waits once more.
    pub(super) fn replay(&self, framing: Framing, out: &mut Vec<u8>) {
        let mut at = self.head as usize;
        for _ in 0..self.count {
            let record = self.record(at);
            put_record(record, 0, framing, out);
            at += LENGTH_BYTES + record.len();
        }
    }

    /// Frees the buffer when nothing waits: a quiet session holds no heap.
    pub(super) fn release(&mut self) {
        if self.count == 0 {
            self.bytes = Vec::new();
        }
    }

    /// Bytes that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn record(&self, at: usize) -> &[u8] {
        let (length, rest) = self.bytes[at..].split_first_chunk::<LENGTH_BYTES>().expect("records are written whole");
        &rest[..u32::from_ne_bytes(*length) as usize]
    }

    fn stored(&self) -> usize {
        self.bytes.len() - self.head as usize - self.count as usize * LENGTH_BYTES
    }
}

/// Appends a kept message, with an acknowledgement when `ack` is not 0.
pub(super) fn put_record(record: &[u8], ack: u64, framing: Framing, out: &mut Vec<u8>) {
    let length = ack_len(ack) + record.len();
    out.reserve(length + framing.overhead_max());
    framing.put(out, length, |out| {
        put_ack(ack, out);
        out.extend_from_slice(record);
    });
}

/// What was received, and how much of it the other side knows to be received.
#[derive(Debug, Default)]
pub(super) struct Received {
    last: u64,
    told: u64,
    /// When the first message came that the other side does not know to be received.
    since: Time,
}

impl Received {
    /// Highest number received.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// A message with this number came. `false`: it came before, and is to be ignored.
    ///
    /// # Errors
    /// [`Reject::SequenceGap`]: one before it is missing, or it has no number.
    #[inline]
    pub(super) fn on_sequenced(&mut self, now: Time, seq: u64) -> Result<bool, Reject> {
        if seq == 0 || seq - 1 > self.last {
            return Err(Reject::SequenceGap);
        }
        if seq <= self.last {
            return Ok(false);
        }
        if self.last == self.told {
            self.since = now;
        }
        self.last = seq;
        Ok(true)
    }

    /// What to say as `ack` in a message that is sent now; 0 when the other side knows.
    #[inline]
    pub(super) fn take_ack(&mut self) -> u64 {
        if self.last == self.told {
            return 0;
        }
        self.told = self.last;
        self.last
    }

    /// When an acknowledgement has to be sent at the latest.
    #[inline]
    pub(super) fn ack_due(&self) -> Option<Time> {
        (self.last != self.told).then(|| self.since + ACK_DELAY_MAX)
    }

    /// Whether it has to be sent now.
    #[inline]
    pub(super) fn is_ack_due(&self, now: Time) -> bool {
        self.last - self.told >= ACK_EVERY_MESSAGES || self.ack_due().is_some_and(|due| due <= now)
    }

    /// The other side was told by other means: in Welcome or Resume.
    pub(super) fn told_all(&mut self) {
        self.told = self.last;
    }
}

#[cfg(test)]
mod tests;
