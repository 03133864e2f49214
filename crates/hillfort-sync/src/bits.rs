//! Bits in a byte string: the first bit is the lowest of the first byte. Knows nothing of what they mean.

/// Writes bits behind what a buffer holds. Each write stores a whole word and goes on by the bytes that are full: no branch depends on where a
/// byte ends.
#[derive(Debug, Default)]
pub struct BitWriter {
    /// Longer than what was written, zeros at the end.
    bytes: Vec<u8>,
    /// Full bytes.
    at: usize,
    pending: u64,
    /// Bits in `pending`, below 8.
    len: u32,
}

/// The buffer grows by so much.
const GROWTH: usize = 256;

/// Reads bits; never beyond the end.
#[derive(Debug, Clone)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Position in bits.
    at: usize,
}

impl BitWriter {
    /// Writes behind `bytes`, whose memory is used on.
    #[must_use]
    pub fn behind(bytes: Vec<u8>) -> Self {
        let at = bytes.len();
        Self { bytes, at, pending: 0, len: 0 }
    }

    /// Writes the lowest `len` bits of `bits`, at most 64; the bits above them must be 0.
    #[inline]
    pub fn put(&mut self, bits: u64, len: u32) {
        debug_assert!(len <= 64 && (len == 64 || bits >> len == 0), "{bits:#x} has more than {len} bits");
        if len > 56 {
            self.store(bits & ((1 << 32) - 1), 32);
            self.store(bits >> 32, len.wrapping_sub(32));
        } else {
            self.store(bits, len);
        }
    }

    /// At most 56 bits: with the 7 that wait they fit into a word.
    #[inline]
    fn store(&mut self, bits: u64, len: u32) {
        if self.at.wrapping_add(8) > self.bytes.len() {
            self.bytes.resize(self.at + 8 + GROWTH, 0);
        }
        self.pending |= bits << self.len;
        let total = self.len.wrapping_add(len);
        if let Some(word) = self.bytes[self.at..].first_chunk_mut() {
            *word = self.pending.to_le_bytes();
        }
        self.at = self.at.wrapping_add((total / 8) as usize);
        self.pending >>= total & !7;
        self.len = total % 8;
    }

    /// Writes `number`, at least 1, in Elias gamma code: as many zeros as it has bits beyond the first, a one, then these bits.
    pub fn put_gamma(&mut self, number: u32) {
        debug_assert!(number > 0, "gamma codes begin at 1");
        let more = 31 - number.leading_zeros();
        self.put(1 << more, more + 1);
        self.put(u64::from(number) & ((1 << more) - 1), more);
    }

    /// Bits that were written, those before `self` included.
    #[must_use]
    #[inline]
    pub const fn bit_len(&self) -> usize {
        self.at.wrapping_mul(8).wrapping_add(self.len as usize)
    }

    /// Fills the last byte with zeros and gives the buffer back.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.at);
        if self.len > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

impl<'a> BitReader<'a> {
    /// Reads `bytes` from their beginning.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `len` bits, at most 32. `None`: there are fewer, and nothing was read.
    #[inline]
    pub fn take(&mut self, len: u32) -> Option<u32> {
        debug_assert!(len <= 32, "at most 32 bits at once");
        let end = self.at + len as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let byte = self.at / 8;
        let mut window = [0; 8];
        let rest = &self.bytes[byte..];
        let have = rest.len().min(8);
        window[..have].copy_from_slice(&rest[..have]);
        let bits = u64::from_le_bytes(window) >> (self.at % 8);
        self.at = end;
        Some((bits & ((1 << len) - 1)) as u32)
    }

    /// One bit.
    #[inline]
    pub fn take_bit(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// A number in Elias gamma code. `None`: the bits end, or it has more than 32 bits.
    pub fn take_gamma(&mut self) -> Option<u32> {
        let mut more = 0;
        while !self.take_bit()? {
            more += 1;
            if more > 31 {
                return None;
            }
        }
        Some(1 << more | self.take(more)?)
    }

    /// Bits that are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in prop::collection::vec((any::<u32>(), 0_u32..=32), 0..200)) {
            let mut writer = BitWriter::behind(vec![7]);
            let cut = |number: u32, len: u32| number & ((1_u64 << len) - 1) as u32;
            numbers.iter().for_each(|&(number, len)| writer.put(u64::from(cut(number, len)), len));
            let len = writer.bit_len();
            let bytes = writer.finish();
            prop_assert_eq!(bytes.len(), len.div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            prop_assert_eq!(reader.take(8), Some(7));
            for &(number, len) in &numbers {
                prop_assert_eq!(reader.take(len), Some(cut(number, len)));
            }
            prop_assert!(reader.left() < 8);
            prop_assert_eq!(reader.clone().take(8), None);
        }

        #[test]
        fn gamma_codes_are_read(numbers in prop::collection::vec(1_u32.., 0..100)) {
            let mut writer = BitWriter::default();
            numbers.iter().for_each(|&number| writer.put_gamma(number));
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for &number in &numbers {
                prop_assert_eq!(reader.take_gamma(), Some(number));
            }
        }

        #[test]
        fn long_words_cross_borders(first in 0_u32..64, word in any::<u64>()) {
            let mut writer = BitWriter::default();
            writer.put(0, first);
            writer.put(word, 64);
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            (0..first).for_each(|_| assert_eq!(reader.take(1), Some(0)));
            prop_assert_eq!(reader.take(32), Some(word as u32));
            prop_assert_eq!(reader.take(32), Some((word >> 32) as u32));
        }
    }

    #[test]
    fn no_gamma_code_is_longer_than_a_number() {
        assert_eq!(BitReader::new(&[0; 9]).take_gamma(), None);
        assert_eq!(BitReader::new(&[]).take_gamma(), None);
    }
}
