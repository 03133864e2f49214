//! JA4, a name for the kind of a TLS client, after FoxIO's description of JA4 (BSD 3-Clause; not of the other methods of "JA4+").
//! The order of ciphers and extensions does not count: browsers shuffle them. All players of one game engine share one name, so it
//! tells kinds apart, never people.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::{ALPN, CIPHERS_MAX, ClientHello, EXTENSIONS_MAX, SERVER_NAME, is_grease};

/// Bytes of the readable first part.
const HEAD_BYTES: usize = 10;
/// Bytes of the whole, all ASCII: head, `_`, 12 digits, `_`, 12 digits.
const BYTES: usize = HEAD_BYTES + 2 * (1 + HASH_DIGITS);
const HASH_DIGITS: usize = 12;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A JA4, e.g. `t13d1516h2_8daaf6152771_e5627efa2ab1`. Read from text, it is only known to have that form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ja4([u8; BYTES]);

/// What carries the ClientHello: the first letter of a JA4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TLS over TCP, `t`.
    Tcp,
    /// QUIC, `q`.
    Quic,
}

impl ClientHello<'_> {
    /// The client's JA4. Two sorts of short lists and two hashes; allocates nothing.
    #[must_use]
    pub fn ja4(&self, transport: Transport) -> Ja4 {
        let (mut ciphers, mut extensions) = ([0; CIPHERS_MAX], [0; EXTENSIONS_MAX]);
        let ciphers = gather(self.ciphers.iter(), &mut ciphers);
        let extensions = gather(self.extensions(), &mut extensions);
        let mut name = [b'_'; BYTES];
        name[..HEAD_BYTES].copy_from_slice(&self.head(transport, ciphers.len(), extensions.len()));

        let mut list = List::new(Hash::default());
        list.sorted(ciphers);
        list.end().digits(&mut name[HEAD_BYTES + 1..]);

        let mut list = List::new(Hash::default());
        self.tail(extensions, &mut list);
        list.end().digits(&mut name[HEAD_BYTES + HASH_DIGITS + 2..]);
        Ja4(name)
    }

    /// The same with the lists instead of their hashes, for people (`ja4_r` in FoxIO's description).
    #[must_use]
    pub fn ja4_raw(&self, transport: Transport) -> String {
        let (mut ciphers, mut extensions) = ([0; CIPHERS_MAX], [0; EXTENSIONS_MAX]);
        let ciphers = gather(self.ciphers.iter(), &mut ciphers);
        let extensions = gather(self.extensions(), &mut extensions);
        let mut bytes = self.head(transport, ciphers.len(), extensions.len()).to_vec();
        bytes.push(b'_');
        let mut list = List::new(bytes);
        list.sorted(ciphers);
        let mut bytes = list.end();
        bytes.push(b'_');
        let mut list = List::new(bytes);
        self.tail(extensions, &mut list);
        list.end().into_iter().map(char::from).collect()
    }

    fn head(&self, transport: Transport, ciphers: usize, extensions: usize) -> [u8; HEAD_BYTES] {
        let [tens, ones, more_tens, more_ones] =
            [ciphers.min(99) / 10, ciphers.min(99) % 10, extensions.min(99) / 10, extensions.min(99) % 10];
        let digit = |value: usize| DIGITS[value];
        let [version, minor] = *version(self.versions.iter().filter(|id| !is_grease(*id)).max().unwrap_or(self.legacy_version));
        let [first, last] = self.alpn_ends();
        let carrier = if transport == Transport::Quic { b'q' } else { b't' };
        let name = if self.server_name.is_some() { b'd' } else { b'i' };
        [carrier, version, minor, name, digit(tens), digit(ones), digit(more_tens), digit(more_ones), first, last]
    }

    /// First and last character of the first protocol; of its hexadecimal digits when one of them is not a letter or digit.
    fn alpn_ends(&self) -> [u8; 2] {
        let Some([first, last]) = self.alpn().next().and_then(|name| Some([*name.first()?, *name.last()?])) else {
            return *b"00";
        };
        if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
            return [first, last];
        }
        [DIGITS[usize::from(first >> 4)], DIGITS[usize::from(last & 0xF)]]
    }

    /// Sorted extensions without those that the head tells of, and the signature algorithms in the client's order.
    fn tail(&self, extensions: &mut [u16], list: &mut List<impl Sink>) {
        extensions.sort_unstable();
        for id in extensions.iter().filter(|id| !matches!(**id, SERVER_NAME | ALPN)) {
            list.put(*id, b',');
        }
        let mut between = b'_';
        for id in self.signature_algorithms.iter().filter(|id| !is_grease(*id)) {
            list.put(id, between);
            between = b',';
        }
    }
}

