//! Targets that read what stands before everything else on a connection: ClientHello and PROXY header. A prefix never says more than
//! the whole, and what was read is within its bounds.

use hillfort_proto::client_hello::{
    self as hellos, CIPHERS_MAX, CLIENT_HELLO_BYTES_MAX, EXTENSIONS_MAX, Ja4, Scratch, Transport,
};
use hillfort_proto::proxy::{self as headers, PROXY_HEADER_BYTES_MAX};
use hillfort_proto::reject::Reject;

/// A ClientHello: total, the same whether its bytes come at once or in parts, and in one record or in two.
pub fn client_hello(data: &[u8]) {
    let (mut scratch, mut other) = (Scratch::default(), Scratch::default());
    let whole = hellos::read(data, &mut scratch);
    for end in [1, 5, 6, 9, data.len() / 2, data.len().saturating_sub(1)] {
        let Some(part) = data.get(..end) else { continue };
        match hellos::read(part, &mut other) {
            Ok(None) => {}
            // What is told early is not taken back.
            Ok(Some(part)) => assert_eq!(whole, Ok(Some(part))),
            Err(reject) => assert_eq!(whole, Err(reject)),
        }
    }
    let hello = match whole {
        Ok(Some(hello)) => hello,
        Ok(None) => {
            assert!(data.len() < 2 * CLIENT_HELLO_BYTES_MAX);
            return;
        }
        Err(reject) => return assert_eq!(reject, Reject::ClientHello),
    };
    assert!(hello.ciphers.len() <= CIPHERS_MAX && hello.extensions().count() <= EXTENSIONS_MAX);
    let ja4 = hello.ja4(Transport::Tcp);
    assert_eq!(ja4.as_str().parse::<Ja4>(), Ok(ja4));
    let raw = hello.ja4_raw(Transport::Tcp);
    assert_eq!(ja4.as_str()[..11], raw[..11]);
    assert_eq!(hello.ja3().to_string().parse(), Ok(hello.ja3()));
    again_in_two(data, &mut other, ja4);
}

/// The first record cut in two carries the same hello.
fn again_in_two(data: &[u8], scratch: &mut Scratch, ja4: Ja4) {
    let length = usize::from(u16::from_be_bytes([data[3], data[4]]));
    let (fragment, rest) = data[5..].split_at(length);
    if length < 2 || data.len() + 5 > CLIENT_HELLO_BYTES_MAX {
        return;
    }
    let (one, two) = fragment.split_at(length / 2);
    let mut cut = Vec::new();
    for part in [one, two] {
        cut.extend_from_slice(&data[..3]);
        cut.extend_from_slice(&(part.len() as u16).to_be_bytes());
        cut.extend_from_slice(part);
    }
    cut.extend_from_slice(rest);
    match hellos::read(&cut, scratch) {
        Ok(Some(hello)) => assert_eq!(hello.ja4(Transport::Tcp), ja4),
        // One record more may be one too many.
        other => assert_eq!(other, Err(Reject::ClientHello)),
    }
}

/// A PROXY header: total, never longer than allowed, and told as early as can be.
pub fn proxy(data: &[u8]) {
    let whole = headers::read(data);
    for end in 0..data.len().min(64) {
        match headers::read(&data[..end]) {
            Ok(None) => {}
            early => assert_eq!(whole, early),
        }
    }
    match whole {
        Ok(Some((_, used))) => assert!((16..=PROXY_HEADER_BYTES_MAX.min(data.len())).contains(&used)),
        Ok(None) => assert!(data.len() < PROXY_HEADER_BYTES_MAX),
        Err(reject) => assert_eq!(reject, Reject::ProxyHeader),
    }
}
