//! One direction of a byte stream. Owns what is on its way; knows nothing of what the bytes mean.

use crate::seed::Seed;

/// Bytes that were written and not delivered yet, and bytes that were delivered and not consumed yet.
#[derive(Debug, Default)]
pub struct Link {
    on_the_way: Vec<u8>,
    delivered: Vec<u8>,
}

impl Link {
    /// Where to write.
    pub fn writer(&mut self) -> &mut Vec<u8> {
        &mut self.on_the_way
    }

    /// Delivers some of the bytes, the more at once the luckier the seed: from a part of a header to everything.
    pub fn deliver_some(&mut self, seed: &mut Seed) {
        let all = self.on_the_way.len();
        let count = if seed.one_in(3) { all } else { seed.below(all.min(64) + 1) };
        self.delivered.extend(self.on_the_way.drain(..count));
    }

    /// Delivers everything.
    pub fn deliver_all(&mut self) {
        self.delivered.append(&mut self.on_the_way);
    }

    /// The connection is cut: an arbitrary part of what was on its way still arrives, the rest is lost.
    pub fn cut(&mut self, seed: &mut Seed) {
        let count = seed.below(self.on_the_way.len() + 1);
        self.delivered.extend(self.on_the_way.drain(..count));
        self.on_the_way.clear();
    }

    /// What arrived and was not consumed.
    #[must_use]
    pub fn arrived(&self) -> &[u8] {
        &self.delivered
    }

    /// The first `count` of the bytes that arrived are done with.
    pub fn consume(&mut self, count: usize) {
        self.delivered.drain(..count);
    }

    /// A new connection: nothing of the old one is left.
    pub fn clear(&mut self) {
        self.on_the_way.clear();
        self.delivered.clear();
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.on_the_way.is_empty()
    }
}
