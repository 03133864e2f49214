//! Signed hellos: good ones, and each way to be bad.

use super::*;

const NOW: UnixMs = UnixMs(1_763_700_000_000);
const NONCE: [u8; 16] = *b"0123456789abcdef";

fn key(app: u32, key: u16) -> HelloKey {
    HelloKey::new(AppId(app), KeyId(key), &[app as u8; 32]).unwrap()
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    for k in [key(2, 7), key(1, 1), key(1, 2)] {
        ring.insert(k).unwrap();
    }
    ring
}

fn verdict(bytes: &[u8; HELLO_BYTES], now: UnixMs, ring: &KeyRing) -> Result<(), Reject> {
    let hello = Hello::read(bytes)?;
    hello.check_time(now)?;
    hello.check_mac(ring)
}

#[test]
fn a_signed_hello_passes_and_tells_what_was_signed() {
    let bytes = Hello::sign(NOW, NONCE, &key(2, 7));
    let hello = Hello::read(&bytes).unwrap();
    assert_eq!((hello.time(), *hello.nonce(), hello.app(), hello.key()), (NOW, NONCE, AppId(2), KeyId(7)));
    assert_eq!(verdict(&bytes, NOW, &ring()), Ok(()));
}

#[test]
fn every_changed_bit_is_refused() {
    let good = Hello::sign(NOW, NONCE, &key(1, 2));
    for bit in 0..HELLO_BYTES * 8 {
        let mut bad = good;
        bad[bit / 8] ^= 0x80 >> (bit % 8);
        let expect = match bit / 8 {
            0..8 => vec![Reject::HelloMagic],
            // A small change of the clock stays in the window, so that only the MAC tells; the nonce's first half is the clock's mask.
            8..24 => vec![Reject::HelloTime, Reject::HelloMac],
            32..36 => vec![Reject::HelloKey],
            // Key 2 with its lowest bits changed is another key of the ring or none.
            36..38 => vec![Reject::HelloKey, Reject::HelloMac],
            38..40 => vec![Reject::HelloFlags],
            _ => vec![Reject::HelloMac],
        };
        let got = verdict(&bad, NOW, &ring()).unwrap_err();
        assert!(expect.contains(&got), "bit {bit}: {got:?}");
    }
}

#[test]
fn the_window_includes_its_edges() {
    let bytes = Hello::sign(NOW, NONCE, &key(1, 1));
    let check = |now: u64, expect| assert_eq!(Hello::read(&bytes).unwrap().check_time(UnixMs(now)), expect, "{now}");
    check(NOW.0 - 3000, Ok(()));
    check(NOW.0 + 3000, Ok(()));
    check(NOW.0 - 3001, Err(Reject::HelloTime));
    check(NOW.0 + 3001, Err(Reject::HelloTime));
    check(0, Err(Reject::HelloTime));
    check(u64::MAX, Err(Reject::HelloTime));
}

#[test]
fn a_prefix_is_refused_as_early_as_it_is_wrong() {
    let good = Hello::sign(NOW, NONCE, &key(1, 1));
    for len in 0..=HELLO_BYTES {
        assert_eq!(check_prefix(&good[..len], NOW), Ok(()), "{len}");
        let late = if len < TIMED_BYTES { Ok(()) } else { Err(Reject::HelloTime) };
        assert_eq!(check_prefix(&good[..len], UnixMs(NOW.0 + 3001)), late, "{len}");
    }
    for wrong in 0..8 {
        let mut bad = good;
        bad[wrong] ^= 1;
        assert_eq!(check_prefix(&bad[..wrong], NOW), Ok(()));
        assert_eq!(check_prefix(&bad[..=wrong], NOW), Err(Reject::HelloMagic));
    }
    assert_eq!(check_prefix(b"GET / HTTP/1.1\r\n", NOW), Err(Reject::HelloMagic));
}

#[test]
fn keys_live_side_by_side_and_can_be_replaced_and_removed() {
    let mut ring = ring();
    let old = Hello::sign(NOW, NONCE, &key(1, 1));
    let new = Hello::sign(NOW, NONCE, &key(1, 2));
    assert_eq!((verdict(&old, NOW, &ring), verdict(&new, NOW, &ring)), (Ok(()), Ok(())));

    ring.insert(HelloKey::new(AppId(1), KeyId(1), b"another secret of this key").unwrap()).unwrap();
    assert_eq!((verdict(&old, NOW, &ring), ring.len()), (Err(Reject::HelloMac), 3));

    assert!(ring.remove(AppId(1), KeyId(2)) && !ring.remove(AppId(1), KeyId(2)));
    assert_eq!(verdict(&new, NOW, &ring), Err(Reject::HelloKey));
    assert_eq!(verdict(&old, NOW, &KeyRing::new()), Err(Reject::HelloKey));
}

#[test]
fn a_ring_and_its_secrets_are_bounded() {
    let mut ring = KeyRing::new();
    for id in 0..KEYS_MAX as u16 {
        ring.insert(key(1, id)).unwrap();
    }
    assert_eq!(ring.insert(key(1, 999)), Err(KeyError::Full));
    assert_eq!(ring.insert(key(1, 0)), Ok(()), "a live key can be replaced in a full ring");

    let secret = |len| HelloKey::new(AppId(1), KeyId(1), &vec![1; len]).map(|_| ());
    assert_eq!((secret(15), secret(16), secret(64), secret(65)), (Err(KeyError::Short), Ok(()), Ok(()), Err(KeyError::Long)));
}

#[test]
fn no_secret_shows_in_debug() {
    let mut ring = KeyRing::new();
    ring.insert(HelloKey::new(AppId(1), KeyId(2), b"correct horse battery").unwrap()).unwrap();
    assert_eq!(format!("{ring:?}"), "KeyRing { keys: [HelloKey { app: AppId(1), key: KeyId(2), .. }] }");
}

/// The MAC is plain HMAC-SHA256: RFC 4231, test case 2, has a secret shorter than ours may be, so test case 1 is used.
#[test]
fn the_mac_is_hmac_sha256_of_rfc_4231() {
    let mut mac = HelloKey::new(AppId(0), KeyId(0), &[0x0b; 20]).unwrap().mac;
    mac.update(b"Hi There");
    let expect = [
        0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53, 0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b, 0x88, 0x1d, 0xc2, 0x00,
        0xc9, 0x83, 0x3d, 0xa7, 0x26, 0xe9, 0x37, 0x6c, 0x2e, 0x32, 0xcf, 0xf7,
    ];
    assert_eq!(mac.finalize().into_bytes()[..], expect);
}
