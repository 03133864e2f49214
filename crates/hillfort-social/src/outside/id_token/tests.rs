//! Identity tokens against a stand-in of an issuer: keys and their change, signatures, audiences, times, nonces.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{IdTokens, Issuer};
use crate::outside::keys::{AGAIN_MS, STALE_MS};
use crate::outside::stand_in::{NOW_MS, RSA_1, RSA_2, Signer, StandIn, block_on, fetch, key_set};
use crate::outside::{Person, ProofFault};
use crate::token::LEEWAY_S;

const NOW_S: i64 = NOW_MS / 1000;

fn claims() -> Value {
    json!({
        "iss": "https://appleid.apple.com", "aud": "org.example.game", "sub": "001.abc", "exp": NOW_S + 600, "iat": NOW_S,
        "email": "ada@example.org", "email_verified": "true",
    })
}

fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(key);
        } else {
            claims[key] = value.clone();
        }
    }
    claims
}

fn issuer(server: &StandIn) -> Issuer {
    let mut issuer = Issuer::apple(vec!["org.example.game".into(), "org.example.game.tv".into()]);
    issuer.keys_url = server.url("/keys");
    issuer
}

async fn server(signers: &[&Signer]) -> StandIn {
    let keys = key_set(signers);
    StandIn::plain(move |_| (200, keys.clone())).await
}

#[test]
fn a_token_names_its_bearer() {
    block_on(async {
        let (rsa, ec) = (Signer::rsa("one", RSA_1), Signer::ec("two"));
        let server = server(&[&rsa, &ec]).await;
        let tokens = IdTokens::new(issuer(&server));
        let person = Person { id: "001.abc".into(), email: Some("ada@example.org".into()), ..Person::default() };
        for signer in [&rsa, &ec] {
            assert_eq!(tokens.check(&fetch(""), &signer.token(&claims()), None, NOW_MS).await, Ok(person.clone()));
        }
        assert_eq!(server.asked(), 1, "keys are kept");
        let unverified = with(json!({"email_verified": false, "aud": ["org.example.game.tv"]}));
        let found = tokens.check(&fetch(""), &rsa.token(&unverified), None, NOW_MS).await.unwrap();
        assert_eq!((found.id.as_str(), found.email), ("001.abc", None));
    });
}

#[test]
fn every_claim_is_judged() {
    block_on(async {
        let signer = Signer::rsa("one", RSA_1);
        let server = server(&[&signer]).await;
        let tokens = IdTokens::new(issuer(&server));
        for (changes, good) in [
            (json!({}), true),
            (json!({"iss": "https://appleid.apple.com.evil.example"}), false),
            (json!({"iss": null}), false),
            (json!({"aud": "org.example.other"}), false),
            (json!({"aud": ["org.example.game", "org.example.other"]}), false),
            (json!({"aud": []}), false),
            (json!({"aud": null}), false),
            (json!({"exp": NOW_S - LEEWAY_S}), true),
            (json!({"exp": NOW_S - LEEWAY_S - 1}), false),
            (json!({"exp": null}), false),
            (json!({"exp": "never"}), false),
            (json!({"iat": NOW_S + LEEWAY_S}), true),
            (json!({"iat": NOW_S + LEEWAY_S + 1}), false),
            (json!({"sub": ""}), false),
            (json!({"sub": "x".repeat(129)}), false),
            (json!({"sub": null}), false),
        ] {
            let token = signer.token(&with(changes.clone()));
            let found = tokens.check(&fetch(""), &token, None, NOW_MS).await;
            assert_eq!(found.is_ok(), good, "{changes}: {found:?}");
            assert!(good || matches!(found, Err(ProofFault::Refused(_))), "{changes}: {found:?}");
        }
    });
}

