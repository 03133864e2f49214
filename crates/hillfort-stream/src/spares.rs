//! Vectors that connections borrow while something is partial, so that an idle connection holds none and a busy one allocates none.

/// Vectors kept at most.
const SPARES_MAX: usize = 256;
/// A vector that grew beyond this goes back to the allocator.
const SPARE_BYTES_MAX: usize = 32 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Spares(Vec<Vec<u8>>);

impl Spares {
    /// Gives `place` memory, when it has none.
    pub fn lend(&mut self, place: &mut Vec<u8>) {
        if place.capacity() == 0
            && let Some(spare) = self.0.pop()
        {
            *place = spare;
        }
    }

    /// Takes the memory of `place` back, whatever is in it.
    pub fn take_back(&mut self, place: &mut Vec<u8>) {
        let mut spare = std::mem::take(place);
        if (1..=SPARE_BYTES_MAX).contains(&spare.capacity()) && self.0.len() < SPARES_MAX {
            spare.clear();
            self.0.push(spare);
        }
    }
}
