//! bpf(2) itself. Owns the system call and what its errors mean; the structures of each command stand where they are used.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use crate::asm::AsmError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a call.
    #[error("{what}: {source}{}", hint(.source))]
    System {
        /// What was asked, in words.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel's verifier did not accept a program.
    #[error("the kernel's verifier refuses the program: {source}\n{log}")]
    Verifier {
        /// The kernel's answer.
        source: io::Error,
        /// What the verifier says, its end at least.
        log: String,
    },
    /// The program could not be assembled.
    #[error("the program cannot be assembled: {0}")]
    Asm(#[from] AsmError),
    /// Keys, values or indices are not of the size that the map was made with.
    #[error("{0}")]
    Shape(&'static str),
}

impl Error {
    /// The kernel's number for the error, if it comes from the kernel.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        match self {
            Self::System { source, .. } | Self::Verifier { source, .. } => source.raw_os_error(),
            Self::Asm(_) | Self::Shape(_) => None,
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What an operator can do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => " (needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON)",
        Some(libc::ENOSYS) => " (this kernel has no bpf(2))",
        _ => "",
    }
}

pub(crate) fn system(what: &'static str) -> Error {
    Error::System { what, source: io::Error::last_os_error() }
}

#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub(crate) enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapNextKey = 4,
    ProgLoad = 5,
    ProgTestRun = 10,
    MapLookupBatch = 24,
    MapUpdateBatch = 26,
    MapDeleteBatch = 27,
    LinkCreate = 28,
}

/// # Safety
/// `A` must be the layout that `command` expects, a prefix of `union bpf_attr` without padding, and all pointers in it must be valid
/// for what the kernel does with them.
pub(crate) unsafe fn bpf<A>(command: Command, attr: &mut A) -> io::Result<i32> {
    // SAFETY: the kernel reads and writes at most `size_of::<A>()` bytes of `attr`; the caller vouches for the rest.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as i32, std::ptr::from_mut(attr), size_of::<A>()) };
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result as i32),
    }
}

/// # Safety
/// As [`bpf`], and `command` must be one that gives a new descriptor.
pub(crate) unsafe fn bpf_fd<A>(command: Command, attr: &mut A) -> io::Result<OwnedFd> {
    // SAFETY: said by the caller.
    let fd = unsafe { bpf(command, attr) }?;
    // SAFETY: the kernel has just made it, nobody else knows it. It is closed on exec: bpf(2) sets that for all it makes.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The kernel's field for a name: cut at 15 bytes, other characters than letters, digits, `_` and `.` replaced.
pub(crate) fn name16(name: &str) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().take(15).zip(name.bytes()) {
        *to = if from.is_ascii_alphanumeric() || from == b'.' { from } else { b'_' };
    }
    out
}
