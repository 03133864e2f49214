//! Tokens: what is good, each way of being bad, and that reading costs no more memory than the claims.

use super::{Claims, HEADER, LEEWAY_S, TOKEN_MAX, TokenFault, TokenKey, TokenTooLong};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW: i64 = 1_700_000_000;

fn key() -> TokenKey {
    TokenKey::new(b"a secret of the tests, 32 bytes.")
}

fn claims() -> Claims {
    Claims {
        session: 1_u128.to_be_bytes(),
        user: 2_u128.to_be_bytes(),
        username: "ada".into(),
        vars: BTreeMap::from([("tier".into(), "gold \"1\"".into())]),
        expires_s: NOW + 60,
        issued_s: NOW,
        generation: 0,
        turn: 0,
        signing: String::new(),
    }
}

/// A token with any header and claims, correctly signed.
fn forged(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = hmac::Mac::finalize(key().mac(signed.as_bytes())).into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_token_says_what_was_signed() {
    let token = key().sign(&claims()).unwrap();
    assert_eq!(key().verify(&token, NOW), Ok(claims()));
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(json["tid"], "00000000-0000-0000-0000-000000000001");
    assert_eq!(json["uid"], "00000000-0000-0000-0000-000000000002");
    assert_eq!((&json["usn"], &json["vrs"]["tier"]), (&"ada".into(), &"gold \"1\"".into()));
    assert_eq!((json["exp"].as_i64(), json["iat"].as_i64()), (Some(NOW + 60), Some(NOW)));
    assert!(["gen", "trn", "sgk"].iter().all(|own| json.get(*own).is_none()), "{json}");
    let refresh = Claims { generation: 4, turn: u64::MAX, signing: "k".into(), ..claims() };
    assert_eq!(key().verify(&key().sign(&refresh).unwrap(), NOW), Ok(refresh));
}

#[test]
fn its_time_is_kept_with_five_seconds_of_leeway() {
    let token = key().sign(&claims()).unwrap();
    for (now, expect) in [
        (NOW + 60, None),
        (NOW + 60 + LEEWAY_S, None),
        (NOW + 61 + LEEWAY_S, Some(TokenFault::Expired)),
        (NOW - LEEWAY_S, None),
        (NOW - LEEWAY_S - 1, Some(TokenFault::NotYet)),
        (i64::MAX, Some(TokenFault::Expired)),
        (i64::MIN, Some(TokenFault::NotYet)),
    ] {
        assert_eq!(key().verify(&token, now).err(), expect, "at {now}");
    }
}

#[test]
fn nothing_but_its_own_algorithm_and_key_is_taken() {
    let good = r#"{"tid":"00000000-0000-0000-0000-000000000001","uid":"00000000-0000-0000-0000-000000000002","usn":"a","exp":1700000060}"#;
    let pinned = r#"{"alg":"HS256","typ":"JWT"}"#;
    assert_eq!(URL_SAFE_NO_PAD.encode(pinned) + ".", HEADER);
    assert!(key().verify(&forged(pinned, good), NOW).is_ok());
    for header in [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"HS512","typ":"JWT"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"JWT","kid":"../../etc/passwd"}"#,
        "",
    ] {
        assert_eq!(key().verify(&forged(header, good), NOW), Err(TokenFault::Malformed), "{header}");
    }
    for payload in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"tid":"1","uid":"2","usn":"a","exp":1700000060}"#,
        &good.replace("1700000060", "\"1700000060\""),
        &good.replace("1700000060", "1e99"),
        &good.replace("\"a\"", "7"),
        &"[".repeat(1000),
    ] {
        assert_eq!(key().verify(&forged(pinned, payload), NOW), Err(TokenFault::Malformed), "{payload}");
    }
    let token = key().sign(&claims()).unwrap();
    assert_eq!(TokenKey::new(b"another").verify(&token, NOW), Err(TokenFault::Signature));
    let unsigned = &token[..=token.rfind('.').unwrap()];
    for text in ["", ".", "..", "a.b.c", HEADER, unsigned, &format!("{token}="), &format!("{token}."), &format!(" {token}")] {
        assert_eq!(key().verify(text, NOW), Err(TokenFault::Malformed), "{text}");
    }
    let long = format!("{HEADER}{}", "A".repeat(TOKEN_MAX));
    assert_eq!(key().verify(&long, NOW), Err(TokenFault::Malformed));
}

#[test]
fn the_longest_token_is_read_and_a_longer_one_is_not_signed() {
    let with = |bytes: usize| Claims { vars: BTreeMap::from([("k".into(), "v".repeat(bytes))]), ..claims() };
    let longest = (0..TOKEN_MAX).take_while(|bytes| key().sign(&with(*bytes)).is_ok()).last().unwrap();
    let token = key().sign(&with(longest)).unwrap();
    assert!(token.len() <= TOKEN_MAX && token.len() > TOKEN_MAX - 8, "{}", token.len());
    assert_eq!(key().verify(&token, NOW), Ok(with(longest)));
    assert_eq!(key().sign(&with(longest + 1)), Err(TokenTooLong));
}

#[test]
fn reading_allocates_the_claims_alone() {
    let plain = key().sign(&Claims { vars: BTreeMap::new(), ..claims() }).unwrap();
    let info = allocation_counter::measure(|| {
        let read = key().verify(&plain, NOW);
        assert!(read.is_ok());
    });
    assert_eq!(info.count_total, 1, "the name");
    let refused = format!("{}AAAA", &plain[..plain.len() - 4]);
    let key = key();
    let info = allocation_counter::measure(|| assert_eq!(key.verify(&refused, NOW), Err(TokenFault::Signature)));
    assert_eq!(info.count_total, 0, "a refused token");
}

proptest! {
    #[test]
    fn any_text_gives_an_answer(text in ".{0,200}") {
        let _ = key().verify(&text, NOW);
        let _ = key().verify(&format!("{HEADER}{text}"), NOW);
    }

    #[test]
    fn a_changed_byte_is_noticed(at in 0usize..400, to in any::<u8>()) {
        let token = key().sign(&claims()).unwrap();
        let mut bytes = token.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert_eq!(key().verify(&changed, NOW).is_ok(), changed == token);
        }
    }
}
