//! Maps: what programs and user space share. Owns creation and access by bytes; what the bytes mean is the caller's.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::{fs, io};

use crate::call::{Command, Error, Result, bpf, bpf_fd, name16};

const NO_PREALLOC: u32 = 1;
const MMAPABLE: u32 = 1 << 10;

/// Kind of a map (`enum bpf_map_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MapKind {
    /// Entries by any key, all made in advance.
    Hash = 1,
    /// Entries by number.
    Array = 2,
    /// Entries by number, one copy for each CPU.
    PerCpuArray = 6,
    /// The longest prefix that matches. A key is a `u32` number of bits, in the machine's order, and the bytes of the address.
    LpmTrie = 11,
    /// An array whose memory can be mapped ([`crate::Mapping`]).
    MappedArray = 0x100 | 2,
}

/// What a map shall be like.
#[derive(Debug, Clone, Copy)]
pub struct MapSpec {
    /// Shown by tools; at most 15 bytes are kept.
    pub name: &'static str,
    /// Kind.
    pub kind: MapKind,
    /// Bytes of a key; 4 for arrays.
    pub key: usize,
    /// Bytes of a value (for one CPU).
    pub value: usize,
    /// Most entries.
    pub entries: u32,
}

/// A map. Dropping it drops the map, once no program uses it either.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    spec: MapSpec,
    /// Bytes of a value as the kernel copies it: all CPUs, each rounded up to 8.
    copied: usize,
}

/// The map has no room for a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapFull;

