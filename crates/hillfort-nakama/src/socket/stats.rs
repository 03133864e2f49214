//! Counters of the socket: atomics that one thread writes and others read. Knows nothing of what they are shown for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// See the module.
        #[derive(Debug, Default)]
        pub struct SocketStats { $($(#[$doc])* pub(crate) $name: AtomicU64,)* }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct SocketSnapshot {
            /// Open sessions.
            pub open: u64,
            $($(#[$doc])* pub $name: u64,)*
        }

        impl SocketStats {
            pub(crate) fn snapshot(&self, open: u64) -> SocketSnapshot {
                SocketSnapshot { open, $($name: self.$name.load(Relaxed),)* }
            }
        }

        impl SocketSnapshot {
            /// Names and values of what only grows, for metrics.
            pub fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Requests whose token was refused.
    tokens_refused,
    /// Requests that found no place.
    full,
    /// Sessions opened.
    opened,
    /// Of those, the ones whose user may not be here.
    turned_away,
    /// Sessions that ended by themselves.
    left,
    /// Sessions that were not heard from any more.
    lost,
    /// Sessions that read too slowly.
    slow,
    /// Sessions that sent what is no envelope, or no frame.
    malformed,
    /// Sessions that kept saying more than they may.
    flooded,
    /// Sessions closed by others: another socket of the user, an operator, a module.
    closed,
    /// Messages of clients.
    messages_in,
    /// Bytes of them.
    bytes_in,
    /// Messages to clients.
    messages_out,
    /// Bytes written.
    bytes_out,
    /// Messages of clients that were above their rate, and refused.
    rate_refused,
    /// Match data that a room's thread had no place for, and that was refused.
    inputs_refused,
    /// Match data of sessions that are not in that match, or not any more: passed over.
    data_of_others,
    /// Match data handed to rooms.
    inputs,
    /// Match data handed on in relayed matches.
    relayed,
    /// Calls made.
    calls,
    /// Calls that were not made because too many are under way.
    calls_refused,
}

impl SocketStats {
    pub(crate) fn count(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Relaxed);
    }
}
