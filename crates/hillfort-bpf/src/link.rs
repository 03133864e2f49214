//! Links: a program on an interface, for as long as a descriptor lives. Owns the attachment; the program knows nothing of it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::call::{Command, Error, Result, bpf_fd};
use crate::program::Program;

const ATTACH_XDP: u32 = 37;

/// Where on its way a frame meets the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum XdpMode {
    /// After the kernel has built its packet structure: every interface, slower.
    Generic = 1 << 1,
    /// In the driver, before anything is built.
    Native = 1 << 2,
}

/// A program on an interface. Dropping it, or the death of the process by any signal, detaches.
#[derive(Debug)]
pub struct XdpLink {
    #[expect(dead_code, reason = "held for its drop")]
    fd: OwnedFd,
}

#[repr(C)]
struct Create {
    program: u32,
    interface: u32,
    attach: u32,
    flags: u32,
}

impl XdpLink {
    /// Attaches `program` to the interface with this index, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// What the kernel says: `EBUSY` when another program is there, `EOPNOTSUPP` when the driver has no native XDP, `EPERM`.
    pub fn attach(program: &Program, ifindex: u32, mode: XdpMode) -> Result<Self> {
        let mut attr = Create { program: program.as_raw_fd() as u32, interface: ifindex, attach: ATTACH_XDP, flags: mode as u32 };
        // SAFETY: `Create` is the start of the layout of BPF_LINK_CREATE and holds no pointers.
        let fd = unsafe { bpf_fd(Command::LinkCreate, &mut attr) };
        fd.map(|fd| Self { fd }).map_err(|source| Error::System { what: "attach to the interface", source })
    }
}

/// Index of the interface with this name, in the network namespace of the calling thread.
///
/// # Errors
/// There is none.
pub fn interface_index(name: &str) -> Result<u32> {
    let text = CString::new(name).map_err(|_| Error::Shape("the name of an interface has no NUL in it"))?;
    // SAFETY: the text ends with NUL and is only read.
    match unsafe { libc::if_nametoindex(text.as_ptr()) } {
        0 => Err(Error::System { what: "find the interface", source: io::Error::last_os_error() }),
        index => Ok(index),
    }
}
