//! Cache lines of eight words in one fixed store: the ground for the tables that strangers fill. Knows nothing of what the words
//! mean.

/// Words in a line of 64 bytes.
pub(crate) const LINE_WORDS: usize = 8;

/// A power of two of lines. Zero means empty; memory that was never written costs nothing but address space.
#[derive(Debug)]
pub(crate) struct Lines {
    words: Vec<u64>,
    /// Words before the first aligned line.
    skip: usize,
    count: usize,
}

impl Lines {
    /// Lines for at least `words` words.
    pub(crate) fn new(words: usize) -> Self {
        let count = words.div_ceil(LINE_WORDS).next_power_of_two();
        let words = vec![0; (count + 1) * LINE_WORDS];
        // The allocation never moves. If the platform cannot say, lines straddle two cache lines: slower, not wrong.
        let skip = match words.as_ptr().align_offset(64) {
            skip if skip < LINE_WORDS => skip,
            _ => 0,
        };
        Self { words, skip, count }
    }

    pub(crate) fn words(&self) -> usize {
        self.count * LINE_WORDS
    }

    /// The line that `hash` falls on, by its low bits.
    pub(crate) fn line(&self, hash: u64) -> &[u64; LINE_WORDS] {
        self.words[self.from(hash)..].first_chunk().expect("there is one line more than the mask can reach")
    }

    pub(crate) fn line_mut(&mut self, hash: u64) -> &mut [u64; LINE_WORDS] {
        let from = self.from(hash);
        self.words[from..].first_chunk_mut().expect("there is one line more than the mask can reach")
    }

    /// Place of the first word of that line among all words.
    pub(crate) fn at(&self, hash: u64) -> usize {
        (hash as usize & (self.count - 1)) * LINE_WORDS
    }

    pub(crate) fn word(&self, at: usize) -> u64 {
        self.words[self.skip + at]
    }

    pub(crate) fn word_mut(&mut self, at: usize) -> &mut u64 {
        &mut self.words[self.skip + at]
    }

    fn from(&self, hash: u64) -> usize {
        self.skip + self.at(hash)
    }
}