#[test]
fn every_claim_of_google_is_judged() {
    block_on(async {
        let signer = Signer::rsa("one", RSA_2);
        let server = server(&[&signer]).await;
        let clients = ["1-web.apps.googleusercontent.com", "1-ios.apps.googleusercontent.com"];
        let google =
            IdTokens::new(Issuer { keys_url: server.url("/certs"), ..Issuer::google(clients.map(str::to_owned).to_vec()) });
        let with = |changes: Value| {
            let mut claims = json!({
                "iss": "https://accounts.google.com", "aud": clients[0], "azp": clients[0], "sub": "110169484474386276334",
                "exp": NOW_S + 3600, "iat": NOW_S, "email": "ada@example.org", "email_verified": true, "name": "Ada L",
                "picture": "https://pictures.example/ada",
            });
            claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            signer.token(&claims)
        };
        let check = async |changes: Value| google.check(&fetch(""), &with(changes), None, NOW_MS).await;
        let ada = Person {
            id: "110169484474386276334".into(),
            email: Some("ada@example.org".into()),
            name: Some("Ada L".into()),
            picture: Some("https://pictures.example/ada".into()),
        };
        for good in
            [json!({}), json!({"iss": "accounts.google.com"}), json!({"aud": clients[1]}), json!({"exp": NOW_S - LEEWAY_S})]
        {
            assert_eq!(check(good.clone()).await, Ok(ada.clone()), "{good}");
        }
        let unnamed = check(json!({"name": null, "picture": null, "email_verified": false})).await;
        assert_eq!(
            unnamed,
            Ok(Person { id: ada.id.clone(), ..Person::default() }),
            "an address that Google has not verified is nobody's"
        );
        for bad in [
            json!({"iss": "http://accounts.google.com"}),
            json!({"iss": "https://accounts.google.com/"}),
            json!({"iss": "https://appleid.apple.com"}),
            json!({"aud": "2-web.apps.googleusercontent.com"}),
            json!({"aud": [clients[0], "2-web.apps.googleusercontent.com"]}),
            json!({"aud": ""}),
            json!({"exp": NOW_S - LEEWAY_S - 1}),
            json!({"exp": null}),
            json!({"iat": NOW_S + LEEWAY_S + 1}),
            json!({"sub": null}),
            json!({"sub": ""}),
            json!({"sub": 110}),
            json!({"name": {}}),
        ] {
            assert!(matches!(check(bad.clone()).await, Err(ProofFault::Refused(_))), "{bad}");
        }
        let forged = Signer::rsa("one", RSA_1)
            .token(&json!({"iss": "accounts.google.com", "aud": clients[0], "sub": "1", "exp": NOW_S + 60}));
        assert_eq!(google.check(&fetch(""), &forged, None, NOW_MS).await, Err(ProofFault::Refused("wrong signature")));
    });
}

#[test]
fn only_a_published_key_signs_and_only_with_its_algorithm() {
    block_on(async {
        let (ours, theirs) = (Signer::rsa("one", RSA_1), Signer::rsa("one", RSA_2));
        let server = server(&[&ours]).await;
        let tokens = IdTokens::new(issuer(&server));
        let check = async |token: &str| tokens.check(&fetch(""), token, None, NOW_MS).await;
        let good = ours.token(&claims());
        assert!(check(&good).await.is_ok());
        let mut parts: Vec<&str> = good.split('.').collect();
        let other = theirs.token(&with(json!({"sub": "002.eve"})));
        parts[1] = other.split('.').nth(1).unwrap();
        let spliced = parts.join(".");
        let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
        for token in [
            theirs.token(&claims()),
            spliced,
            unsigned,
            ours.token_with(&json!({"alg": "none", "kid": "one"}), &claims()),
            ours.token_with(&json!({"alg": "HS256", "kid": "one"}), &claims()),
            ours.token_with(&json!({"alg": "ES256", "kid": "one"}), &claims()),
            ours.token_with(&json!({"alg": "RS512", "kid": "one"}), &claims()),
            ours.token_with(&json!({"alg": "RS256"}), &claims()),
            ours.token_with(&json!({"alg": "RS256", "kid": "../one"}), &claims()),
            String::new(),
            "a.b.c".into(),
            "a.b.c.d".into(),
            "x".repeat(10_000),
        ] {
            assert!(matches!(check(&token).await, Err(ProofFault::Refused(_))), "{token}");
        }
    });
}

