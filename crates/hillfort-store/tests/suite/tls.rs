//! TLS to PostgreSQL: with a server that takes nothing else.

use hillfort_store::{Options, Store, StoreError};
use hillfort_testkit::postgres::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::Path;

use crate::stores::{block_on, options};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join(name), authority.pem()).unwrap();
        Self(authority)
    }
}

#[test]
fn servers_are_trusted_by_authority_and_name() {
    let Some(mut server) = Server::start() else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let database = server.database();
    let database = database.rsplit('/').next().unwrap();
    let authority = Authority::new(folder.path(), "good.pem");
    Authority::new(folder.path(), "other.pem");
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority.0).unwrap();
    server.write_file("server.crt", &certificate.pem());
    server.write_file("server.key", &key.serialize_pem());
    server.write_file("data/pg_hba.conf", "local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
    // Somebody may take it before the server does; then the test ends here, and says so.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (certificate, key, port) =
        ("ssl_cert_file={folder}/server.crt", "ssl_key_file={folder}/server.key", format!("port={port}"));
    let flags = ["fsync=off", "ssl=on", certificate, key, "listen_addresses=127.0.0.1", &port];
    server.restart_with(&flags.iter().flat_map(|flag| ["-c", flag]).collect::<Vec<_>>());
    let port = port.rsplit('=').next().unwrap();
    let open = |host: &str, authorities: Option<&str>| {
        let url = format!("postgres://postgres@{host}:{port}/{database}");
        let options = Options { postgres_ca: authorities.map(|name| folder.path().join(name)), ..options() };
        block_on(async { Store::open(&url, options).await.map(drop) })
    };
    assert_eq!(open("localhost", Some("good.pem")), Ok(()));
    for (host, authorities, why) in [
        ("localhost", Some("other.pem"), "certificate"),
        ("127.0.0.1", Some("good.pem"), "certificate"),
        ("localhost", None, "no encryption"),
    ] {
        let refused = open(host, authorities);
        assert!(
            matches!(&refused, Err(StoreError::Unavailable(said)) if said.contains(why)),
            "{host} {authorities:?}: {refused:?}"
        );
    }
    for authorities in ["empty.pem", "nothing.pem"] {
        let refused = open("localhost", Some(authorities));
        assert!(matches!(&refused, Err(StoreError::Invalid(said)) if said.contains(authorities)), "{refused:?}");
    }
}
