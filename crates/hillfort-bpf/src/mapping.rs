//! The memory of an array map, shared with the kernel. Owns the mapping; reads and writes need no system call.

use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use crate::call::{Error, Result, system};
use crate::map::{Map, MapKind};

/// Cells of 64 bits of a [`MapKind::MappedArray`], which programs change at the same time.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<AtomicU64>,
    cells: usize,
}

// SAFETY: it owns the mapping, and all access goes through atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps all entries. Values are multiples of 8 bytes and lie one after the other.
    ///
    /// # Errors
    /// [`Error::Shape`] when the map is of another kind or its values are no multiple of 8; otherwise what the kernel says.
    pub fn new(map: &Map) -> Result<Self> {
        let spec = map.spec();
        if spec.kind != MapKind::MappedArray || !spec.value.is_multiple_of(8) {
            return Err(Error::Shape("only arrays made for it, with values of whole 64-bit cells, can be mapped"));
        }
        let bytes = spec.value * spec.entries as usize;
        // SAFETY: a new mapping at an address that the kernel chooses; the length is what the kernel gave the map.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, map.as_raw_fd(), 0)
        };
        match NonNull::new(start.cast::<AtomicU64>()) {
            Some(cells) if start != libc::MAP_FAILED => Ok(Self { start: cells, cells: bytes / 8 }),
            _ => Err(system("map the memory of a map")),
        }
    }

    /// The cells.
    #[must_use]
    pub fn cells(&self) -> &[AtomicU64] {
        // SAFETY: `start` is mapped for `cells` cells, page-aligned, as long as `self` lives; the kernel touches them as memory that
        // is shared, which atomics allow.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.cells) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped; no reference outlives `self`. An error would mean a wrong address, which cannot be.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.cells * 8) };
    }
}
