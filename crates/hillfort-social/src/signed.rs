//! Signed calls: a MAC over method, path, time, counter and body, by a key that only the session has. Owns what is signed and the memory of
//! counters; knows nothing of HTTP.
//!
//! What it is for: whoever sees one call, at a proxy that ends TLS or in a log, has the access token, but can neither repeat the call nor
//! make another. The key travels once, in the refresh token's claim `sgk`. It does not stop somebody who controls the client.
//!
//! Which calls have to be is [`rules`]'. A client sends `x-hillfort-signature: <time in ms>.<counter>.<MAC in hexadecimal digits>`. The counter rises with each call of the
//! session; calls may arrive out of order by up to 63. The MAC is HMAC-SHA256 over five lines, each with a line feed behind it: method,
//! path with its query, time, counter, SHA-256 of the body in hexadecimal digits.

pub mod rules;

use std::sync::Mutex;

use hillfort_api::{ApiError, Code};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::id::Id;

/// How far a call's time may be from the server's, in milliseconds.
pub const WINDOW_MS: i64 = 300_000;
/// Places in a set: where a session may be.
const WAYS: usize = 8;
/// Calls that may overtake each other.
const BITS: u64 = 64;

/// A call as its client signed it.
#[derive(Debug, Clone, Copy)]
pub struct SignedCall<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path with its query, as it was sent.
    pub path: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// The header.
    pub signature: &'a str,
}

/// What is remembered of a session.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    session: Id,
    /// The highest counter that came.
    highest: u64,
    /// Bit n: the counter `highest - n` came.
    came: u64,
    /// When it was last used. A window is kept at least as long as a call may be repeated.
    used_ms: i64,
}

/// Checks signatures, each of them once.
#[derive(Debug)]
pub struct SignedCalls {
    secret: [u8; 32],
    sets: Box<[Mutex<[Window; WAYS]>]>,
}

/// The key of a session, as the claim `sgk` has it.
pub(crate) fn key_text(secret: &[u8; 32], session: Id) -> String {
    hex(&key(secret, session))
}

fn key(secret: &[u8; 32], session: Id) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(b"hillfort signed calls 1");
    mac.update(&session);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn refused(why: &'static str) -> ApiError {
    ApiError::new(Code::Unauthenticated, why)
}

impl SignedCalls {
    /// With the server's secret, and room for the counters of `sessions` sessions (56 bytes each). A third of them may sign within ten
    /// minutes before the first is refused for want of room.
    #[must_use]
    pub fn new(secret: [u8; 32], sessions: usize) -> Self {
        let sets = sessions.div_ceil(WAYS).next_power_of_two();
        Self { secret, sets: (0..sets).map(|_| Mutex::default()).collect() }
    }

    /// Whether `call` was signed by `session` within [`WINDOW_MS`], and comes for the first time.
    ///
    /// # Errors
    /// `Unauthenticated`, saying what is wrong; `ResourceExhausted` when there is no room to remember the session.
    pub fn check(&self, session: Id, call: &SignedCall<'_>, now_ms: i64) -> Result<(), ApiError> {
        let (time_ms, counter, given) = read(call.signature).ok_or_else(|| refused("Call signature missing or malformed."))?;
        if now_ms.abs_diff(time_ms) > WINDOW_MS.unsigned_abs() {
            return Err(refused("Call signature expired: is the client's clock right?"));
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&key(&self.secret, session)).expect("HMAC takes keys of any length");
        mac.update(text(call.method, call.path, time_ms, counter, call.body).as_bytes());
        mac.verify_slice(&given).map_err(|_| refused("Call signature wrong."))?;
        self.first_time(session, counter, now_ms)
    }

    fn first_time(&self, session: Id, counter: u64, now_ms: i64) -> Result<(), ApiError> {
        // Session ids are random: any of their bits choose a set.
        let set = u32::from_be_bytes([session[0], session[1], session[2], session[3]]) as usize & (self.sets.len() - 1);
        let mut set = self.sets[set].lock().expect("no holder panics");
        let place = match set.iter().position(|window| window.session == session) {
            Some(place) => place,
            None => {
                let (oldest, window) = set.iter().enumerate().min_by_key(|(_, window)| window.used_ms).expect("a set has places");
                // Twice the window: a call may have been signed that much before it could be repeated.
                if window.session != Id::default() && now_ms - window.used_ms <= 2 * WINDOW_MS {
                    return Err(ApiError::new(Code::ResourceExhausted, "Too many sessions sign calls: try again later."));
                }
                set[oldest] = Window { session, ..Window::default() };
                oldest
            }
        };
        let window = &mut set[place];
        if counter > window.highest {
            let by = counter - window.highest;
            window.came = if by >= BITS { 0 } else { window.came << by };
            window.came |= 1;
            window.highest = counter;
        } else {
            let behind = window.highest - counter;
            if behind >= BITS || window.came & (1 << behind) != 0 {
                return Err(refused("Call repeated: its counter was used, or is too old."));
            }
            window.came |= 1 << behind;
        }
        window.used_ms = now_ms;
        Ok(())
    }
}

/// What a client signs.
fn text(method: &str, path: &str, time_ms: i64, counter: u64, body: &[u8]) -> String {
    format!("{method}\n{path}\n{time_ms}\n{counter}\n{}\n", hex(&Sha256::digest(body)))
}

/// Time, counter and MAC.
fn read(signature: &str) -> Option<(i64, u64, [u8; 32])> {
    let (time, rest) = signature.split_once('.').filter(|_| signature.len() <= 128)?;
    let (counter, digits) = rest.split_once('.')?;
    let plain = |number: &str| number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit());
    let counter = counter.parse().ok().filter(|number| *number > 0 && plain(counter))?;
    let time = time.parse().ok().filter(|_| plain(time))?;
    let mut mac = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in mac.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some((time, counter, mac))
}

/// The header for a call, as a client makes it from the claim `sgk`. For tests and load tools.
#[must_use]
pub fn sign(key: &str, method: &str, path: &str, time_ms: i64, counter: u64, body: &[u8]) -> Option<String> {
    let (_, _, key) = read(&format!("0.1.{key}"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(text(method, path, time_ms, counter, body).as_bytes());
    Some(format!("{time_ms}.{counter}.{}", hex(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests;
