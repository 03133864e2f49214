//! What other threads want done with sockets: a bounded list that the loop takes at its next turn. Knows nothing of who asks.
//!
//! When the list holds too many bytes, what does not fit is not dropped in silence: the sockets that it was for are closed as too slow,
//! because the loop did not get to them in time, and the caller hears that they did not take it.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hillfort_api::Close;
use hillfort_api::json;
use hillfort_api::realtime::Envelope;
use prost::Message as _;

use super::conn::{ConnRef, Format};
use super::registry::Place;

/// Bytes that may wait for the loop, with what each order costs itself.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest reason in a close frame (RFC 6455 §5.5: 125 bytes, with the code).
pub(crate) const REASON_BYTES_MAX: usize = 123;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Orders(Mutex<Waiting>);

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) list: Vec<Order>,
    pub(crate) drain: bool,
    bytes: usize,
}

/// One order.
#[derive(Debug)]
pub(crate) enum Order {
    /// Send one payload to sockets of one format.
    Send { to: Vec<ConnRef>, format: Format, payload: Vec<u8> },
    /// End a session, after what was sent before.
    Close { at: ConnRef, code: Close, reason: Box<str> },
}

impl Orders {
    /// Returns how many sockets took it.
    pub(crate) fn send(&self, places: Vec<Place>, envelope: &Envelope) -> usize {
        let (json, protobuf): (Vec<_>, Vec<_>) = places.into_iter().partition(|place| place.format == Format::Json);
        let mut taken = 0;
        for (places, format) in [(json, Format::Json), (protobuf, Format::Protobuf)] {
            if places.is_empty() {
                continue;
            }
            let to: Vec<_> = places.into_iter().map(|place| place.at).collect();
            let payload = encode(envelope, format);
            let cost = size_of::<Order>() + payload.len() + size_of_val(to.as_slice());
            let mut waiting = self.waiting();
            if waiting.bytes + cost > BYTES_MAX {
                // Few bytes each, and a socket that closes is not here to be sent to again.
                let slow = |at| Order::Close { at, code: Close::Slow, reason: "the server has too much to send".into() };
                waiting.list.extend(to.into_iter().map(slow));
                continue;
            }
            waiting.bytes += cost;
            taken += to.len();
            waiting.list.push(Order::Send { to, format, payload });
        }
        taken
    }

    pub(crate) fn close(&self, at: ConnRef, code: Close, reason: &str) {
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].into();
        self.waiting().list.push(Order::Close { at, code, reason });
    }

    pub(crate) fn drain(&self) {
        self.waiting().drain = true;
    }

    /// Takes all that wait.
    pub(crate) fn take(&self) -> (Vec<Order>, bool) {
        let mut waiting = self.waiting();
        waiting.bytes = 0;
        (take(&mut waiting.list), waiting.drain)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An envelope as it travels.
pub(crate) fn encode(envelope: &Envelope, format: Format) -> Vec<u8> {
    match format {
        Format::Json => json::write(envelope),
        Format::Protobuf => envelope.encode_to_vec(),
    }
}
