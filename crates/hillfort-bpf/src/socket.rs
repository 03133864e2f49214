//! Classic programs on sockets. Owns the two socket options. On TCP sockets kernels since June 2026 ("tcp: restrict SO_ATTACH_FILTER to
//! priv users", also in the stable series) want CAP_NET_ADMIN; on others, and before, nobody needs a privilege.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::call::{Result, system};
use crate::classic::ClassicInsn;

/// Attaches a program to a socket, in place of the one that is there. It sees each packet for the socket, from its transport header
/// on, and says how many bytes to keep: 0 drops it. Sockets that are accepted from a listener inherit it. The kernel frees it with
/// the sockets.
///
/// # Errors
/// What the kernel says: `EINVAL` for a program that it does not take, `ENOMEM` when it is larger than `net.core.optmem_max` allows.
pub fn attach_classic(socket: BorrowedFd<'_>, code: &[ClassicInsn]) -> Result<()> {
    // The kernel refuses 0 and more than 4,096 instructions; a length that does not fit is no program either.
    let len = libc::c_ushort::try_from(code.len()).unwrap_or(0);
    let program = libc::sock_fprog { len, filter: code.as_ptr().cast::<libc::sock_filter>().cast_mut() };
    set(socket, libc::SO_ATTACH_FILTER, std::ptr::from_ref(&program).cast(), size_of::<libc::sock_fprog>())
        .then_some(())
        .ok_or_else(|| system("attach a filter to a socket"))
}

/// Removes the program of a socket, if there is one.
///
/// # Errors
/// What the kernel says.
pub fn detach_classic(socket: BorrowedFd<'_>) -> Result<()> {
    let zero = 0_i32;
    let gone = set(socket, libc::SO_DETACH_FILTER, std::ptr::from_ref(&zero).cast(), size_of::<i32>());
    let none = || std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOENT);
    if gone || none() { Ok(()) } else { Err(system("remove the filter of a socket")) }
}

fn set(socket: BorrowedFd<'_>, option: i32, value: *const libc::c_void, len: usize) -> bool {
    // SAFETY: the kernel reads `len` bytes at `value`, and the program's instructions for the length in it; both outlive the call.
    unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, len as libc::socklen_t) == 0 }
}
