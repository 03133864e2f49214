//! Ids of matches: `uuid.node`, and a relayed match has no node: `uuid.`. The UUID of a room's match is the room's number, enciphered: so
//! no table maps one to the other, nobody guesses the id of a match that he was not told, and an id of an earlier start finds nothing.
//!
//! The cipher is a synthetic initialisation vector: 58 bits of a MAC of the number, and the number, masked by a MAC of these bits. What
//! does not decipher to its own MAC is no room of ours. SipHash-2-4 is the MAC.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::service::{uuid_bytes, write_uuid};

/// Version 8 of UUIDs (RFC 9562 §5.8): bits of the maker's own meaning.
const VERSION: u64 = 0x8000;
const VERSION_BITS: u64 = 0xf000;
/// Variant bits, in the number's half.
const FREE: u64 = !VERSION_BITS;

/// The UUID in the id of a match.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchUuid(pub [u8; 16]);

/// The id of a match, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchId<'a> {
    /// Which.
    pub uuid: MatchUuid,
    /// The server that it is on; empty: a relayed match.
    pub node: &'a str,
}

/// Turns numbers of rooms into UUIDs and back.
#[derive(Clone)]
pub struct RoomCipher {
    mac: SipHasher24,
    mask: SipHasher24,
}

impl RoomCipher {
    /// With a key that is made anew at each start.
    #[must_use]
    pub fn new(key: [u64; 4]) -> Self {
        Self { mac: SipHasher24::new_with_keys(key[0], key[1]), mask: SipHasher24::new_with_keys(key[2], key[3]) }
    }

    /// The UUID of a room.
    #[must_use]
    pub fn uuid(&self, room: u64) -> MatchUuid {
        let tag = self.tag(room);
        let masked = room ^ hash(&self.mask, tag);
        // The variant takes two bits of the second half; they stand in the first half's version bits' place of the tag: see `tag`.
        let (top, low) = (masked >> 62, masked & (u64::MAX >> 2));
        let first = tag | VERSION | (top << 2);
        let second = low | 1 << 63;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&first.to_be_bytes());
        bytes[8..].copy_from_slice(&second.to_be_bytes());
        MatchUuid(bytes)
    }

    /// The room of a UUID, if it is one of ours.
    #[must_use]
    pub fn room(&self, uuid: MatchUuid) -> Option<u64> {
        let (first, second) = uuid.0.split_at(8);
        let first = u64::from_be_bytes(first.try_into().ok()?);
        let second = u64::from_be_bytes(second.try_into().ok()?);
        if first & VERSION_BITS != VERSION || second >> 62 != 0b10 {
            return None;
        }
        let tag = first & FREE & !0b1100;
        let masked = (second & (u64::MAX >> 2)) | (first >> 2 & 0b11) << 62;
        let room = masked ^ hash(&self.mask, tag);
        (self.tag(room) == tag).then_some(room)
    }

    /// 58 bits that depend on the room and the key: all but the version's four and two that the number needs.
    fn tag(&self, room: u64) -> u64 {
        hash(&self.mac, room) & FREE & !0b1100
    }
}

fn hash(keyed: &SipHasher24, number: u64) -> u64 {
    let mut hasher = *keyed;
    hasher.write_u64(number);
    hasher.finish()
}

impl fmt::Debug for RoomCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomCipher(..)")
    }
}

impl<'a> MatchId<'a> {
    /// The id that `text` writes.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (uuid, node) = text.split_once('.')?;
        Some(Self { uuid: MatchUuid(uuid_bytes(uuid)?), node })
    }
}

impl fmt::Display for MatchId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.uuid, self.node)
    }
}

impl fmt::Display for MatchUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl fmt::Debug for MatchUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_a_uuid_and_a_node() {
        let uuid = "00112233-4455-8677-8899-aabbccddeeff";
        for (text, node) in [(format!("{uuid}.hillfort"), "hillfort"), (format!("{uuid}."), ""), (format!("{uuid}.a.b"), "a.b")] {
            let id = MatchId::parse(&text).expect("is one");
            assert_eq!((id.node, id.to_string()), (node, text.clone()));
        }
        for bad in ["", ".", uuid, "x.hillfort", &format!("{uuid}0.hillfort"), &format!("{} .", &uuid[1..])] {
            assert_eq!(MatchId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_of_rooms_come_back_and_nothing_else_does() {
        let (cipher, other) = (RoomCipher::new([1, 2, 3, 4]), RoomCipher::new([1, 2, 3, 5]));
        let rooms = (0..2_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).chain([0, u64::MAX, 0x1_0000_0100]);
        for room in rooms {
            let uuid = cipher.uuid(room);
            assert_eq!(cipher.room(uuid), Some(room));
            assert_eq!(other.room(uuid), None, "another start");
            let text = uuid.to_string();
            assert!(text.as_bytes()[14] == b'8' && b"89ab".contains(&text.as_bytes()[19]), "{text} is no UUID");
            for bit in [0, 13, 63, 64, 127] {
                let mut wrong = uuid;
                wrong.0[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(cipher.room(wrong), None, "bit {bit}");
            }
        }
        let (one, two) = (cipher.uuid(0x1_0000_0100), cipher.uuid(0x1_0000_0200));
        let same = one.0.iter().zip(two.0).filter(|(a, b)| **a == *b).count();
        assert!(same < 8, "{one} and {two} look alike");
    }
}
