//! Repeatable variety for bots and attacks: who waits how long, who goes where. Not for secrets; nonces come from the system.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Different seeds give unrelated streams.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least `from`, less than `to`.
    pub(crate) fn between(&mut self, from: f32, to: f32) -> f32 {
        // 24 bits are what a single-precision fraction holds exactly.
        let fraction = (self.next() >> 40) as f32 / (1_u64 << 24) as f32;
        from + fraction * (to - from)
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers_within_bounds() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        for _ in 0..1_000 {
            let value = a.between(1.0, 3.0);
            assert!((1.0..3.0).contains(&value));
            assert!((value - b.between(1.0, 3.0)).abs() < f32::EPSILON);
        }
        assert_ne!(Random::new(1).next(), Random::new(2).next());
    }

    #[test]
    fn fills_every_length() {
        let mut bytes = [0; 19];
        Random::new(1).fill(&mut bytes);
        assert!(bytes[16..].iter().any(|&byte| byte != 0));
    }
}
