//! The client API's metrics: answers to calls, and what happens at the realtime socket. Knows nothing of how they are counted.

use std::fmt;

use hillfort_nakama::Count;
use hillfort_nakama::socket::SocketSnapshot;

use super::{Direction, Label, Page};
use crate::console::{Behind, Refreshes};

/// Counters of the socket that have a metric of their own.
const APART: [&str; 4] = ["messages_in", "messages_out", "bytes_in", "bytes_out"];

/// Appends them. Calls that were never made have no series.
pub(super) fn write(page: &mut Page<'_>, calls: &[Count], sockets: &SocketSnapshot, refreshes: Refreshes) -> fmt::Result {
    let answers = calls.iter().map(|count| ([Label::Call(count.call), Label::Code(count.code)], count.times as f64));
    page.counters("calls", "Answers to calls of the client API by REST and gRPC, by call and code.", answers)?;
    let Refreshes { given, again, reused } = refreshes;
    let refreshes = [("given", given), ("again", again), ("reused", reused)];
    let refreshes = refreshes.map(|(event, times)| ([Label::Event(event)], times as f64));
    let about = "Refresh tokens: those that got the next, came again within the grace, or ended their session.";
    page.counters("session_refreshes", about, refreshes)?;
    page.gauges("socket_sessions", "Sessions on the realtime socket now.", [([], sockets.open as f64)])?;
    let both = |inward: u64, outward: u64| {
        [([Label::Direction(Direction::In)], inward as f64), ([Label::Direction(Direction::Out)], outward as f64)]
    };
    let messages = both(sockets.messages_in, sockets.messages_out);
    page.counters("socket_messages", "Messages on the realtime socket.", messages)?;
    page.counters("socket_bytes", "Bytes on the realtime socket.", both(sockets.bytes_in, sockets.bytes_out))?;
    let events = sockets.totals().filter(|(name, _)| !APART.contains(name));
    let events = events.map(|(name, times)| ([Label::Event(name)], times as f64));
    page.counters("socket_events", "What happened at the realtime socket, by kind.", events)
}

/// Appends what modules write behind.
pub(super) fn behind(page: &mut Page<'_>, behind: Behind) -> fmt::Result {
    page.gauges("written_behind_waiting", "Storage objects of modules that wait to be written.", [([], behind.waiting as f64)])?;
    let about = "Storage objects written behind that the storage refused, such as those of accounts that were deleted meanwhile.";
    page.counters("written_behind_refused", about, [([], behind.refused as f64)])
}
