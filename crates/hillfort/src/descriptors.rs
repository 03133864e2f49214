//! The limit of open descriptors: raised as far as the system allows, since each connection needs one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that the server itself needs: listeners, pollers, files.
const OWN: u64 = 128;

/// Raises the soft limit to the hard one and warns when `connections` do not fit into it.
pub(crate) fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let (now, wanted) = (if raised.is_ok() { maximum } else { current }, connections as u64 + OWN);
    if now.is_some_and(|now| now < wanted) {
        let now = now.unwrap_or(u64::MAX);
        tracing::warn!(
            "the system allows {now} descriptors, edge.connections_max wants {wanted}: raise `ulimit -Hn`, or lower the setting"
        );
    }
}
