//! Proof of work, both sides: a client that is to be let in under attack finds a number by trying, which costs it time, and the server
//! checks it by one hash (after Dwork and Naor, 1992; the form is Hashcash's, Back, 2002). Stateless; whoever asks keeps the puzzle.
//! Knows nothing of when it is asked for.
//!
//! The answer to `salt` and `bits` is a number whose SHA-256(`salt` ‖ number, 8 bytes big endian) begins with `bits` zero bits. Each
//! try is right with probability 2^-bits, so 2^bits tries are expected, and one player in 150 needs more than five times as many.

use sha2::{Digest, Sha256};

use crate::limits::{WORK_BITS_MAX, WORK_SALT_BYTES};

/// What is to be worked on. The salt must be random and used for one connection, or answers could be found in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Puzzle {
    salt: [u8; WORK_SALT_BYTES],
    bits: u8,
}

impl Puzzle {
    /// A puzzle of so many bits; at most [`WORK_BITS_MAX`] of them are asked.
    #[must_use]
    pub const fn new(salt: [u8; WORK_SALT_BYTES], bits: u8) -> Self {
        Self { salt, bits: if bits > WORK_BITS_MAX { WORK_BITS_MAX } else { bits } }
    }

    /// What makes it differ from all others.
    #[must_use]
    pub const fn salt(&self) -> &[u8; WORK_SALT_BYTES] {
        &self.salt
    }

    /// How hard it is.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether this is an answer: one block of SHA-256.
    #[must_use]
    pub fn verify(&self, nonce: u64) -> bool {
        let mut bytes = [0; WORK_SALT_BYTES + 8];
        bytes[..WORK_SALT_BYTES].copy_from_slice(&self.salt);
        bytes[WORK_SALT_BYTES..].copy_from_slice(&nonce.to_be_bytes());
        let hash = <[u8; 32]>::from(Sha256::digest(bytes));
        let [a, b, c, d, ..] = hash;
        u32::from_be_bytes([a, b, c, d]).leading_zeros() >= u32::from(self.bits)
    }

    /// Tries the numbers from `from` on, at most so many: whoever has other things to do goes on later with `from + tries`.
    #[must_use]
    pub fn solve(&self, from: u64, tries: u64) -> Option<u64> {
        (0..tries).map(|n| from.wrapping_add(n)).find(|nonce| self.verify(*nonce))
    }
}

const _: () = assert!(WORK_BITS_MAX < 32, "the first four bytes decide");

#[cfg(test)]
mod tests {
    use super::*;

    fn salt(n: u8) -> [u8; WORK_SALT_BYTES] {
        std::array::from_fn(|at| n.wrapping_mul(31).wrapping_add(at as u8))
    }

    /// Zero bits at the beginning, counted in another way.
    fn zeros(puzzle: &Puzzle, nonce: u64) -> usize {
        let hash = Sha256::new().chain_update(puzzle.salt()).chain_update(nonce.to_be_bytes()).finalize();
        hash.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).take_while(|bit| *bit == 0).count()
    }

    #[test]
    fn an_answer_has_the_bits_and_its_neighbours_do_not() {
        for bits in 0..=12 {
            let puzzle = Puzzle::new(salt(bits), bits);
            let answer = puzzle.solve(0, u64::MAX).unwrap();
            assert!(zeros(&puzzle, answer) >= usize::from(bits));
            for earlier in 0..answer {
                assert!(zeros(&puzzle, earlier) < usize::from(bits) && !puzzle.verify(earlier));
            }
            assert_eq!(Puzzle::new(salt(99), bits).verify(answer), zeros(&Puzzle::new(salt(99), bits), answer) >= bits.into());
        }
    }

    #[test]
    fn work_can_be_cut_in_slices_and_wraps() {
        let puzzle = Puzzle::new(salt(3), 10);
        let answer = puzzle.solve(7, u64::MAX).unwrap();
        let sliced = (0..).map(|slice| 7 + slice * 64).find_map(|from| puzzle.solve(from, 64));
        assert_eq!(sliced, Some(answer));
        assert_eq!(puzzle.solve(7, answer - 7), None);
        assert_eq!(puzzle.solve(7, answer - 6), Some(answer));
        assert!(puzzle.solve(u64::MAX, 100_000).is_some_and(|nonce| nonce < 100_000));
    }

    #[test]
    fn tries_are_two_to_the_bits() {
        let tries: u64 = (0..200).map(|n| Puzzle::new(salt(n), 8).solve(0, u64::MAX).unwrap() + 1).sum();
        // The mean of 200 geometric draws of mean 256 is within five deviations, 256 ± 91.
        assert!((165..347).contains(&(tries / 200)), "{}", tries / 200);
    }

    #[test]
    fn more_bits_than_allowed_are_not_asked() {
        assert_eq!(Puzzle::new(salt(0), 200).bits(), WORK_BITS_MAX);
    }
}
