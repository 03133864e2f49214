//! Work that servers under attack ask of clients, done in slices, so that those who are in play on. Knows nothing of connections: an
//! answer that comes too late is the session's to drop.

use std::collections::VecDeque;

use hillfort_proto::work::Puzzle;

/// Tries in one turn: about 60 µs.
const SLICE: u64 = 1024;

/// Puzzles in turn, each with its client and the next number to try.
#[derive(Debug, Default)]
pub(super) struct Works(VecDeque<(usize, Puzzle, u64)>);

impl Works {
    /// Client `index` is to work on this; it gives up what it worked on before.
    pub(super) fn push(&mut self, index: usize, puzzle: Puzzle) {
        self.0.retain(|(other, ..)| *other != index);
        self.0.push_back((index, puzzle, 0));
    }

    /// Whether there is something to do.
    pub(super) fn wait(&self) -> bool {
        !self.0.is_empty()
    }

    /// Works on the first one for a slice; a client and its answer when it is found.
    pub(super) fn turn(&mut self) -> Option<(usize, u64)> {
        let (index, puzzle, from) = self.0.front_mut()?;
        match puzzle.solve(*from, SLICE) {
            None => {
                *from += SLICE;
                None
            }
            found => {
                let index = *index;
                self.0.pop_front();
                found.map(|nonce| (index, nonce))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_gets_its_answer_and_the_newest_puzzle_counts() {
        let mut works = Works::default();
        let puzzles = [1, 2, 3].map(|salt| Puzzle::new([salt; 16], 12));
        works.push(0, puzzles[0]);
        works.push(1, puzzles[1]);
        works.push(0, puzzles[2]);
        let mut answers = Vec::new();
        while works.wait() {
            answers.extend(works.turn());
        }
        assert_eq!(answers.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 0]);
        assert!(puzzles[1].verify(answers[0].1) && puzzles[2].verify(answers[1].1));
    }
}
