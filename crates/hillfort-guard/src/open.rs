//! How many connections are open, by source and by network. Knows nothing of what either is allowed.
//!
//! Counts lie in two rows of cells, each source in one cell of each row; the smaller of the two is its count (the count-min sketch,
//! Cormode and Muthukrishnan, 2005). A connection takes away exactly what it added, so nothing decays or drifts. A count is never too
//! small; it is too large only when both cells are shared: with 60,000 open connections of as many sources one in seven reads two or three for one.
//! There is nothing to insert, remove, grow or tidy up, so a flood finds no pause to provoke.

/// Cells of one row: twice the connections that one process can have.
const SOURCE_CELLS: usize = 1 << 17;
const NETWORK_CELLS: usize = 1 << 16;

#[derive(Debug)]
pub(crate) struct Open {
    sources: Counts,
    networks: Counts,
    total: u32,
}

#[derive(Debug)]
struct Counts {
    cells: Vec<u32>,
    row: usize,
}

impl Open {
    pub(crate) fn new() -> Self {
        Self { sources: Counts::new(SOURCE_CELLS), networks: Counts::new(NETWORK_CELLS), total: 0 }
    }

    pub(crate) const fn total(&self) -> u32 {
        self.total
    }

    pub(crate) fn of_source(&self, source: u64) -> u32 {
        self.sources.get(source)
    }

    pub(crate) fn of_network(&self, network: u64) -> u32 {
        self.networks.get(network)
    }

    pub(crate) fn add(&mut self, source: u64, network: u64) {
        self.total += 1;
        self.sources.change(source, |count| count + 1);
        self.networks.change(network, |count| count + 1);
    }

    pub(crate) fn remove(&mut self, source: u64, network: u64) {
        self.total -= 1;
        self.sources.change(source, |count| count - 1);
        self.networks.change(network, |count| count - 1);
    }
}

impl Counts {
    fn new(row: usize) -> Self {
        Self { cells: vec![0; 2 * row], row }
    }

    fn places(&self, hash: u64) -> [usize; 2] {
        let mask = self.row - 1;
        [hash as usize & mask, self.row + ((hash >> 32) as usize & mask)]
    }

    fn get(&self, hash: u64) -> u32 {
        let [one, other] = self.places(hash);
        self.cells[one].min(self.cells[other])
    }

    fn change(&mut self, hash: u64, by: impl Fn(u32) -> u32) {
        for at in self.places(hash) {
            self.cells[at] = by(self.cells[at]);
        }
    }
}

#[cfg(test)]
mod tests;
