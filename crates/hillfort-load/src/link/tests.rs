//! Payloads come out whole however the bytes are cut, on both wires.

use super::*;

fn wires(payloads: &[&[u8]]) -> [(Wire, Vec<u8>); 2] {
    [(Wire::Frames, Framing::Tcp), (Wire::WebSocket, Framing::WebSocket)].map(|(wire, framing)| {
        let mut bytes = vec![];
        payloads.iter().for_each(|payload| framing.put(&mut bytes, payload.len(), |out| out.extend_from_slice(payload)));
        (wire, bytes)
    })
}

#[test]
fn whole_payloads_are_handed_over_and_the_rest_is_left() {
    let long = vec![7; 40_000];
    for (wire, bytes) in wires(&[b"one", b"", &long, b"four"]) {
        for cut_off in [0, 1, 5, 30] {
            let mut got: Vec<Vec<u8>> = vec![];
            let used = cut(wire, &bytes[..bytes.len() - cut_off], &mut |payload| got.push(payload.to_vec())).expect("good bytes");
            let expect = if cut_off == 0 { 4 } else { 3 };
            assert!(got.len() >= expect - 1 && got.len() <= expect, "{wire:?} {cut_off}: {}", got.len());
            assert!(used <= bytes.len() - cut_off);
            assert_eq!(got[0], b"one");
        }
    }
}

#[test]
fn bytes_that_are_no_frame_break_the_link() {
    let check =
        |wire: Wire, bytes: &[u8], expect: Gone| assert_eq!(cut(wire, bytes, &mut |_| {}), Err(expect), "{wire:?} {bytes:?}");
    check(Wire::Frames, b"GET / HTTP/1.1", Gone::Broken);
    check(Wire::WebSocket, &[0x82, 127, 0, 0, 0, 0, 255, 255, 255, 255], Gone::Broken);
    check(Wire::WebSocket, &[0x02, 1, 9], Gone::Broken);
    check(Wire::WebSocket, &[0x88, 0], Gone::Closed);
}

#[test]
fn a_ping_frame_is_passed_over() {
    let mut got = vec![];
    let used = cut(Wire::WebSocket, &[0x89, 1, 9, 0x82, 1, 5], &mut |payload| got.push(payload.to_vec())).expect("good bytes");
    assert_eq!((used, got), (6, vec![vec![5]]));
}

#[test]
fn frames_travel_inside_tls_with_the_server_that_is_trusted_and_no_other() {
    let check = |is_the_one: bool| {
        let (ours, other) = (certificate(), certificate());
        let trusted = if is_the_one { &ours } else { &other };
        let tls = trust(trusted.cert.der()).expect("a certificate");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let door = Door { address: listener.local_addr().expect("bound"), wire: Wire::Frames };
        let server = std::thread::spawn(move || echo_once(&listener, &ours));
        let mut poll = mio::Poll::new().expect("a poll");
        let mut link = Link::start(door, Ipv4Addr::LOCALHOST, poll.registry(), Token(0), [0; 4]).expect("a socket");
        let (mut events, mut buffer, mut got) = (mio::Events::with_capacity(8), vec![0; 1024], vec![]);
        let end = loop {
            poll.poll(&mut events, Some(std::time::Duration::from_secs(10))).expect("a poll");
            assert!(!events.is_empty(), "nothing happens any more");
            if !link.is_open() {
                match link.handle_opening(door, Some(&tls)) {
                    Ok(true) => Framing::Tcp.put(link.out(), 3, |out| out.extend_from_slice(b"one")),
                    Ok(false) => continue,
                    Err(gone) => break Err(gone),
                }
                link.flush().expect("the server reads");
            }
            let received = link.receive(&mut buffer, false, |payload, _| got.push(payload.to_vec()));
            // The server closes when it has answered, perhaps at once.
            if !got.is_empty() {
                break Ok(());
            }
            if let Err(gone) = received {
                break Err(gone);
            }
        };
        assert_eq!(end.is_ok(), is_the_one);
        assert_eq!(got.first().map(Vec::as_slice), is_the_one.then_some(&b"one"[..]));
        drop(link);
        server.join().expect("the server does not panic");
    };
    check(true);
    check(false);
}

fn certificate() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate")
}

/// Gives one client back what it says first, over TLS.
fn echo_once(listener: &std::net::TcpListener, key: &rcgen::CertifiedKey<rcgen::KeyPair>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("ring has them");
    let private = rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let config = config.with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], private).expect("they fit");
    let connection = rustls::ServerConnection::new(Arc::new(config)).expect("a good configuration");
    let (stream, _) = listener.accept().expect("a client");
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let mut buffer = [0; 64];
    // A client that does not trust us leaves.
    if let Ok(length) = stream.read(&mut buffer) {
        stream.write_all(&buffer[..length]).and_then(|()| stream.flush()).expect("the client reads");
    }
}
