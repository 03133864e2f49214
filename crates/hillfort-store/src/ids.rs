//! Owns the ids: UUIDs of 16 bytes. Knows nothing of what they name.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}

/// Reads what [`hex`] wrote; `None` when it is not that.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).expect("two hexadecimal digits are a byte")))
        .collect()
}

/// The text is not a UUID of 36 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID such as 4c4e0c0a-5b5e-4c7f-9d53-0a4f2a0e6f11")]
pub struct NotAnId;

fn write_uuid(bytes: &[u8; 16], to: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digits = hex(bytes);
    write!(to, "{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

fn read_uuid(text: &str) -> Result<[u8; 16], NotAnId> {
    let dashes = [8, 13, 18, 23];
    let in_place = text.len() == 36 && text.bytes().enumerate().all(|(at, byte)| (byte == b'-') == dashes.contains(&at));
    let bytes = in_place.then(|| unhex(&text.replace('-', ""))).flatten().ok_or(NotAnId)?;
    bytes.try_into().map_err(|_| NotAnId)
}

/// A UUID of this version, all of whose other bits are from the system's random numbers.
fn random(version: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// A random id: a UUID of version 4, from the system's random numbers.
            #[must_use]
            pub fn random() -> Self {
                Self(random(4))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(&self.0, to)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(&self.0, to)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read_uuid(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An account. The nil id ([`UserId::SYSTEM`]) owns what belongs to no person.
    UserId
);
id!(
    /// A session: one family of refresh tokens.
    SessionId
);
id!(
    /// An entry of a wallet's ledger.
    LedgerId
);

impl SessionId {
    /// An id for a session that begins now: a UUID of version 7 (RFC 9562), which is the time and 74 random bits. Sessions that begin at one
    /// time lie beside each other in the database, so that fewer of its pages change. Times before 1970 count as that.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        let mut bytes = random(7);
        let [_, _, time @ ..] = now.max(0).to_be_bytes();
        bytes[..6].copy_from_slice(&time);
        Self(bytes)
    }
}

impl UserId {
    /// The owner of what belongs to no person: the UUID of zeros.
    pub const SYSTEM: Self = Self([0; 16]);

    /// Whether this is [`Self::SYSTEM`].
    #[must_use]
    pub fn is_system(self) -> bool {
        self == Self::SYSTEM
    }
}

#[cfg(test)]
mod tests {
    use super::{SessionId, UserId};

    #[test]
    fn ids_of_sessions_follow_the_clock() {
        // The example of RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC.
        let id = SessionId::at(1_645_557_742_000);
        assert!(id.to_string().starts_with("017f22e2-79b0-7"), "{id}");
        assert!(matches!(id.0[8] >> 6, 0b10));
        assert_ne!(SessionId::at(5), SessionId::at(5));
        assert!(SessionId::at(4) < SessionId::at(5) && SessionId::at(5) < SessionId::at(256));
        assert!(SessionId::at(-1).to_string().starts_with("00000000-0000-7"));
    }

    #[test]
    fn ids_are_uuids() {
        let id = UserId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().as_bytes()[14], b'4');
        assert_eq!(UserId::SYSTEM.to_string(), "00000000-0000-0000-0000-000000000000");
        for bad in [
            "",
            "4c4e0c0a",
            "4c4e0c0a-5b5e-4c7f-9d53-0a4f2a0e6f1g",
            "4c4e0c0a5b5e-4c7f-9d53-0a4f2a0e6f111-",
            "ёёёёёёёёёёёёёёёёёё",
        ] {
            assert!(bad.parse::<UserId>().is_err(), "{bad}");
        }
    }
}