#[repr(C)]
#[derive(Default)]
struct Create {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
    inner: u32,
    numa: u32,
    name: [u8; 16],
    ifindex: u32,
}

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct Batch {
    from: u64,
    to: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

impl Map {
    /// Makes a map.
    ///
    /// # Errors
    /// What the kernel says: no privilege, no memory, a shape that it does not take.
    pub fn create(spec: MapSpec) -> Result<Self> {
        let copied = match spec.kind {
            MapKind::PerCpuArray => spec.value.next_multiple_of(8) * possible_cpus().map_err(failed("count the CPUs"))?,
            _ => spec.value,
        };
        let flags = match spec.kind {
            MapKind::LpmTrie => NO_PREALLOC, // the kernel insists
            MapKind::MappedArray => MMAPABLE,
            _ => 0,
        };
        let mut attr = Create {
            kind: spec.kind as u32 & 0xFF,
            key: u32::try_from(spec.key).map_err(|_| Error::Shape("the key is too long"))?,
            value: u32::try_from(spec.value).map_err(|_| Error::Shape("the value is too long"))?,
            entries: spec.entries,
            flags,
            name: name16(spec.name),
            ..Create::default()
        };
        // SAFETY: `Create` is the layout of BPF_MAP_CREATE up to map_ifindex and holds no pointers.
        let fd = unsafe { bpf_fd(Command::MapCreate, &mut attr) }.map_err(failed("make a map"))?;
        Ok(Self { fd, spec, copied })
    }

    /// What it was made as.
    #[must_use]
    pub fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// Bytes of a value in user space: for [`MapKind::PerCpuArray`] those of all CPUs, each rounded up to 8.
    #[must_use]
    pub fn value_len(&self) -> usize {
        self.copied
    }

    /// Copies the value at `key`. `false`: there is none.
    ///
    /// # Errors
    /// [`Error::Shape`] or what the kernel says.
    pub fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<bool> {
        self.check(key.len(), value.len(), 1)?;
        self.element(Command::MapLookup, key.as_ptr(), value.as_mut_ptr(), 0, "look up in a map").map(|found| found.is_some())
    }

    /// Writes the value at `key`, new or not.
    ///
    /// # Errors
    /// `Ok(Err(MapFull))` when the key is new and there is no room; otherwise [`Error::Shape`] or what the kernel says.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<std::result::Result<(), MapFull>> {
        self.check(key.len(), value.len(), 1)?;
        match self.element(Command::MapUpdate, key.as_ptr(), value.as_ptr().cast_mut(), 0, "write to a map") {
            Err(Error::System { source, .. }) if is_full(&source) => Ok(Err(MapFull)),
            other => other.map(|_| Ok(())),
        }
    }

    /// Removes `key`. `false`: it was not there.
    ///
    /// # Errors
    /// [`Error::Shape`] or what the kernel says.
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        self.check(key.len(), self.copied, 1)?;
        self.element(Command::MapDelete, key.as_ptr(), std::ptr::null_mut(), 0, "delete from a map").map(|found| found.is_some())
    }

    /// The key after `key` in the kernel's order, into `next`; the first one for `None` or for a key that is gone. `false`: no more.
    ///
    /// # Errors
    /// [`Error::Shape`] or what the kernel says.
    pub fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<bool> {
        self.check(key.map_or(self.spec.key, <[u8]>::len), self.copied, 1)?;
        self.check(next.len(), self.copied, 1)?;
        let key = key.map_or(std::ptr::null(), <[u8]>::as_ptr);
        self.element(Command::MapNextKey, key, next.as_mut_ptr(), 0, "walk a map").map(|found| found.is_some())
    }

    /// Writes `count` values at `count` keys that lie one after the other. Gives how many were written before the map was full.
    ///
    /// # Errors
    /// [`Error::Shape`] or what the kernel says.
    pub fn update_batch(&self, keys: &[u8], values: &[u8], count: usize) -> Result<usize> {
        self.check(keys.len(), values.len(), count)?;
        let mut attr = self.batch(keys.as_ptr().cast_mut(), values.as_ptr().cast_mut(), count)?;
        // SAFETY: keys and values are as long as the kernel reads, by `check`; it does not write to them in an update.
        match unsafe { bpf(Command::MapUpdateBatch, &mut attr) } {
            Ok(_) => Ok(attr.count as usize),
            Err(source) if is_full(&source) => Ok(attr.count as usize),
            Err(source) => Err(failed("write to a map")(source)),
        }
    }

    /// Removes `count` keys that lie one after the other. Stops at the first that is not there; gives how many were removed.
    ///
    /// # Errors
    /// [`Error::Shape`] or what the kernel says.
    pub fn delete_batch(&self, keys: &[u8], count: usize) -> Result<usize> {
        self.check(keys.len(), self.copied * count, count)?;
        let mut attr = self.batch(keys.as_ptr().cast_mut(), std::ptr::null_mut(), count)?;
        // SAFETY: keys are as long as the kernel reads, by `check`.
        match unsafe { bpf(Command::MapDeleteBatch, &mut attr) } {
            Ok(_) => Ok(attr.count as usize),
            Err(source) if source.raw_os_error() == Some(libc::ENOENT) => Ok(attr.count as usize),
            Err(source) => Err(failed("delete from a map")(source)),
        }
    }

    /// All entries of a [`MapKind::Hash`] or an array: keys one after the other, and values. Not one moment's picture: what is
    /// written meanwhile may be in it or not.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn entries(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        if self.spec.kind == MapKind::LpmTrie {
            return Err(Error::Shape("a trie cannot be read as a whole"));
        }
        let room = self.spec.entries as usize;
        let (mut keys, mut values) = (vec![0; self.spec.key * room], vec![0; self.copied * room]);
        let (mut done, mut from, mut to) = (0, None::<[u8; 8]>, [0; 8]);
        while done < room {
            let mut attr =
                self.batch(keys[done * self.spec.key..].as_mut_ptr(), values[done * self.copied..].as_mut_ptr(), room - done)?;
            attr.from = from.as_ref().map_or(0, |from| from.as_ptr() as u64);
            attr.to = to.as_mut_ptr() as u64;
            // SAFETY: both vectors have room for `room - done` entries from here; the cursor of these kinds of maps is 4 bytes.
            let result = unsafe { bpf(Command::MapLookupBatch, &mut attr) };
            match result.as_ref().map_err(io::Error::raw_os_error) {
                Ok(_) => done += attr.count as usize,
                Err(Some(libc::ENOENT)) => {
                    done += attr.count as usize;
                    break;
                }
                // A bucket of the hash holds more than what is left: entries were added while it was walked.
                Err(Some(libc::ENOSPC)) => break,
                Err(_) => return Err(failed("read a map")(result.err().unwrap_or_else(io::Error::last_os_error))),
            }
            from = Some(to);
        }
        keys.truncate(done * self.spec.key);
        values.truncate(done * self.copied);
        Ok((keys, values))
    }

    fn check(&self, keys: usize, values: usize, count: usize) -> Result<()> {
        if keys != self.spec.key * count {
            return Err(Error::Shape("a key has not the size that the map was made with"));
        }
        if values != self.copied * count {
            return Err(Error::Shape("a value has not the size that the map was made with"));
        }
        Ok(())
    }

    /// `None`: no such entry. Sizes have been checked by the caller.
    fn element(&self, command: Command, key: *const u8, value: *mut u8, flags: u64, what: &'static str) -> Result<Option<()>> {
        let mut attr = Element { map: self.as_raw_fd() as u32, padding: 0, key: key as u64, value: value as u64, flags };
        // SAFETY: key and value are as long as the map's, by `check`, or null where the kernel takes that.
        match unsafe { bpf(command, &mut attr) } {
            Ok(_) => Ok(Some(())),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(failed(what)(error)),
        }
    }

    fn batch(&self, keys: *mut u8, values: *mut u8, count: usize) -> Result<Batch> {
        let count = u32::try_from(count).map_err(|_| Error::Shape("too many keys at once"))?;
        let map = self.as_raw_fd() as u32;
        Ok(Batch { from: 0, to: 0, keys: keys as u64, values: values as u64, count, map, element_flags: 0, flags: 0 })
    }
}

impl AsRawFd for Map {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::System { what, source }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::E2BIG | libc::ENOSPC | libc::ENOMEM))
}

/// How many CPUs the machine may ever have: the number of copies in a [`MapKind::PerCpuArray`].
///
/// # Errors
/// The kernel's list (`/sys/devices/system/cpu/possible`) cannot be read.
pub fn possible_cpus() -> io::Result<usize> {
    let text = fs::read_to_string("/sys/devices/system/cpu/possible")?;
    count_of_list(text.trim()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the list of CPUs makes no sense"))
}

/// Numbers in a list such as `0-3,8`.
fn count_of_list(text: &str) -> Option<usize> {
    text.split(',').try_fold(0_usize, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    use super::count_of_list;

    #[test]
    fn lists_of_cpus_are_counted() {
        let check = |text, expect| assert_eq!(count_of_list(text), expect, "{text}");
        check("0", Some(1));
        check("0-1", Some(2));
        check("0-3,8,10-11", Some(7));
        check("", None);
        check("3-1", None);
        check("a-b", None);
    }
}
