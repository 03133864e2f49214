//! With a certificate both doors speak TLS, and nothing else.

use std::sync::Arc;

use hillfort_proto::reject::Reject;
use rustix::process::Signal;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;

use crate::player::{Player, Seen};
use crate::server::{Server, hillfort, run, set};
use crate::web::Metrics;
use crate::wire::{Door, Wire, development_key, hello};

const NAME: &str = "fort.test";

/// A server with a certificate for [`NAME`], and a client that trusts it.
fn secured() -> (Server, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (start(folder), trusting(roots))
}

fn start(folder: TempDir) -> Server {
    // Bots that are asked for do not knock at doors that they cannot open.
    let settings = [("edge.tls_certificate", "chain.pem"), ("edge.tls_key", "key.pem"), ("bots.hilltop", "4")];
    let server = Server::start_in(folder, &settings);
    assert_eq!(server.children(), []);
    server
}

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn both_doors_play_over_tls() {
    let (server, config) = secured();
    for door in server.doors() {
        let mut ann = Player::seated(&door.with_tls(&config, NAME), "Ann", "hilltop");
        let (first, _) = ann.state();
        assert!((0..20).map(|_| ann.state().0).last() >= Some(first + 20));
        ann.cut();
        ann.connect();
        assert!(ann.welcome(), "a session is resumed over TLS, too");
        ann.ping(&[1; 64]);
        ann.until("Pong", |seen| matches!(seen, Seen::Pong { .. }).then_some(()));
        assert_eq!(ann.bye(), Some(Reject::Goodbye));
    }
}

#[test]
fn plain_text_and_strangers_certificates_end() {
    let (server, _) = secured();
    let mut plain = Wire::open(&Door::frames(server.frames)).unwrap();
    plain.send(&hello(&development_key()));
    assert!(plain.bytes_to_the_end().is_empty(), "a stranger is not answered");
    assert!(Wire::open(&Door::websocket(server.http)).is_err(), "no upgrade without TLS");
    Metrics::when(server.console, "two refusals", |metrics| metrics.refused().get("client_hello") == Some(&2));

    // A client that does not trust the certificate says so and goes.
    let wary = trusting(RootCertStore::empty());
    assert!(Wire::open(&Door::websocket(server.http).with_tls(&wary, NAME)).is_err());
    Metrics::when(server.console, "a third", |metrics| metrics.refused().get("tls") == Some(&1));
}

#[test]
fn a_hang_up_brings_the_new_certificate_and_keeps_the_players() {
    let (server, old) = secured();
    let mut players = server.doors().map(|door| Player::seated(&door.with_tls(&old, NAME), "Ann", "hilltop"));
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let file = |name| server.data().with_file_name(name);
    // Half of a new pair changes nothing.
    std::fs::write(file("chain.pem"), made.cert.pem()).unwrap();
    server.signal(Signal::HUP);
    server.logged("not reloaded, edge.tls_certificate");
    Player::seated(&Door::frames(server.frames).with_tls(&old, NAME), "Bo", "hilltop").state();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    server.signal(Signal::HUP);
    server.logged("new connections get the new certificate");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let new = trusting(roots);
    for door in server.doors() {
        Player::seated(&door.with_tls(&new, NAME), "Cy", "hilltop").state();
    }
    for ann in &mut players {
        ann.state();
    }
}

#[test]
fn one_flag_makes_a_certificate_and_the_next_start_keeps_it() {
    let server = Server::start(&[("edge.tls_self_signed", "true"), ("bots.hilltop", "4")]);
    server.logged("a certificate that signs itself");
    let made = std::fs::read(server.data().join("development-certificate.pem")).unwrap();
    let trust = |pem: &[u8]| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
        trusting(roots)
    };
    for door in server.doors() {
        Player::seated(&door.with_tls(&trust(&made), "localhost"), "Ann", "hilltop").state();
    }
    let server = Server::start_in(server.kill(), &[("edge.tls_self_signed", "true")]);
    let door = Door::frames(server.frames).with_tls(&trust(&made), "localhost");
    Player::seated(&door, "Ann", "hilltop").state();
}

#[test]
fn a_key_that_does_not_fit_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = [(); 2].map(|()| rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap());
    std::fs::write(folder.path().join("chain.pem"), one.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), other.signing_key.serialize_pem()).unwrap();
    let files = [("edge.tls_certificate", "chain.pem"), ("edge.tls_key", "key.pem")];
    let ports = [("edge.http_port", "0"), ("edge.tcp_port", "0"), ("nakama.grpc_port", "0"), ("console.port", "0")];
    for command in ["check", "serve"] {
        let output = run(hillfort(folder.path()).arg(command).args(set(&files)).args(set(&ports)));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(65), "{said}");
        assert!(said.contains("edge.tls_certificate") && said.contains("certificate refused"), "{said}");
    }
}
