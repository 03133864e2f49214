//! What a SYN looks like, apart from whom it says it comes from: a flood's packets look alike, players' do not. Owns the 59 bits of
//! a signature; idea and fields are p0f's (M. Zalewski, version 3, "TCP signatures"), the packing is ours.
//!
//! | bits | what |
//! | --- | --- |
//! | 0–23 | codes of the first 8 options, 3 bits each, the last one lowest |
//! | 24–39 | MSS, 0 when there is none |
//! | 40–55 | window |
//! | 56–57 | class of the time to live: the value that it began with, 32, 64, 128 or 255 |
//! | 58 | 1 for IPv6 |

use std::fmt;

/// Options that are looked at.
pub(crate) const OPTIONS_MAX: i32 = 8;
/// Bits of an option's code.
pub(crate) const CODE_BITS: i32 = 3;

pub(crate) const MSS_SHIFT: i32 = 24;
pub(crate) const WINDOW_SHIFT: i32 = 40;
pub(crate) const TTL_SHIFT: i32 = 56;
pub(crate) const V6_SHIFT: i32 = 58;

/// A signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature(pub u64);

/// Code of an option's kind: 0 is "no option".
pub(crate) const fn option_code(kind: u8) -> u8 {
    match kind {
        0 => 6, // end of the list
        1 => 1, // no operation
        2 => 2, // MSS
        3 => 3, // window scale
        4 => 4, // SACK permitted
        8 => 5, // timestamps
        _ => 7,
    }
}

/// Letter of a code.
const LETTERS: [&str; 8] = ["", "nop", "mss", "ws", "sack", "ts", "end", "?"];

/// Class of a time to live.
pub(crate) const fn ttl_class(ttl: u8) -> u8 {
    match ttl {
        0..=32 => 0,
        33..=64 => 1,
        65..=128 => 2,
        129..=255 => 3,
    }
}

const TTLS: [u8; 4] = [32, 64, 128, 255];

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bits) = *self;
        let version = if bits >> V6_SHIFT & 1 == 1 { 6 } else { 4 };
        let (ttl, window, mss) =
            (TTLS[(bits >> TTL_SHIFT & 3) as usize], (bits >> WINDOW_SHIFT) as u16, (bits >> MSS_SHIFT) as u16);
        write!(f, "ip{version} ttl {ttl} window {window} mss {mss} options")?;
        let codes = (0..OPTIONS_MAX).rev().map(|place| (bits >> (place * CODE_BITS) & 7) as usize);
        let mut between = ' ';
        for code in codes.filter(|code| *code != 0) {
            write!(f, "{between}{}", LETTERS[code])?;
            between = ',';
        }
        if between == ' ' { f.write_str(" none") } else { Ok(()) }
    }
}

/// The two tables that the program looks codes and classes up in.
pub(crate) fn tables() -> [u8; 512] {
    let mut tables = [0; 512];
    for byte in 0..=255_u8 {
        tables[usize::from(byte)] = option_code(byte);
        tables[256 + usize::from(byte)] = ttl_class(byte);
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::{MSS_SHIFT, Signature, TTL_SHIFT, V6_SHIFT, WINDOW_SHIFT};

    #[test]
    fn people_can_read_it() {
        let check = |bits: u64, text: &str| assert_eq!(Signature(bits).to_string(), text);
        let linux = 0o24513 | 1460 << MSS_SHIFT | 64240 << WINDOW_SHIFT | 1 << TTL_SHIFT;
        check(linux, "ip4 ttl 64 window 64240 mss 1460 options mss,sack,ts,nop,ws");
        check(1 << V6_SHIFT | 3 << TTL_SHIFT | 1024 << WINDOW_SHIFT, "ip6 ttl 255 window 1024 mss 0 options none");
        check(0o7, "ip4 ttl 32 window 0 mss 0 options ?");
    }
}
