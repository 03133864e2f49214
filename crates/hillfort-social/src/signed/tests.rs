//! Signed calls: good once, within their time, for what was signed and nothing else.

use super::{BITS, SignedCall, SignedCalls, WAYS, WINDOW_MS, key_text, sign};
use base64::Engine as _;
use hillfort_api::Code;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const NOW: i64 = 1_700_000_000_000;
const SESSION: [u8; 16] = [7; 16];
const SECRET: [u8; 32] = [9; 32];

fn calls() -> SignedCalls {
    SignedCalls::new(SECRET, 1024)
}

fn signature(time_ms: i64, counter: u64) -> String {
    sign(&key_text(&SECRET, SESSION), "POST", "/v2/storage?a=b", time_ms, counter, b"{}").unwrap()
}

fn check(calls: &SignedCalls, signature: &str, now_ms: i64) -> Result<(), Code> {
    let call = SignedCall { method: "POST", path: "/v2/storage?a=b", body: b"{}", signature };
    calls.check(SESSION, &call, now_ms).map_err(|error| error.code)
}

#[test]
fn a_call_is_good_once() {
    let calls = calls();
    let first = signature(NOW, 1);
    assert_eq!(check(&calls, &first, NOW), Ok(()));
    assert_eq!(check(&calls, &first, NOW), Err(Code::Unauthenticated));
    assert_eq!(check(&calls, &signature(NOW, 1), NOW + 1), Err(Code::Unauthenticated), "another time, the same counter");
    assert_eq!(check(&calls, &signature(NOW, 2), NOW), Ok(()));
    let other = SignedCall { method: "POST", path: "/v2/storage?a=b", body: b"{}", signature: &signature(NOW, 3) };
    assert!(calls.check([8; 16], &other, NOW).is_err(), "another session's key");
}

/// The example for those who write clients, from the document.
#[test]
fn the_example_in_the_documents_is_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/accounts.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once("```example\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let of = |name: &str| example.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}")).trim();
    let (time, counter) = (of("time").parse().unwrap(), of("counter").parse().unwrap());
    let header = sign(of("key"), of("method"), of("path"), time, counter, of("body").as_bytes()).unwrap();
    assert_eq!(header, of("header"));
    assert_eq!(super::hex(&Sha256::digest(of("body"))), of("digest"));
}

/// And the code beside it, where there is Node.js to run it.
#[test]
fn the_code_in_the_documents_signs_as_the_example() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/accounts.md");
    let page = std::fs::read_to_string(path).unwrap();
    let part = |mark: &str| page.split_once(mark).unwrap().1.split_once("```").unwrap().0.to_owned();
    let (code, example) = (part("```js\n"), part("```example\n"));
    let of = |name: &str| example.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let arguments = ["key", "method", "path", "time", "counter", "body"].map(|name| serde_json::json!(of(name)).to_string());
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(serde_json::json!({ "sgk": of("key") }).to_string());
    let script = format!(
        "{code}\nif (key(\"h.{claims}.s\") !== {}) throw 1;\nsignature({}).then((header) => console.log(header));",
        arguments[0],
        arguments.join(", ")
    );
    let Ok(output) = std::process::Command::new("node").args(["--input-type=module", "--eval", &script]).output() else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), of("header"));
}

#[test]
fn every_part_is_signed() {
    let good = signature(NOW, 5);
    let (time, rest) = good.split_once('.').unwrap();
    let mac = rest.split_once('.').unwrap().1;
    let moved = format!("{}.5.{mac}", NOW + 1);
    let counted = format!("{time}.6.{mac}");
    for (method, path, body, signature) in [
        ("GET", "/v2/storage?a=b", &b"{}"[..], &good),
        ("POST", "/v2/storage?a=c", b"{}", &good),
        ("POST", "/v2/storage", b"{}", &good),
        ("POST", "/v2/storage?a=b", b"{ }", &good),
        ("POST", "/v2/storage?a=b", b"", &good),
        ("POST", "/v2/storage?a=b", b"{}", &moved),
        ("POST", "/v2/storage?a=b", b"{}", &counted),
    ] {
        let call = SignedCall { method, path, body, signature };
        assert_eq!(calls().check(SESSION, &call, NOW).map_err(|error| error.code), Err(Code::Unauthenticated), "{method} {path}");
    }
}

