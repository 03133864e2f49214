//! Who goes first when not all fits: a histogram of urgencies, and a line through it. Knows nothing of what waits.

/// Steps of urgency that are told apart.
const BUCKETS: usize = 64;

/// Nothing waits.
pub(crate) const NOTHING: u8 = 0;

/// Bits that wait, by urgency.
#[derive(Debug)]
pub(crate) struct Selection {
    bits: [u32; BUCKETS],
    line: u8,
    /// Share of those on the line that go, in 1/65,536.
    share: u32,
}

impl Selection {
    pub(crate) const fn new() -> Self {
        Self { bits: [0; BUCKETS], line: 1, share: 1 << 16 }
    }

    /// Something of so many bits waits. Returns its bucket.
    #[inline]
    pub(crate) fn add(&mut self, urgency: u16, bits: u32) -> u8 {
        let bucket = (urgency / 2).clamp(1, BUCKETS as u16 - 1) as u8;
        let sum = &mut self.bits[usize::from(bucket) % BUCKETS];
        *sum = sum.wrapping_add(bits);
        bucket
    }

    /// Draws the line so that about `limit` bits are above it.
    pub(crate) fn draw(&mut self, limit: i64) {
        let mut left = limit.max(0);
        for at in (1..BUCKETS).rev() {
            let bits = i64::from(self.bits[at]);
            if bits > left {
                self.line = at as u8;
                self.share = ((left << 16) / bits) as u32;
                return;
            }
            left -= bits;
        }
    }

    /// Fills `chosen` with the places in `buckets` that go in this tick. Of those on the line chance decides, so that nobody is always the one who
    /// stays. Without branches: nobody can foresee them.
    pub(crate) fn choose(&self, buckets: &[u8], tick: u32, chosen: &mut Vec<u16>) {
        let (line, share, turn) = (self.line, self.share, tick.wrapping_mul(0x85EB_CA6B));
        chosen.resize(buckets.len(), 0);
        let mut count = 0;
        for (at, &bucket) in buckets.iter().enumerate() {
            if let Some(place) = chosen.get_mut(count) {
                *place = at as u16;
            }
            let goes = (bucket > line) | ((bucket == line) & (scramble(turn.wrapping_add(at as u32)) < share));
            count = count.wrapping_add(usize::from(goes));
        }
        chosen.truncate(count);
    }
}

/// 16 bits that look random: multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4).
#[inline]
const fn scramble(number: u32) -> u32 {
    number.wrapping_mul(0x9E37_79B1) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urgent_go_and_the_rest_share() {
        let mut selection = Selection::new();
        let mut buckets: Vec<u8> = (0..1000).map(|_| selection.add(4, 10)).collect();
        buckets.extend((0..10).map(|_| selection.add(40, 10)));
        buckets.extend((0..10).map(|_| selection.add(u16::MAX, 10)));
        buckets.push(NOTHING);
        let mut chosen = Vec::new();
        selection.choose(&buckets, 1, &mut chosen);
        assert_eq!(chosen.len(), 1020);
        selection.draw(5_200);
        let mut had = [false; 1000];
        for tick in 0..60 {
            selection.choose(&buckets, tick, &mut chosen);
            // 5,000 bits are left for 10,000.
            let low = chosen.iter().filter(|at| **at < 1000).count();
            assert!((450..550).contains(&low), "{low}");
            assert!((1000..1020).all(|at| chosen.contains(&at)) && !chosen.contains(&1020));
            chosen.iter().filter_map(|at| had.get_mut(usize::from(*at)).map(|had| *had = true)).count();
        }
        // Over the ticks each has its turn.
        assert!(had.iter().all(|had| *had));
        selection.draw(0);
        selection.choose(&buckets, 1, &mut chosen);
        assert_eq!(chosen, []);
    }
}
