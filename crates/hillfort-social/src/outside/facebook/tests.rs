//! Tokens against a stand-in of Facebook's Graph API and keys.

use serde_json::json;

use super::{Facebook, FacebookConfig, hex, hmac};
use crate::outside::stand_in::{NOW_MS, RSA_1, Signer, StandIn, block_on, fetch, key_set};
use crate::outside::{Person, ProofFault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const NOW_S: i64 = NOW_MS / 1000;

fn config(server: &StandIn) -> FacebookConfig {
    FacebookConfig {
        graph_url: server.url("/v21.0"),
        app_id: "1234".into(),
        app_secret: "app secret".into(),
        keys_url: server.url("/keys"),
        instant_secret: "instant secret".into(),
    }
}

#[test]
fn an_access_token_is_asked_whose_app_it_was_made_for() {
    block_on(async {
        let server = StandIn::plain(|path| {
            let debugged = |app: &str, valid: bool, expires: i64, user: &str| {
                let data = json!({"data": {"app_id": app, "user_id": user, "is_valid": valid, "expires_at": expires}});
                (200, data.to_string())
            };
            if let Some(query) = path.strip_prefix("/v21.0/debug_token?input_token=") {
                let (token, app) = query.split_once("&access_token=").unwrap();
                assert_eq!(app, "1234%7Capp%20secret");
                return match token {
                    "good" | "liar" => debugged("1234", true, NOW_S + 100, "77"),
                    "forever" => debugged("1234", true, 0, "77"),
                    "other-app" => debugged("9999", true, 0, "77"),
                    "revoked" => debugged("1234", false, 0, "77"),
                    "expired" => debugged("1234", true, NOW_S - 6, "77"),
                    "no-json" => (200, "<html>".into()),
                    "down" => (503, String::new()),
                    _ => (400, String::new()),
                };
            }
            let proof = |token: &str| hex(&hmac(b"app secret", token.as_bytes()));
            for (token, id) in [("good", "77"), ("forever", "77"), ("liar", "78")] {
                if path == format!("/v21.0/me?fields=id,name,email,picture&access_token={token}&appsecret_proof={}", proof(token))
                {
                    let picture = json!({"data": {"url": "https://pictures.example/77"}});
                    return (200, json!({"id": id, "name": "Ada", "email": "ada@example.org", "picture": picture}).to_string());
                }
            }
            (400, String::new())
        })
        .await;
        let facebook = Facebook::new(config(&server), false);
        let check = async |token: &str| facebook.check(&fetch(""), token, None, NOW_MS).await;
        let person = Person {
            id: "77".into(),
            email: Some("ada@example.org".into()),
            name: Some("Ada".into()),
            picture: Some("https://pictures.example/77".into()),
        };
        assert_eq!(check("good").await, Ok(person.clone()));
        assert_eq!(check("forever").await, Ok(person));
        for token in ["other-app", "revoked", "expired", "unknown", "", &"x".repeat(5000), "a&input_token=good"] {
            assert!(matches!(check(token).await, Err(ProofFault::Refused(_))), "{token}");
        }
        for token in ["liar", "no-json", "down"] {
            let found = check(token).await;
            assert!(matches!(&found, Err(ProofFault::Unreachable(why)) if !why.contains("secret")), "{token}: {found:?}");
        }
        let without_secret = Facebook::new(FacebookConfig { app_secret: String::new(), ..config(&server) }, false);
        assert!(matches!(without_secret.check(&fetch(""), "good", None, NOW_MS).await, Err(ProofFault::NotConfigured(_))));
        let unset = Facebook::new(FacebookConfig { app_id: String::new(), ..config(&server) }, false);
        assert!(matches!(unset.check(&fetch(""), "good", None, NOW_MS).await, Err(ProofFault::NotConfigured(_))));
    });
}

#[test]
fn limited_login_proves_itself() {
    block_on(async {
        let signer = Signer::rsa("one", RSA_1);
        let keys = key_set(&[&signer]);
        let server = StandIn::plain(move |path| if path == "/keys" { (200, keys.clone()) } else { (500, String::new()) }).await;
        let facebook = Facebook::new(config(&server), false);
        let token = |app: &str, nonce: &str| {
            signer.token(&json!({"iss": "https://www.facebook.com", "aud": app, "sub": "77", "exp": NOW_S + 60, "nonce": nonce}))
        };
        let check = async |token: &str, nonce: Option<&str>| facebook.check(&fetch(""), token, nonce, NOW_MS).await;
        // SHA-256 of "n".
        let nonce = "1b16b1df538ba12dc3f97edbb85caa7050d46c148134290feba80f8236c83db9";
        assert_eq!(check(&token("1234", nonce), Some("n")).await.unwrap().id, "77");
        assert!(check(&token("1234", nonce), Some("m")).await.is_err());
        assert!(check(&token("9999", nonce), Some("n")).await.is_err());
        let strict = Facebook::new(config(&server), true);
        assert!(strict.check(&fetch(""), &token("1234", nonce), Some("n"), NOW_MS).await.is_ok());
        assert!(strict.check(&fetch(""), &token("1234", nonce), None, NOW_MS).await.is_err());
    });
}

#[test]
fn an_instant_game_signs_its_player() {
    block_on(async {
        let server = StandIn::plain(|_| (500, String::new())).await;
        let facebook = Facebook::new(config(&server), false);
        let signed = |secret: &str, player: serde_json::Value| {
            let payload = URL_SAFE_NO_PAD.encode(player.to_string());
            format!("{}.{payload}", URL_SAFE_NO_PAD.encode(hmac(secret.as_bytes(), payload.as_bytes())))
        };
        let player =
            |issued: i64| json!({"algorithm": "HMAC-SHA256", "player_id": "77", "issued_at": issued, "request_payload": ""});
        assert_eq!(facebook.instant(&signed("instant secret", player(NOW_S)), NOW_MS).unwrap().id, "77");
        assert!(facebook.instant(&signed("instant secret", player(NOW_S - 600)), NOW_MS).is_ok());
        for bad in [
            signed("another", player(NOW_S)),
            signed("instant secret", player(NOW_S - 601)),
            signed("instant secret", player(NOW_S + 6)),
            signed("instant secret", json!({"algorithm": "none", "player_id": "77", "issued_at": NOW_S})),
            signed("instant secret", json!({"algorithm": "HMAC-SHA256", "player_id": "", "issued_at": NOW_S})),
            signed("instant secret", json!([])),
            String::new(),
            "a.b".into(),
            "no dot".into(),
            "x".repeat(10_000),
        ] {
            assert!(matches!(facebook.instant(&bad, NOW_MS), Err(ProofFault::Refused(_))), "{bad}");
        }
        let unset = Facebook::new(FacebookConfig { instant_secret: String::new(), ..config(&server) }, false);
        assert!(matches!(unset.instant("a.b", NOW_MS), Err(ProofFault::NotConfigured(_))));
        assert_eq!(server.asked(), 0);
    });
}