#[test]
fn its_time_is_five_minutes_each_way() {
    for (skew, good) in [(0, true), (WINDOW_MS, true), (WINDOW_MS + 1, false), (-WINDOW_MS, true), (-WINDOW_MS - 1, false)] {
        assert_eq!(check(&calls(), &signature(NOW, 1), NOW + skew).is_ok(), good, "{skew}");
    }
}

#[test]
fn calls_may_overtake_each_other() {
    let calls = calls();
    for (counter, fresh) in [(100, true), (99, true), (98, true), (99, false), (101, true), (38, true), (101, false), (38, false)]
    {
        assert_eq!(check(&calls, &signature(NOW, counter), NOW).is_ok(), fresh, "{counter}");
    }
    assert!(check(&calls, &signature(NOW, 37), NOW).is_err(), "{BITS} behind");
    assert!(check(&calls, &signature(NOW, u64::MAX), NOW).is_ok());
    assert!(check(&calls, &signature(NOW, u64::MAX), NOW).is_err());
    assert!(check(&calls, &signature(NOW, 102), NOW).is_err());
}

#[test]
fn malformed_headers_are_refused() {
    let good = signature(NOW, 1);
    let upper = good.to_uppercase();
    assert_eq!(check(&calls(), &upper, NOW), Ok(()));
    for bad in [
        "",
        "..",
        "1.1.",
        &good.replacen('.', "", 1),
        &format!("+{good}"),
        &format!("{good}0"),
        &good[..good.len() - 1],
        &good.replacen(".1.", ".0.", 1),
        &good.replacen(".1.", ".-1.", 1),
        &good.replacen(".1.", ".18446744073709551616.", 1),
        &format!("{}g", &good[..good.len() - 1]),
        &"9".repeat(4096),
    ] {
        assert_eq!(check(&calls(), bad, NOW), Err(Code::Unauthenticated), "{bad}");
    }
}

#[test]
fn a_full_set_refuses_rather_than_forgets() {
    let calls = calls();
    // Sessions of one set: the first two bytes choose it.
    let session = |number: u8| {
        let mut id = [1; 16];
        id[15] = number;
        id
    };
    let send = |number: u8, counter: u64, now_ms: i64| {
        let signature = sign(&key_text(&SECRET, session(number)), "GET", "/", now_ms, counter, b"").unwrap();
        let call = SignedCall { method: "GET", path: "/", body: b"", signature: &signature };
        calls.check(session(number), &call, now_ms).map_err(|error| error.code)
    };
    for number in 0..WAYS as u8 {
        assert_eq!(send(number, 1, NOW), Ok(()));
    }
    assert_eq!(send(100, 1, NOW), Err(Code::ResourceExhausted));
    assert_eq!(send(0, 1, NOW), Err(Code::Unauthenticated), "nothing was forgotten");
    assert_eq!(send(100, 1, NOW + 2 * WINDOW_MS + 1), Ok(()));
}

proptest! {
    #[test]
    fn any_header_gives_an_answer(text in ".{0,150}") {
        prop_assert!(check(&calls(), &text, NOW).is_err());
    }

    #[test]
    fn no_counter_is_taken_twice(counters in proptest::collection::vec(1_u64..200, 1..100)) {
        let calls = calls();
        let mut taken = std::collections::HashSet::new();
        for counter in counters {
            if check(&calls, &signature(NOW, counter), NOW).is_ok() {
                prop_assert!(taken.insert(counter));
            }
        }
    }
}
