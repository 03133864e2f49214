//! Proofs of Game Center against a stand-in that publishes certificates over TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{GameCenter, GameCenterConfig, GameCenterProof};
use crate::outside::stand_in::{NOW_MS, RSA_1, RSA_2, Signer, StandIn, block_on, certificate, fetch};
use crate::outside::{Person, ProofFault};

const PLAYER: &str = "G:1234567890";
const BUNDLE: &str = "org.example.game";

struct Proof {
    timestamp: i64,
    salt: String,
    signature: String,
    url: String,
}

impl Proof {
    fn new(signer: &Signer, server: &StandIn, path: &str, timestamp: i64, salt: &[u8]) -> Self {
        let signed = [PLAYER.as_bytes(), BUNDLE.as_bytes(), &timestamp.to_be_bytes(), salt].concat();
        let signature = STANDARD.encode(signer.sign(&signed));
        Self { timestamp, salt: STANDARD.encode(salt), signature, url: server.https(path) }
    }

    fn proof(&self) -> GameCenterProof<'_> {
        GameCenterProof {
            player_id: PLAYER,
            bundle_id: BUNDLE,
            timestamp: self.timestamp,
            salt: &self.salt,
            signature: &self.signature,
            public_key_url: &self.url,
        }
    }
}

async fn server() -> StandIn {
    let (one, two) = (certificate(RSA_1), certificate(RSA_2));
    StandIn::tls(move |path| match path {
        "/public-key/gc-prod-1.cer" => (200, one.clone()),
        "/public-key/gc-prod-2.cer" => (200, two.clone()),
        "/nonsense.cer" => (200, "nonsense".into()),
        _ => (404, String::new()),
    })
    .await
}

fn game_center(server: &StandIn) -> GameCenter {
    let hosts = vec![format!("localhost:{}", server.address.port())];
    GameCenter::new(GameCenterConfig { bundle_ids: vec![BUNDLE.into()], hosts, window_ms: 600_000 })
}

#[test]
fn a_proof_is_good_once_within_its_window() {
    block_on(async {
        let server = server().await;
        let (signer, fetch, center) = (Signer::rsa("", RSA_1), fetch(&server.pem), game_center(&server));
        let new = |timestamp: i64, salt: &[u8]| Proof::new(&signer, &server, "/public-key/gc-prod-1.cer", timestamp, salt);
        let first = new(NOW_MS, b"salt1");
        let person = Person { id: PLAYER.into(), ..Person::default() };
        assert_eq!(center.check(&fetch, &first.proof(), NOW_MS).await, Ok(person));
        assert_eq!(center.check(&fetch, &first.proof(), NOW_MS + 1).await, Err(ProofFault::Refused("used before")));
        for (age_ms, good) in [(600_000, true), (600_001, false), (-600_000, true), (-600_001, false)] {
            let proof = new(NOW_MS - age_ms, format!("{age_ms}").as_bytes());
            assert_eq!(center.check(&fetch, &proof.proof(), NOW_MS).await.is_ok(), good, "{age_ms}");
        }
        // Some clients send seconds.
        assert!(center.check(&fetch, &new(NOW_MS / 1000, b"salt2").proof(), NOW_MS).await.is_ok());
        assert_eq!(server.asked(), 1, "the certificate is kept");
    });
}

#[test]
fn every_part_is_signed_by_the_published_key() {
    block_on(async {
        let server = server().await;
        let (signer, fetch, center) = (Signer::rsa("", RSA_1), fetch(&server.pem), game_center(&server));
        let proof = Proof::new(&signer, &server, "/public-key/gc-prod-1.cer", NOW_MS, b"salt");
        let other_key = server.https("/public-key/gc-prod-2.cer");
        let other_salt = STANDARD.encode(b"tlas");
        for changed in [
            GameCenterProof { player_id: "G:other", ..proof.proof() },
            GameCenterProof { bundle_id: "org.example.other", ..proof.proof() },
            GameCenterProof { timestamp: NOW_MS + 1, ..proof.proof() },
            GameCenterProof { salt: &other_salt, ..proof.proof() },
            GameCenterProof { salt: "!", ..proof.proof() },
            GameCenterProof { signature: "!", ..proof.proof() },
            GameCenterProof { signature: "", ..proof.proof() },
            GameCenterProof { public_key_url: &other_key, ..proof.proof() },
            GameCenterProof { player_id: "", ..proof.proof() },
        ] {
            let found = center.check(&fetch, &changed, NOW_MS).await;
            assert!(matches!(found, Err(ProofFault::Refused(_))), "{changed:?}: {found:?}");
        }
        assert!(center.check(&fetch, &proof.proof(), NOW_MS).await.is_ok(), "refusals use nothing up");
    });
}

#[test]
fn no_address_is_asked_but_a_listed_one() {
    block_on(async {
        let server = server().await;
        let (signer, fetch, center) = (Signer::rsa("", RSA_1), fetch(&server.pem), game_center(&server));
        let port = server.address.port();
        let proof = Proof::new(&signer, &server, "/public-key/gc-prod-1.cer", NOW_MS, b"salt");
        for address in [
            &format!("http://localhost:{port}/public-key/gc-prod-1.cer"),
            &format!("https://127.0.0.1:{port}/public-key/gc-prod-1.cer"),
            &format!("https://user@localhost:{port}/public-key/gc-prod-1.cer"),
            &format!("https://localhost:{port}"),
            &format!("https://localhost:{port}/public-key/gc-prod-1.cer?x=y"),
            &format!("https://localhost:{port}.evil.example/public-key/gc-prod-1.cer"),
            &format!("https://evil.example/localhost:{port}"),
            "https://localhost/public-key/gc-prod-1.cer",
            "file:///etc/passwd",
            "",
            &"x".repeat(1000),
        ] {
            let changed = GameCenterProof { public_key_url: address, ..proof.proof() };
            let found = center.check(&fetch, &changed, NOW_MS).await;
            assert!(matches!(found, Err(ProofFault::Refused(_))), "{address}: {found:?}");
        }
        assert_eq!(server.asked(), 0);
        for path in ["/nonsense.cer", "/missing.cer"] {
            let changed = Proof { url: server.https(path), ..Proof::new(&signer, &server, path, NOW_MS, b"salt") };
            assert!(matches!(center.check(&fetch, &changed.proof(), NOW_MS).await, Err(ProofFault::Refused(_))), "{path}");
        }
    });
}

#[test]
fn a_certificate_has_its_time() {
    block_on(async {
        let server = server().await;
        let (signer, fetch, center) = (Signer::rsa("", RSA_1), fetch(&server.pem), game_center(&server));
        let next_year = NOW_MS + 60 * 86_400_000;
        let proof = Proof::new(&signer, &server, "/public-key/gc-prod-1.cer", next_year, b"salt");
        let found = center.check(&fetch, &proof.proof(), next_year).await;
        assert_eq!(found, Err(ProofFault::Refused("the certificate is not valid now")));
        let unset = GameCenter::new(GameCenterConfig::default());
        assert_eq!(unset.check(&fetch, &proof.proof(), NOW_MS).await, Err(ProofFault::NotConfigured("Game Center")));
    });
}
