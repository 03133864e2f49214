//! What this process may do that an ordinary one may not. Asks the kernel by trying, and keeps nothing.

use rustix::net::{AddressFamily, SocketType, ipproto, socket};

/// Whether it may open raw sockets: root, or `CAP_NET_RAW`.
pub(crate) fn raw_sockets() -> bool {
    socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW)).is_ok()
}
