//! The ClientHello that a TLS connection begins with: read out of records before any TLS is done, so that it can be judged at a
//! hundredth of the cost of a handshake. Owns its layout (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2) and the two names that clients get by
//! it, [`Ja4`] and [`Ja3`]; knows nothing of what follows a ClientHello, and judges nobody.
//!
//! Everything borrows from the bytes that were read: nothing is allocated. What a TLS library would refuse as well is refused here
//! as far as it makes the facts doubtful; the library still judges the rest.

mod ja3;
mod ja4;
mod records;

pub use ja3::{Ja3, NotJa3};
pub use ja4::{Ja4, NotJa4, Transport};
pub use records::Scratch;

use std::fmt;

use crate::reject::Reject;

/// Most bytes on the wire, record headers included, until a ClientHello is whole. Browsers with post-quantum key shares need
/// less than 2 KiB.
pub const CLIENT_HELLO_BYTES_MAX: usize = 16 * 1024;
/// Most cipher suites; clients that probe servers offer some 400.
pub const CIPHERS_MAX: usize = 512;
/// Most extensions; browsers send less than 20.
pub const EXTENSIONS_MAX: usize = 128;

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const SUPPORTED_VERSIONS: u16 = 43;

/// Two-byte numbers as they stand in a message: cipher suites, groups, versions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Ids<'a>(&'a [[u8; 2]]);

/// What a client says first. Lists that are absent are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// `legacy_version`: 0x0303 since TLS 1.2.
    pub legacy_version: u16,
    /// Cipher suites in the client's order.
    pub ciphers: Ids<'a>,
    /// Name of the server that the client looks for: 1 to 255 printable ASCII characters, in any case.
    pub server_name: Option<&'a str>,
    /// Versions of TLS.
    pub versions: Ids<'a>,
    /// Groups of the key exchange.
    pub groups: Ids<'a>,
    /// Formats of points on elliptic curves.
    pub point_formats: &'a [u8],
    /// Signature algorithms in the client's order.
    pub signature_algorithms: Ids<'a>,
    /// Whether it offers to go on with an older session: by a pre-shared key, or a session ticket that is not empty.
    pub resumes: bool,
    /// Entries of the ALPN list, each with a byte of length before it.
    alpn: &'a [u8],
    /// Extensions, each with type and length before it.
    extensions: &'a [u8],
    extension_count: usize,
}

/// Reads the ClientHello at the beginning of a TLS stream. `Ok(None)`: nothing is wrong yet, more bytes are needed; call again with
/// all bytes from the first on. `scratch` is written only when the message spans several records.
///
/// # Errors
/// [`Reject::ClientHello`]: no TLS, no ClientHello, longer than [`CLIENT_HELLO_BYTES_MAX`], in more than 32 records, malformed,
/// more than [`CIPHERS_MAX`] or [`EXTENSIONS_MAX`] entries, or an extension that matters here twice.
pub fn read<'a>(bytes: &'a [u8], scratch: &'a mut Scratch) -> Result<Option<ClientHello<'a>>, Reject> {
    match records::message(bytes, scratch)? {
        Some(message) => ClientHello::read(message).map(Some).ok_or(Reject::ClientHello),
        None => Ok(None),
    }
}

impl<'a> ClientHello<'a> {
    /// Ids of the extensions in the client's order.
    pub fn extensions(&self) -> impl Iterator<Item = u16> + use<'a> {
        let mut rest = Cursor(self.extensions);
        std::iter::from_fn(move || {
            let id = rest.u16()?;
            rest.vec16().map(|_| id)
        })
    }

    /// Protocols of ALPN in the client's order.
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = Cursor(self.alpn);
        std::iter::from_fn(move || rest.vec8())
    }

    /// The body of the handshake message.
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut rest = Cursor(message);
        let legacy_version = rest.u16()?;
        rest.take(32)?;
        let session_id = rest.vec8()?;
        let ciphers = rest.ids16()?;
        let compressions = rest.vec8()?;
        if session_id.len() > 32 || ciphers.len() > CIPHERS_MAX || compressions.is_empty() {
            return None;
        }
        let mut hello = Self {
            legacy_version,
            ciphers,
            server_name: None,
            versions: Ids::default(),
            groups: Ids::default(),
            point_formats: &[],
            signature_algorithms: Ids::default(),
            resumes: false,
            alpn: &[],
            extensions: &[],
            extension_count: 0,
        };
        // Before TLS 1.2 they could be left out altogether.
        if !rest.0.is_empty() {
            hello.extensions = rest.vec16()?;
            rest.ends()?;
            hello.read_extensions()?;
        }
        Some(hello)
    }

    fn read_extensions(&mut self) -> Option<()> {
        let mut rest = Cursor(self.extensions);
        let (mut count, mut seen) = (0, 0u64);
        while !rest.0.is_empty() {
            let id = rest.u16()?;
            let mut body = Cursor(rest.vec16()?);
            count += 1;
            match id {
                SERVER_NAME => self.server_name = Some(read_server_name(body)?),
                SUPPORTED_GROUPS => self.groups = body.ids16()?,
                POINT_FORMATS => self.point_formats = body.vec8()?,
                SIGNATURE_ALGORITHMS => self.signature_algorithms = body.ids16()?,
                ALPN => {
                    self.alpn = body.vec16()?;
                    let mut entries = Cursor(self.alpn);
                    while !entries.0.is_empty() {
                        entries.vec8()?;
                    }
                }
                SUPPORTED_VERSIONS => self.versions = Ids::of(body.vec8()?)?,
                SESSION_TICKET => self.resumes |= !body.0.is_empty(),
                PRE_SHARED_KEY => self.resumes = true,
                _ => continue,
            }
            let bit = 1 << id;
            if count > EXTENSIONS_MAX || seen & bit != 0 {
                return None;
            }
            seen |= bit;
        }
        self.extension_count = count;
        (count <= EXTENSIONS_MAX).then_some(())
    }
}

/// The one host name of the extension (RFC 6066 §3).
fn read_server_name(mut body: Cursor<'_>) -> Option<&str> {
    let mut list = Cursor(body.vec16()?);
    let kind = list.u8()?;
    let name = list.vec16()?;
    list.ends()?;
    body.ends()?;
    let good = kind == 0 && (1..=255).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(name).ok().filter(|_| good)
}

impl<'a> Ids<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (ids, odd) = bytes.as_chunks();
        odd.is_empty().then_some(Self(ids))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// In the client's order.
    pub fn iter(self) -> impl Iterator<Item = u16> + use<'a> {
        self.0.iter().map(|id| u16::from_be_bytes(*id))
    }
}

impl fmt::Debug for Ids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|id| format!("{id:04x}"))).finish()
    }
}

/// Whether it is one of the numbers that clients throw in so that servers stay tolerant (GREASE, RFC 8701). Fingerprints leave
/// them out.
#[must_use]
pub const fn is_grease(id: u16) -> bool {
    id & 0x0F0F == 0x0A0A && id >> 8 == id & 0xFF
}

/// A reader that never goes beyond its bytes.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn u8(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn vec8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    fn vec16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    fn ids16(&mut self) -> Option<Ids<'a>> {
        Ids::of(self.vec16()?)
    }

    fn ends(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests;