#[test]
fn new_keys_are_fetched_when_they_sign_and_not_more_often() {
    block_on(async {
        let (old, new) = (Signer::rsa("old", RSA_1), Signer::rsa("new", RSA_2));
        let server = server(&[&old]).await;
        let tokens = IdTokens::new(issuer(&server));
        let check = async |signer: &Signer, now_ms: i64| {
            let claims = with(json!({"exp": now_ms / 1000 + 60, "iat": now_ms / 1000}));
            tokens.check(&fetch(""), &signer.token(&claims), None, now_ms).await
        };
        assert!(check(&old, NOW_MS).await.is_ok());
        // A flood of tokens with unknown keys makes nobody fetch.
        for number in 0..100 {
            assert!(matches!(check(&new, NOW_MS + number).await, Err(ProofFault::Refused(_))));
        }
        assert_eq!(server.asked(), 1);
        let keys = key_set(&[&new]);
        server.change(move |_| (200, keys.clone()));
        assert!(check(&new, NOW_MS + AGAIN_MS).await.is_ok());
        assert_eq!(server.asked(), 2);
        assert!(check(&old, NOW_MS + AGAIN_MS).await.is_err(), "withdrawn");
        // The service fails: its keys are used on for a day.
        server.change(|_| (500, String::new()));
        assert!(check(&new, NOW_MS + AGAIN_MS + 600_000).await.is_ok());
        assert_eq!(server.asked(), 3);
        assert!(check(&new, NOW_MS + STALE_MS - 1).await.is_ok());
        let late = check(&new, NOW_MS + AGAIN_MS + STALE_MS).await;
        assert!(matches!(late, Err(ProofFault::Unreachable(_))), "{late:?}");
    });
}

#[test]
fn many_at_once_fetch_once() {
    block_on(async {
        let signer = Signer::rsa("one", RSA_1);
        let server = server(&[&signer]).await;
        let tokens = Arc::new(IdTokens::new(issuer(&server)));
        let checks: Vec<_> = (0..50)
            .map(|_| {
                let (tokens, token) = (Arc::clone(&tokens), signer.token(&claims()));
                tokio::spawn(async move { tokens.check(&fetch(""), &token, None, NOW_MS).await })
            })
            .collect();
        for check in checks {
            assert!(check.await.unwrap().is_ok());
        }
        assert_eq!(server.asked(), 1);
    });
}

#[test]
fn keys_that_make_no_sense_are_a_neighbours_fault() {
    block_on(async {
        let signer = Signer::rsa("one", RSA_1);
        for answer in [
            "",
            "[]",
            "{}",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"kty":"oct","kid":"one"}]}"#,
            r#"{"keys":[{"kty":"RSA","kid":"one","n":"!","e":"AQAB"}]}"#,
        ] {
            let server = StandIn::plain(move |_| (200, answer.into())).await;
            let found = IdTokens::new(issuer(&server)).check(&fetch(""), &signer.token(&claims()), None, NOW_MS).await;
            assert!(matches!(found, Err(ProofFault::Unreachable(_))), "{answer}: {found:?}");
        }
        let nowhere = Issuer { audiences: Vec::new(), ..Issuer::google(Vec::new()) };
        let found = IdTokens::new(nowhere).check(&fetch(""), &signer.token(&claims()), None, NOW_MS).await;
        assert_eq!(found, Err(ProofFault::NotConfigured("Google")));
    });
}

#[test]
fn a_nonce_is_made_of_what_the_client_knows() {
    block_on(async {
        let signer = Signer::ec("one");
        let server = server(&[&signer]).await;
        let hashed = super::hex_sha256("raw");
        let strict = Issuer { nonce: true, ..issuer(&server) };
        let (plain, strict) = (IdTokens::new(issuer(&server)), IdTokens::new(strict));
        for (claimed, shown, by_plain, by_strict) in [
            (None, None, true, false),
            (None, Some("raw"), false, false),
            (Some("raw"), None, true, false),
            (Some("raw"), Some("raw"), false, false),
            (Some(hashed.as_str()), Some("raw"), true, true),
            (Some(hashed.as_str()), Some(hashed.as_str()), false, false),
            (Some("raw"), Some("war"), false, false),
            (Some("raw"), Some(""), false, false),
        ] {
            let token = signer.token(&with(json!({"nonce": claimed})));
            for (tokens, good) in [(&plain, by_plain), (&strict, by_strict)] {
                let found = tokens.check(&fetch(""), &token, shown, NOW_MS).await;
                assert_eq!(found.is_ok(), good, "{claimed:?} {shown:?}: {found:?}");
            }
        }
    });
}
