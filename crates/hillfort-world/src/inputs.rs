//! One player's waiting inputs: a bounded queue whose memory is used again and again. Knows nothing of turns between players.

use std::collections::VecDeque;

use hillfort_proto::limits::ROOM_INPUT_BYTES_MAX;

/// Bytes of data that wait at most for one player, whatever the number of inputs: what a stranger can make a room keep.
pub const PLAYER_QUEUE_BYTES_MAX: usize = 16 * 1024;

const _: () = assert!(ROOM_INPUT_BYTES_MAX <= PLAYER_QUEUE_BYTES_MAX, "a largest input can wait");

/// Inputs in order of arrival. At most `cap` and [`PLAYER_QUEUE_BYTES_MAX`]; one more pushes the oldest out.
#[derive(Debug, Default)]
pub(crate) struct InputQueue {
    entries: VecDeque<Entry>,
    /// Data of the entries, in order, from `read` on.
    bytes: Vec<u8>,
    read: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    op: u32,
    len: u32,
}

impl InputQueue {
    /// Appends an input of at most [`ROOM_INPUT_BYTES_MAX`] bytes. Returns how many of the oldest were pushed out for it.
    pub(crate) fn push(&mut self, cap: u16, op: u32, data: &[u8]) -> u64 {
        let mut lost = 0;
        while self.entries.len() >= usize::from(cap) || self.waiting_bytes() + data.len() > PLAYER_QUEUE_BYTES_MAX {
            if self.pop().is_none() {
                break;
            }
            lost += 1;
        }
        // Makes room at the end by moving the rest to the front, at the latest when half of the store has been read: each byte is moved
        // once on average, and the store stays below twice what waits.
        if self.read > 0 && self.read * 2 >= self.bytes.len() {
            self.bytes.copy_within(self.read.., 0);
            self.bytes.truncate(self.bytes.len() - self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(data);
        self.entries.push_back(Entry { op, len: u32::try_from(data.len()).expect("inputs are short") });
        lost
    }

    /// Takes the oldest.
    pub(crate) fn pop(&mut self) -> Option<(u32, &[u8])> {
        let entry = self.entries.pop_front()?;
        let from = self.read;
        self.read += entry.len as usize;
        Some((entry.op, &self.bytes[from..self.read]))
    }

    /// All that wait, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut rest = &self.bytes[self.read..];
        self.entries.iter().map(move |entry| {
            let (data, after) = rest.split_at(entry.len as usize);
            rest = after;
            (entry.op, data)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.read
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_too_many_pushes_the_oldest_out() {
        let mut queue = InputQueue::default();
        assert_eq!(0, queue.push(2, 1, b"a"));
        assert_eq!(0, queue.push(2, 2, b"bb"));
        assert_eq!(1, queue.push(2, 3, b"ccc"));
        assert_eq!(queue.pop(), Some((2, &b"bb"[..])));
        assert_eq!(queue.pop(), Some((3, &b"ccc"[..])));
        assert_eq!(queue.pop(), None);
        for _ in 0..16 {
            assert_eq!(queue.push(100, 1, &[0; 1024]), 0);
        }
        assert_eq!(queue.push(100, 1, &[0; 1]), 1, "bytes are bounded too");
    }

    #[test]
    fn steady_stream_needs_no_new_memory() {
        let mut queue = InputQueue::default();
        let round = |queue: &mut InputQueue| {
            // One always waits, so the queue is never empty.
            for op in 0..8 {
                queue.push(16, op, &[7; 1024]);
            }
            for _ in 0..7 {
                assert!(queue.pop().is_some());
            }
            while queue.entries.len() > 1 {
                queue.pop();
            }
        };
        (0..16).for_each(|_| round(&mut queue));
        let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| round(&mut queue)));
        assert_eq!(counted.count_total, 0);
        assert!(queue.bytes.capacity() <= 64 * 1024);
    }

    proptest! {
        #[test]
        fn behaves_like_a_list(steps in proptest::collection::vec(proptest::option::of((0u32..9, 0usize..40)), 0..200)) {
            let mut queue = InputQueue::default();
            let mut model = VecDeque::new();
            for step in steps {
                match step {
                    Some((op, len)) => {
                        let data = vec![op as u8; len];
                        let fits = model.len() < 5;
                        prop_assert_eq!(queue.push(5, op, &data), u64::from(!fits));
                        if !fits {
                            model.pop_front();
                        }
                        model.push_back((op, data));
                    }
                    None => {
                        let expect = model.pop_front();
                        prop_assert_eq!(queue.pop().map(|(op, data)| (op, data.to_vec())), expect);
                    }
                }
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert!(queue.iter().eq(model.iter().map(|(op, data)| (*op, &data[..]))));
            }
        }
    }
}
