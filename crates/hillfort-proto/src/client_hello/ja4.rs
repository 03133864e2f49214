//! JA4, a name for the kind of a TLS client, after FoxIO's description of JA4 (BSD 3-Clause; not of the other methods of "JA4+").
//! The order of ciphers and extensions does not count: browsers shuffle them. All players of one game engine share one name, so it
//! tells kinds apart, never people.

use std::fmt;
use std::str::FromStr;

use sha2::block_api::compress256;

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
        if self.ciphers.len() <= GATHERED && self.extension_count <= GATHERED {
            return self.named(transport, &mut [0; GATHERED], &mut [0; GATHERED]);
        }
        self.named(transport, &mut [0; CIPHERS_MAX], &mut [0; EXTENSIONS_MAX])
    }

    /// The name, and room for all ciphers and extensions: clearing it is a part of the cost.
    fn named(&self, transport: Transport, ciphers: &mut [u16], extensions: &mut [u16]) -> Ja4 {
        let ciphers = gather(self.ciphers.iter(), ciphers);
        let extensions = gather(self.extensions(), extensions);
        let mut name = [b'_'; BYTES];
        name[..HEAD_BYTES].copy_from_slice(&self.head(transport, ciphers.len(), extensions.len()));

        let mut list = List::new(Hash::new());
        list.sorted(ciphers);
        list.digits(&mut name[HEAD_BYTES + 1..]);

        let mut list = List::new(Hash::new());
        self.tail(extensions, &mut list);
        list.digits(&mut name[HEAD_BYTES + HASH_DIGITS + 2..]);
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
        let mut bytes = list.text();
        bytes.push(b'_');
        let mut list = List::new(bytes);
        self.tail(extensions, &mut list);
        list.text().into_iter().map(char::from).collect()
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
            list.put(*id);
        }
        let mut algorithms = self.signature_algorithms.iter().filter(|id| !is_grease(*id)).peekable();
        if algorithms.peek().is_some() {
            list.end_part();
        }
        algorithms.for_each(|id| list.put(id));
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

/// Where the text of a list goes that finds no room in it.
trait Sink {
    fn take(&mut self, text: &[u8; GATHERED_BYTES]);
}

impl Sink for Vec<u8> {
    fn take(&mut self, text: &[u8; GATHERED_BYTES]) {
        self.extend_from_slice(text);
    }
}

/// SHA-256 (FIPS 180-4) of a list, by whole blocks where the text stands: what is wanted of it is short, and taking it elsewhere first costs
/// as much as a block.
struct Hash {
    state: [u32; 8],
    bytes: usize,
}

const BLOCK_BYTES: usize = 64;

impl Sink for Hash {
    fn take(&mut self, text: &[u8; GATHERED_BYTES]) {
        self.blocks(text);
    }
}

impl Hash {
    /// The start of FIPS 180-4 §5.3.3.
    const fn new() -> Self {
        let state = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
        Self { state, bytes: 0 }
    }

    fn blocks(&mut self, text: &[u8]) {
        compress256(&mut self.state, text.as_chunks().0);
        self.bytes += text.len();
    }
}

/// Bytes that one number adds: four digits, and what stands behind it.
const ENTRY_BYTES: usize = 5;
/// Numbers that are gathered before the sink is called; more than a browser sends.
const GATHERED: usize = 64;
const GATHERED_BYTES: usize = GATHERED * ENTRY_BYTES;
const _: () = assert!(GATHERED_BYTES.is_multiple_of(BLOCK_BYTES));

/// Numbers as four hexadecimal digits each.
struct List<S> {
    sink: S,
    /// What the sink has not had, with room for an entry that is written as a word of eight bytes, and for the end of a hash.
    text: [u8; GATHERED_BYTES + BLOCK_BYTES],
    to: usize,
}

impl<S: Sink> List<S> {
    const fn new(sink: S) -> Self {
        Self { sink, text: [0; _], to: 0 }
    }

    fn sorted(&mut self, ids: &mut [u16]) {
        ids.sort_unstable();
        for id in ids {
            self.put(*id);
        }
    }

    #[inline]
    fn put(&mut self, id: u16) {
        if self.to == GATHERED_BYTES
            && let Some(whole) = self.text.first_chunk()
        {
            self.sink.take(whole);
            self.to = 0;
        }
        let entry = u64::from(four_digits(id)) | u64::from(b',') << 32;
        if let Some(place) = self.text.get_mut(self.to..self.to + 8) {
            place.copy_from_slice(&entry.to_le_bytes());
            self.to += ENTRY_BYTES;
        }
    }

    /// What follows is of another kind. Nothing stands before the first number.
    fn end_part(&mut self) {
        if let Some(last) = self.to.checked_sub(1).and_then(|last| self.text.get_mut(last)) {
            *last = b'_';
        }
    }
}

impl List<Vec<u8>> {
    /// The text; nothing stands behind the last number.
    fn text(mut self) -> Vec<u8> {
        self.sink.extend_from_slice(&self.text[..self.to.saturating_sub(1)]);
        self.sink
    }
}

impl List<Hash> {
    /// The first digits of the hash of the text; an empty list has zeros in its place.
    fn digits(mut self, place: &mut [u8]) {
        if self.to > 0 {
            // The end of a message, FIPS 180-4 §5.1.1: one bit, zeros, and its length in bits. Nothing stands behind the last number.
            let length = self.to - 1;
            let bits = (self.sink.bytes + length) as u64 * 8;
            let end = (length + 9).next_multiple_of(BLOCK_BYTES);
            let (text, _) = self.text.split_at_mut(end);
            text[length..].fill(0);
            text[length] = 0x80;
            text[end - 8..].copy_from_slice(&bits.to_be_bytes());
            self.sink.blocks(text);
        } else {
            self.sink.state = [0; 8];
        }
        let [first, second, ..] = self.sink.state;
        let parts = [(first >> 16) as u16, first as u16, (second >> 16) as u16];
        for (four, part) in place.as_chunks_mut::<4>().0.iter_mut().zip(parts) {
            *four = four_digits(part).to_le_bytes();
        }
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
