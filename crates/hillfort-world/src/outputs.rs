//! What a room's callbacks put out, in order, in one buffer that is used again and again. Knows nothing of sessions and lanes.

use hillfort_proto::ids::SessionId;
use hillfort_proto::reject::Reject;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::ctx::{Seat, To};
use crate::fault::cut;

/// Events and states that one callback group (a tick with its inputs, a join, ...) puts out at most.
pub const OUTPUTS_MAX: usize = 8 * 1024;
/// Bytes of their data.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// Log lines that one callback group writes at most; more are counted, not written.
pub const LOG_LINES_MAX: usize = 8;
/// Longest log line in bytes; the rest is cut off.
pub const LOG_LINE_BYTES_MAX: usize = 256;

/// One thing that a room put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output<'a> {
    /// Delivered once and in order.
    Event { to: To, op: u32, data: &'a [u8] },
    /// The newest replaces older ones that are not sent yet.
    State { to: To, data: &'a [u8] },
    /// The player is to leave.
    Kick { seat: Seat },
    /// Who asked for a seat and was to hear later gets it, or does not.
    Answer { session: SessionId, reject: Option<Reject>, reason: &'a str },
    /// The answer to a signal that was to have one later.
    Reply { number: u32, data: &'a [u8] },
    /// A line for the room's author.
    Log { line: &'a str },
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Event { to: To, op: u32, len: u32 },
    State { to: To, len: u32 },
    Kick { seat: Seat },
    Answer { session: SessionId, reject: Option<Reject>, len: u32 },
    Reply { number: u32, len: u32 },
    Log { len: u32 },
}

/// Buffer of outputs. One serves all rooms of a thread: it goes from room to room, and its memory with it. Small to move; made when
/// something is put.
#[derive(Debug, Default)]
pub struct Outputs {
    store: Option<Box<Store>>,
}

#[derive(Debug, Default)]
struct Store {
    entries: Vec<Entry>,
    /// Data of events and states.
    bytes: Vec<u8>,
    /// Text of log lines and reasons.
    lines: String,
    log_lines: usize,
    answers: usize,
    log_lines_lost: u64,
    refused: u64,
}

impl Outputs {
    /// In the order in which they were put.
    pub fn iter(&self) -> impl Iterator<Item = Output<'_>> {
        let (entries, mut rest, mut lines) =
            self.store.as_ref().map_or((&[][..], &[][..], ""), |store| (&store.entries, &store.bytes, &store.lines));
        entries.iter().map(move |entry| {
            let mut take_text = |len: u32| {
                let (text, after) = lines.split_at(len as usize);
                lines = after;
                text
            };
            let mut take = |len: u32| {
                let (data, after) = rest.split_at(len as usize);
                rest = after;
                data
            };
            match *entry {
                Entry::Event { to, op, len } => Output::Event { to, op, data: take(len) },
                Entry::State { to, len } => Output::State { to, data: take(len) },
                Entry::Kick { seat } => Output::Kick { seat },
                Entry::Answer { session, reject, len } => Output::Answer { session, reject, reason: take_text(len) },
                Entry::Reply { number, len } => Output::Reply { number, data: take(len) },
                Entry::Log { len } => Output::Log { line: take_text(len) },
            }
        })
    }

    /// Hash of `chain` and what was put, but for log lines: these are for people, and may name places in memory.
    pub(crate) fn fold(&self, mut chain: u64) -> u64 {
        let Some(store) = self.store.as_ref().filter(|store| !store.entries.is_empty()) else { return chain };
        chain = xxh3_64_with_seed(&store.bytes, chain);
        for entry in &store.entries {
            let (kind, to, op, len) = match *entry {
                Entry::Event { to, op, len } => (1, to, op, len),
                Entry::State { to, len } => (2, to, 0, len),
                Entry::Kick { seat } => (3, To::One(seat), 0, 0),
                Entry::Answer { session, reject, .. } => (4, To::All, session.0 as u32, reject.map_or(0, Reject::code)),
                Entry::Reply { number, len } => (5, To::All, number, len),
                Entry::Log { .. } => continue,
            };
            let to = match to {
                To::All => 0,
                To::One(Seat(seat)) => 1 << 16 | u32::from(seat),
                To::Except(Seat(seat)) => 2 << 16 | u32::from(seat),
            };
            let mut words = [0; 16];
            for (place, word) in words.chunks_exact_mut(4).zip([kind, to, op, len]) {
                place.copy_from_slice(&word.to_le_bytes());
            }
            chain = xxh3_64_with_seed(&words, chain);
        }
        chain
    }

    /// Whether nothing was put since the last [`Outputs::clear`], and nothing was lost.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.store.as_ref().is_none_or(|store| store.entries.is_empty() && store.refused == 0)
    }

    /// Log lines above [`LOG_LINES_MAX`] since the last [`Outputs::clear`].
    #[must_use]
    pub fn log_lines_lost(&self) -> u64 {
        self.store.as_ref().map_or(0, |store| store.log_lines_lost)
    }

    /// Events and states that did not fit since the last [`Outputs::clear`].
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.store.as_ref().map_or(0, |store| store.refused)
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        let Some(store) = &mut self.store else { return };
        store.entries.clear();
        store.bytes.clear();
        store.lines.clear();
        store.log_lines = 0;
        store.answers = 0;
        store.log_lines_lost = 0;
        store.refused = 0;
    }

    /// `false`: full, counted, nothing was put.
    pub(crate) fn event(&mut self, to: To, op: u32, data: &[u8]) -> bool {
        self.put(data, |len| Entry::Event { to, op, len })
    }

    /// `false`: full, counted, nothing was put.
    pub(crate) fn state(&mut self, to: To, data: &[u8]) -> bool {
        self.put(data, |len| Entry::State { to, len })
    }

    /// Never refused: a room has few seats.
    pub(crate) fn kick(&mut self, seat: Seat) {
        self.store().entries.push(Entry::Kick { seat });
    }

    /// Answers since the last [`Outputs::clear`].
    pub(crate) fn answers(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.answers)
    }

    /// Bounded by the caller.
    pub(crate) fn answer(&mut self, session: SessionId, reject: Option<Reject>, reason: &str) {
        let store = self.store();
        store.answers += 1;
        store.lines.push_str(reason);
        store.entries.push(Entry::Answer { session, reject, len: reason.len() as u32 });
    }

    /// `false`: full, counted, nothing was put.
    pub(crate) fn reply(&mut self, number: u32, data: &[u8]) -> bool {
        self.put(data, |len| Entry::Reply { number, len })
    }

    pub(crate) fn log(&mut self, line: &str) {
        let store = self.store();
        if store.log_lines >= LOG_LINES_MAX {
            store.log_lines_lost += 1;
            return;
        }
        store.log_lines += 1;
        let line = cut(line, LOG_LINE_BYTES_MAX);
        store.lines.push_str(line);
        store.entries.push(Entry::Log { len: line.len() as u32 });
    }

    fn put(&mut self, data: &[u8], entry: impl FnOnce(u32) -> Entry) -> bool {
        let store = self.store();
        if store.entries.len() >= OUTPUTS_MAX || store.bytes.len() + data.len() > OUTPUT_BYTES_MAX {
            store.refused += 1;
            return false;
        }
        store.bytes.extend_from_slice(data);
        store.entries.push(entry(data.len() as u32));
        true
    }

    fn store(&mut self) -> &mut Store {
        self.store.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn come_out_as_they_went_in() {
        let mut out = Outputs::default();
        assert!(out.event(To::All, 7, b"abc"));
        out.log("hear");
        out.kick(Seat(3));
        assert!(out.state(To::One(Seat(1)), b""));
        assert_eq!(
            out.iter().collect::<Vec<_>>(),
            [
                Output::Event { to: To::All, op: 7, data: b"abc" },
                Output::Log { line: "hear" },
                Output::Kick { seat: Seat(3) },
                Output::State { to: To::One(Seat(1)), data: b"" },
            ]
        );
        out.clear();
        assert!(out.is_untouched());
        assert_eq!(out.iter().count(), 0);
    }

    #[test]
    fn are_bounded_in_number_bytes_and_lines() {
        let mut out = Outputs::default();
        assert!((0..OUTPUTS_MAX).all(|_| out.state(To::All, b"")));
        assert!(!out.state(To::All, b""));
        out.clear();
        assert!(out.event(To::All, 0, &vec![0; OUTPUT_BYTES_MAX]));
        assert!(!out.event(To::All, 0, &[0]));
        assert_eq!(out.refused(), 1);
        out.clear();
        (0..LOG_LINES_MAX + 2).for_each(|_| out.log(&"y".repeat(1_000)));
        assert_eq!(out.log_lines_lost(), 2);
        assert_eq!(out.iter().count(), LOG_LINES_MAX);
        assert!(out.iter().all(|o| matches!(o, Output::Log { line } if line.len() == LOG_LINE_BYTES_MAX)));
    }
}