/// The numbers that count, in `place`. Beyond its length there are none: that was checked when they were read.
fn gather(ids: impl Iterator<Item = u16>, place: &mut [u16]) -> &mut [u16] {
    let mut count = 0;
    for (id, slot) in ids.filter(|id| !is_grease(*id)).zip(place.iter_mut()) {
        *slot = id;
        count += 1;
    }
    &mut place[..count]
}

const fn version(id: u16) -> &'static [u8; 2] {
    match id {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xFEFF => b"d1",
        0xFEFD => b"d2",
        0xFEFC => b"d3",
        _ => b"00",
    }
}

/// Where the text of a list goes.
trait Sink {
    fn take(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// SHA-256 of a list; an empty list has zeros in its place.
#[derive(Default)]
struct Hash {
    sha: Sha256,
    begun: bool,
}

impl Sink for Hash {
    fn take(&mut self, bytes: &[u8]) {
        self.begun |= !bytes.is_empty();
        self.sha.update(bytes);
    }
}

impl Hash {
    fn digits(self, place: &mut [u8]) {
        let hash = if self.begun { <[u8; 32]>::from(self.sha.finalize()) } else { [0; 32] };
        let (pairs, _) = place.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(hash).take(HASH_DIGITS / 2) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xF)]];
        }
    }
}

/// Bytes that one number adds: what stands before it, and four digits.
const ENTRY_BYTES: usize = 5;
/// Numbers that are gathered before the sink is called; more than a browser sends.
const GATHERED: usize = 64;

/// Numbers as four hexadecimal digits each.
struct List<S> {
    sink: S,
    /// The last entry is written as a word of eight bytes.
    text: [u8; GATHERED * ENTRY_BYTES + 3],
    /// Where the text that the sink has not had begins, and where it ends: nothing stands before the first number.
    from: usize,
    to: usize,
}

impl<S: Sink> List<S> {
    fn new(sink: S) -> Self {
        Self { sink, text: [0; _], from: 1, to: 0 }
    }

    fn sorted(&mut self, ids: &mut [u16]) {
        ids.sort_unstable();
        for id in ids {
            self.put(*id, b',');
        }
    }

    #[inline]
    fn put(&mut self, id: u16, before: u8) {
        if self.to == GATHERED * ENTRY_BYTES {
            self.flush();
        }
        let entry = u64::from(before) | u64::from(four_digits(id)) << 8;
        if let Some(place) = self.text.get_mut(self.to..self.to + 8) {
            place.copy_from_slice(&entry.to_le_bytes());
            self.to += ENTRY_BYTES;
        }
    }

    fn flush(&mut self) {
        self.sink.take(self.text.get(self.from..self.to).unwrap_or_default());
        (self.from, self.to) = (0, 0);
    }

    fn end(mut self) -> S {
        self.flush();
        self.sink
    }
}

/// Four hexadecimal digits, the first in the lowest byte: all at once, because a JA4 has some forty of them.
const fn four_digits(id: u16) -> u32 {
    let id = id as u32;
    let nibbles = id >> 12 | (id >> 8 & 0xF) << 8 | (id >> 4 & 0xF) << 16 | (id & 0xF) << 24;
    // Those of ten and more carry into bit 4 when six is added.
    let letters = (nibbles + 0x0606_0606) >> 4 & 0x0101_0101;
    nibbles + 0x3030_3030 + letters * 0x27
}

impl Ja4 {
    /// The text, as bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 36] {
        self.0
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ja4({self})")
    }
}

/// The text is no JA4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a JA4 has 36 characters, like t13d1516h2_8daaf6152771_e5627efa2ab1")]
pub struct NotJa4;

impl FromStr for Ja4 {
    type Err = NotJa4;

    fn from_str(text: &str) -> Result<Self, NotJa4> {
        let name: [u8; BYTES] = text.as_bytes().try_into().map_err(|_| NotJa4)?;
        let good = name.iter().enumerate().all(|(at, byte)| match at {
            HEAD_BYTES | 23 => *byte == b'_',
            0..HEAD_BYTES => byte.is_ascii_alphanumeric(),
            _ => DIGITS.contains(byte),
        });
        if good { Ok(Self(name)) } else { Err(NotJa4) }
    }
}
