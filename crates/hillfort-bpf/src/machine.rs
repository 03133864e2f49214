//! What of the machine a program's author has to know: the clock that programs read, the interfaces with their addresses, and a
//! network of one's own to try things in.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Nanoseconds of the clock that `bpf_ktime_get_ns` reads: monotonic, stands still while the machine is suspended.
#[must_use]
pub fn ktime() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec. This clock is always there, so there is no error to look at.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Names of the interfaces and their addresses, in the network namespace of the calling thread. An interface without an address is
/// not among them.
///
/// # Errors
/// What the kernel says.
pub fn interfaces() -> io::Result<BTreeSet<(String, IpAddr)>> {
    let mut first = std::ptr::null_mut();
    // SAFETY: gives a list in `first`, or -1.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let (mut found, mut at) = (BTreeSet::new(), first);
    while !at.is_null() {
        // SAFETY: `at` is an element of the list, which is not changed and is freed only below.
        let entry = unsafe { &*at };
        // SAFETY: a name is a C string; an address, when there is one, is as long as its family says.
        if let Some(address) = unsafe { address_of(entry.ifa_addr) } {
            // SAFETY: as above.
            let name = unsafe { CStr::from_ptr(entry.ifa_name) };
            found.insert((name.to_string_lossy().into_owned(), address));
        }
        at = entry.ifa_next;
    }
    // SAFETY: what getifaddrs gave, once.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// Moves the calling thread, and what it starts from now on, into a new network namespace that has nothing but a loopback interface
/// which is down. The namespace goes when the last thread, process and socket in it is gone. For tests and for load tools.
///
/// # Errors
/// `EPERM` without root.
pub fn own_network() -> io::Result<()> {
    // SAFETY: changes the network namespace of this thread alone; descriptors and memory stay as they are.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// # Safety
/// `address` must be null or point to a socket address that is as long as its family says.
unsafe fn address_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: said by the caller.
    let family = unsafe { address.as_ref() }?.sa_family;
    match i32::from(family) {
        libc::AF_INET => {
            // SAFETY: said by the caller.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: said by the caller.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_has_its_address() {
        let found = super::interfaces().unwrap();
        assert!(found.contains(&("lo".to_owned(), "127.0.0.1".parse().unwrap())), "{found:?}");
        assert!(super::ktime() > 0);
    }
}
