//! Names for routes that hold for one session and some minutes, so that paths which somebody scraped from one client go stale in others.
//! Owns the names; knows nothing of HTTP.
//!
//! This is a speed bump and no lock: a client must be told its names, so whoever reads the client's code, or asks as it does, has them.
//! What it stops is a script that replays paths. It replaces neither sessions nor signed calls.
//!
//! A name is one block of AES-128 in hexadecimal digits: route, epoch and zeros, under a key that the server derives for each session.
//! The zeros are the proof that the server made it.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use hillfort_api::CallName;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::id::Id;

/// For how long a name holds at least, in milliseconds; at most twice as long.
pub const EPOCH_MS: i64 = 600_000;

/// Makes and reads names.
#[derive(Debug, Clone)]
pub struct Aliases {
    secret: [u8; 32],
}

impl Aliases {
    /// With the server's secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The name of a call for a session: 32 hexadecimal digits.
    #[must_use]
    pub fn name(&self, session: Id, call: CallName, now_ms: i64) -> String {
        let mut block = [0; 16];
        block[0] = call as u8;
        block[1..9].copy_from_slice(&epoch(now_ms).to_be_bytes());
        let mut block = Array::from(block);
        self.cipher(session).encrypt_block(&mut block);
        block.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The call that a session means by a name; `None` when it is another session's, stale, or made up.
    #[must_use]
    pub fn call(&self, session: Id, name: &str, now_ms: i64) -> Option<CallName> {
        if name.len() != 32 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let block = u128::from_str_radix(name, 16).ok()?.to_be_bytes();
        let mut block = Array::from(block);
        self.cipher(session).decrypt_block(&mut block);
        let made = i64::from_be_bytes(block[1..9].try_into().ok()?);
        let now = epoch(now_ms);
        let fresh = made == now || made == now - 1;
        let whole = block[9..].iter().all(|byte| *byte == 0);
        let row = hillfort_api::CALLS.get(usize::from(block[0]))?;
        (fresh && whole).then_some(row.call)
    }

    fn cipher(&self, session: Id) -> Aes128 {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(b"hillfort route aliases 1");
        mac.update(&session);
        let derived: [u8; 32] = mac.finalize().into_bytes().into();
        Aes128::new_from_slice(&derived[..16]).expect("the key has 16 bytes")
    }
}

fn epoch(now_ms: i64) -> i64 {
    now_ms.div_euclid(EPOCH_MS)
}

#[cfg(test)]
mod tests {
    use super::{Aliases, EPOCH_MS};
    use hillfort_api::CALLS;
    use std::collections::HashSet;

    const NOW: i64 = 1_700_000_000_000 / EPOCH_MS * EPOCH_MS;

    #[test]
    fn every_call_has_a_name_of_its_own() {
        let aliases = Aliases::new([7; 32]);
        let names: HashSet<_> = CALLS.iter().map(|row| aliases.name([1; 16], row.call, NOW)).collect();
        assert_eq!(names.len(), CALLS.len());
        for row in CALLS {
            assert_eq!(aliases.call([1; 16], &aliases.name([1; 16], row.call, NOW), NOW), Some(row.call));
        }
    }

    #[test]
    fn a_name_goes_stale_and_is_no_other_sessions() {
        let (aliases, call) = (Aliases::new([7; 32]), CALLS[3].call);
        let name = aliases.name([1; 16], call, NOW);
        for (now, good) in [(NOW, true), (NOW + 2 * EPOCH_MS - 1, true), (NOW + 2 * EPOCH_MS, false), (NOW - 1, false)] {
            assert_eq!(aliases.call([1; 16], &name, now).is_some(), good, "{now}");
        }
        assert_eq!(aliases.call([2; 16], &name, NOW), None);
        assert_eq!(Aliases::new([8; 32]).call([1; 16], &name, NOW), None);
        for bad in ["", "0", &name[1..], &format!("{name}0"), &"g".repeat(32), &"+".repeat(32), &"é".repeat(16), &"0".repeat(32)]
        {
            assert_eq!(aliases.call([1; 16], bad, NOW), None, "{bad}");
        }
    }
}
