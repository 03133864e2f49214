//! Hellos.

use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::UnixMs;
use serde_json::{Value, json};

use crate::{check_file, hex};

const NOW: u64 = 1_763_700_000_000;
const NONCE: [u8; 16] = [0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF];
const KEYS: [(u32, u16, &[u8]); 2] = [(1, 1, b"hillfort-development-key"), (0xFEED_BEEF, 0xABCD, &[0x5A; 32])];

fn key(index: usize) -> HelloKey {
    let (app, key, secret) = KEYS[index];
    HelloKey::new(AppId(app), KeyId(key), secret).unwrap()
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    (0..KEYS.len()).for_each(|index| ring.insert(key(index)).unwrap());
    ring
}

/// All checks that need no memory, in order of cost.
fn judge(bytes: &[u8]) -> Result<(), Reject> {
    let bytes = bytes.try_into().map_err(|_| Reject::HelloLength)?;
    let hello = Hello::read(bytes)?;
    hello.check_time(UnixMs(NOW))?;
    hello.check_mac(&ring())
}

fn good(name: &str, time_ms: u64, nonce: [u8; 16], index: usize) -> Value {
    let bytes = Hello::sign(UnixMs(time_ms), nonce, &key(index));
    assert_eq!(judge(&bytes), Ok(()), "{name}");
    let (app, key, _) = KEYS[index];
    json!({
        "name": name, "hex": hex(&bytes), "expect": "ok",
        "time_ms": time_ms, "nonce": hex(&nonce), "app": app, "key": key,
    })
}

fn bad(name: &str, expect: Reject, bytes: &[u8]) -> Value {
    assert_eq!(judge(bytes), Err(expect), "{name}");
    json!({ "name": name, "hex": hex(bytes), "expect": expect.label() })
}

fn changed(at: usize) -> [u8; 72] {
    let mut bytes = Hello::sign(UnixMs(NOW), NONCE, &key(0));
    bytes[at] ^= 1;
    bytes
}

#[test]
fn hellos() {
    let plain = Hello::sign(UnixMs(NOW), NONCE, &key(0));
    let other = HelloKey::new(AppId(1), KeyId(1), b"another secret, the same ids").unwrap();
    let stranger = HelloKey::new(AppId(1), KeyId(2), b"hillfort-development-key").unwrap();
    let vectors = [
        good("development key, now", NOW, NONCE, 0),
        good("zero nonce shows the clock unmasked", NOW, [0; 16], 0),
        good("second key of the ring", NOW, [0xFF; 16], 1),
        good("clock 3000 ms behind: the edge", NOW - 3000, NONCE, 0),
        good("clock 3000 ms ahead: the edge", NOW + 3000, NONCE, 0),
        bad("clock 3001 ms behind", Reject::HelloTime, &Hello::sign(UnixMs(NOW - 3001), NONCE, &key(0))),
        bad("clock 3001 ms ahead", Reject::HelloTime, &Hello::sign(UnixMs(NOW + 3001), NONCE, &key(0))),
        bad("first byte of the magic wrong", Reject::HelloMagic, &changed(0)),
        bad("last byte of the magic wrong", Reject::HelloMagic, &changed(7)),
        bad("nonce changed in its second half", Reject::HelloMac, &changed(31)),
        bad("app changed", Reject::HelloKey, &changed(35)),
        bad("key id unknown", Reject::HelloKey, &Hello::sign(UnixMs(NOW), NONCE, &stranger)),
        bad("a flag is set", Reject::HelloFlags, &changed(39)),
        bad("signed with another secret", Reject::HelloMac, &Hello::sign(UnixMs(NOW), NONCE, &other)),
        bad("last bit of the MAC wrong", Reject::HelloMac, &changed(71)),
        bad("one byte short", Reject::HelloLength, &plain[..71]),
        bad("one byte long", Reject::HelloLength, &[&plain[..], &[0]].concat()),
        bad("empty", Reject::HelloLength, &[]),
    ];
    let keys: Vec<_> = KEYS.iter().map(|(app, key, secret)| json!({ "app": app, "key": key, "secret": hex(secret) })).collect();
    check_file(
        "hello.json",
        &json!({
            "about": "Signed hellos, judged at now_ms with these keys. expect: \"ok\", or the label of the reject.",
            "now_ms": NOW,
            "keys": keys,
            "vectors": vectors,
        }),
    );
}
