//! A ClientHello that looks like a browser's and makes the server work: TLS 1.3 with a fresh X25519 share. Any 32 bytes are a point of that
//! curve, so the attacker pays for nothing. Knows nothing of sockets.

use crate::random::Random;

/// Content type of a TLS record that carries handshake messages.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// TLS 1.3 and what every server also has, so that the choice is the server's.
const SUITES: [u16; 6] = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xcca9];
const X25519: u16 = 29;
/// ECDSA P-256, Ed25519, RSA-PSS, RSA PKCS #1.
const SIGNATURES: [u16; 5] = [0x0403, 0x0807, 0x0804, 0x0805, 0x0401];

/// One TLS record with a ClientHello. Random, session id and key share are fresh.
pub(super) fn build(random: &mut Random) -> Vec<u8> {
    let mut fresh = [0; 96];
    random.fill(&mut fresh);
    let (client_random, rest) = fresh.split_at(32);
    let (session_id, share) = rest.split_at(32);

    let mut extensions = vec![];
    extension(&mut extensions, 43, &[4, 3, 4, 3, 3]);
    extension(&mut extensions, 10, &with_length(&numbers(&[X25519, 23, 24])));
    extension(&mut extensions, 13, &with_length(&numbers(&SIGNATURES)));
    let entry = [&numbers(&[X25519])[..], &with_length(share)].concat();
    extension(&mut extensions, 51, &with_length(&entry));
    extension(&mut extensions, 45, &[1, 1]);
    extension(&mut extensions, 11, &[1, 0]);
    extension(&mut extensions, 23, &[]);

    let mut body = vec![3, 3];
    body.extend(client_random);
    body.push(session_id.len() as u8);
    body.extend(session_id);
    body.extend(with_length(&numbers(&SUITES)));
    body.extend([1, 0]);
    body.extend(with_length(&extensions));

    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(with_length(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(with_length(&message));
    record
}

/// Whether a server's first bytes are its hello.
pub(super) fn is_server_hello(answer: &[u8]) -> bool {
    answer.first() == Some(&HANDSHAKE) && answer.get(5) == Some(&SERVER_HELLO)
}

fn extension(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend(with_length(body));
}

fn numbers(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// `bytes` behind their length in 16 bits. All that is built here is shorter than that.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a hello of ours is short");
    [&length.to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::server::Acceptor;
    use rustls::{ServerConfig, SignatureScheme};

    use super::*;

    #[test]
    fn a_server_takes_it_and_answers() {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into()),
            )
            .expect("they belong together");
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut build(&mut Random::new(1)).as_slice()).expect("all of it");
        let accepted = acceptor.accept().map_err(|(error, _)| error).expect("a good hello").expect("a whole hello");
        assert!(accepted.client_hello().signature_schemes().contains(&SignatureScheme::ECDSA_NISTP256_SHA256));
        let mut server = accepted.into_connection(Arc::new(config)).map_err(|(error, _)| error).expect("a key is shared");
        let mut answer = vec![];
        server.write_tls(&mut answer).expect("memory takes all");
        assert!(is_server_hello(&answer));
        assert_eq!(server.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    }

    #[test]
    fn alerts_and_scraps_are_no_server_hello() {
        let check = |bytes: &[u8], expect: bool| assert_eq!(is_server_hello(bytes), expect, "{bytes:?}");
        check(&[], false);
        check(&[22, 3, 3, 0, 1], false);
        check(&[21, 3, 3, 0, 2, 2, 40], false);
        check(&[22, 3, 3, 0, 4, 2, 0, 0, 0], true);
    }

    #[test]
    fn two_hellos_differ() {
        let mut random = Random::new(1);
        assert_ne!(build(&mut random), build(&mut random));
    }
}
