//! JA3, the older name for the kind of a TLS client (Althouse, Atkinson, Atkins; Salesforce, 2017), for lists that exist. MD5 here is
//! a way to write a long text short, not a proof of anything. The order of extensions counts, so a browser that shuffles them
//! has a new JA3 with each connection.

use std::fmt;
use std::str::FromStr;

use md5::{Digest, Md5};

use super::{ClientHello, is_grease};

/// A JA3, e.g. `ada70206e40642a3e4461f35503241d5`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ja3([u8; 16]);

impl ClientHello<'_> {
    /// The client's JA3. Allocates nothing, but costs more than a JA4: take it only when a list asks.
    #[must_use]
    pub fn ja3(&self) -> Ja3 {
        let mut md5 = Md5::new();
        self.ja3_text(|text| md5.update(text));
        Ja3(md5.finalize().into())
    }

    /// What is hashed: version, ciphers, extensions, groups, point formats, in decimal numbers.
    pub(super) fn ja3_text(&self, mut put: impl FnMut(&[u8])) {
        decimal(self.legacy_version, &mut put);
        list(self.ciphers.iter(), &mut put);
        list(self.extensions(), &mut put);
        list(self.groups.iter(), &mut put);
        list(self.point_formats.iter().map(|format| u16::from(*format)), &mut put);
    }
}

fn list(ids: impl Iterator<Item = u16>, put: &mut impl FnMut(&[u8])) {
    put(b",");
    for (at, id) in ids.filter(|id| !is_grease(*id)).enumerate() {
        if at > 0 {
            put(b"-");
        }
        decimal(id, put);
    }
}

fn decimal(mut value: u16, put: &mut impl FnMut(&[u8])) {
    let (mut text, mut from) = ([b'0'; 5], 5);
    loop {
        from -= 1;
        text[from] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return put(&text[from..]);
        }
    }
}

impl Ja3 {
    /// The hash.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Ja3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Ja3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ja3({self})")
    }
}

/// The text is no JA3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a JA3 has 32 hexadecimal digits")]
pub struct NotJa3;

impl FromStr for Ja3 {
    type Err = NotJa3;

    fn from_str(text: &str) -> Result<Self, NotJa3> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: &[[u8; 2]; 16] = pairs.try_into().map_err(|_| NotJa3)?;
        if !rest.is_empty() {
            return Err(NotJa3);
        }
        let mut hash = [0; 16];
        for (byte, [high, low]) in hash.iter_mut().zip(bytes) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(NotJa3);
            *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
        }
        Ok(Self(hash))
    }
}
