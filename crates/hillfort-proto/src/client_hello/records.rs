//! TLS records into the first handshake message. Knows that this has to be a ClientHello, and nothing of what stands in it.

use super::CLIENT_HELLO_BYTES_MAX;
use crate::reject::Reject;

/// Records that one ClientHello may come in. One is usual, some clients cut it in two or three to hide its server name.
pub(super) const RECORDS_MAX: usize = 32;
/// Type, version, length.
const HEADER_BYTES: usize = 5;
/// Of a handshake message: type, length.
const MESSAGE_HEADER_BYTES: usize = 4;

/// Where a ClientHello of several records is put together. Made once, used by all connections of a thread.
#[derive(Debug)]
pub struct Scratch(Box<[u8]>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; CLIENT_HELLO_BYTES_MAX].into_boxed_slice())
    }
}

/// The body of the ClientHello, once it is whole.
pub(super) fn message<'a>(bytes: &'a [u8], scratch: &'a mut Scratch) -> Result<Option<&'a [u8]>, Reject> {
    let Some((first, rest)) = record(bytes)? else {
        // What can be told from the first bytes is: a stranger that speaks something else is not waited for.
        return length(bytes.get(HEADER_BYTES..).unwrap_or_default()).map(|_| None);
    };
    if let Some(length) = length(first)?
        && let Some(message) = first.get(MESSAGE_HEADER_BYTES..MESSAGE_HEADER_BYTES + length)
    {
        return Ok(Some(message));
    }
    join(first, rest, scratch)
}

fn join<'a>(first: &[u8], mut rest: &[u8], scratch: &'a mut Scratch) -> Result<Option<&'a [u8]>, Reject> {
    let (mut have, mut fragment) = (0, first);
    for _ in 0..RECORDS_MAX {
        let place = scratch.0.get_mut(have..have + fragment.len()).ok_or(Reject::ClientHello)?;
        place.copy_from_slice(fragment);
        have += fragment.len();
        if let Some(length) = length(&scratch.0[..have])?
            && MESSAGE_HEADER_BYTES + length <= have
        {
            return Ok(scratch.0.get(MESSAGE_HEADER_BYTES..MESSAGE_HEADER_BYTES + length));
        }
        match record(rest)? {
            Some((next, after)) => (fragment, rest) = (next, after),
            // The rest is bounded by one record; all that came before is in `have`.
            None if have + rest.len() < CLIENT_HELLO_BYTES_MAX => return Ok(None),
            None => break,
        }
    }
    Err(Reject::ClientHello)
}

/// A record's fragment, and what follows it.
type Cut<'a> = (&'a [u8], &'a [u8]);

/// Cuts the first record off; `None`: it is not whole.
fn record(bytes: &[u8]) -> Result<Option<Cut<'_>>, Reject> {
    // Type 22 is a handshake, and every version's first byte is 3 (RFC 8446 §5.1).
    match *bytes {
        [] | [22] | [22, 3] | [22, 3, _] | [22, 3, _, _] => Ok(None),
        [22, 3, _, high, low, ref rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            // An empty handshake record is forbidden, one that is longer than everything may be cannot end well.
            if length == 0 || HEADER_BYTES + length > CLIENT_HELLO_BYTES_MAX {
                return Err(Reject::ClientHello);
            }
            Ok(rest.split_at_checked(length))
        }
        _ => Err(Reject::ClientHello),
    }
}

/// Length of the message that begins like this, without its header; `None`: not known yet.
fn length(begun: &[u8]) -> Result<Option<usize>, Reject> {
    match *begun {
        [] => Ok(None),
        [1, ref rest @ ..] => match rest.first_chunk() {
            Some([high, middle, low]) => {
                let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
                let fits = HEADER_BYTES + MESSAGE_HEADER_BYTES + length <= CLIENT_HELLO_BYTES_MAX;
                if fits { Ok(Some(length)) } else { Err(Reject::ClientHello) }
            }
            None => Ok(None),
        },
        _ => Err(Reject::ClientHello),
    }
}
