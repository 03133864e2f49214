//! Hellos that must be refused, and the bytes that follow a good one. Knows nothing of sockets.

use hillfort_proto::frame::{Framing, write_header};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId};
use hillfort_proto::limits::{CLIENT_PAYLOAD_BYTES_MAX, HELLO_BYTES};
use hillfort_proto::message::{ClientBody, ClientView, Encode as _};
use hillfort_proto::time::UnixMs;

use crate::random::Random;

/// A hello with fault number `n`: magic, time, key, MAC in turn.
pub(super) fn bad_hello(n: u64, now: UnixMs, signer: &HelloKey, random: &mut Random) -> [u8; HELLO_BYTES] {
    let mut nonce = [0; 16];
    random.fill(&mut nonce);
    match n % 4 {
        0 => {
            let mut bytes = [0; HELLO_BYTES];
            random.fill(&mut bytes);
            // One chance in 2^64 to hit the magic is one too many for a test.
            bytes[0] = b'?';
            bytes
        }
        1 => Hello::sign(UnixMs(now.0.saturating_sub(60_000)), nonce, signer),
        2 => {
            let stranger = HelloKey::new(AppId(u32::MAX), KeyId(u16::MAX), &[0x5a; 32]).expect("32 bytes are a secret");
            Hello::sign(now, nonce, &stranger)
        }
        _ => {
            let mut bytes = Hello::sign(now, nonce, signer);
            bytes[HELLO_BYTES - 1] ^= 1;
            bytes
        }
    }
}

/// A login, framed.
pub(super) fn login(name: &str) -> Vec<u8> {
    let mut out = vec![];
    ClientView::unsequenced(ClientBody::Login { name }).put(Framing::Tcp, &mut out);
    out
}

/// A goodbye, framed.
pub(super) fn bye() -> Vec<u8> {
    let mut out = vec![];
    ClientView::unsequenced(ClientBody::Bye).put(Framing::Tcp, &mut out);
    out
}

/// Header of a frame that must be refused: just over the limit, far over it, wrong checksum, in turn; some payload follows.
pub(super) fn bad_frame(n: u64) -> Vec<u8> {
    let limit = CLIENT_PAYLOAD_BYTES_MAX as u32;
    let mut header = match n % 3 {
        0 => write_header(limit + 1),
        1 => write_header(u32::MAX),
        _ => write_header(16),
    };
    if n % 3 == 2 {
        header[7] ^= 0xff;
    }
    let mut bytes = header.to_vec();
    bytes.extend([0x5a; 16]);
    bytes
}

#[cfg(test)]
mod tests {
    use hillfort_proto::frame;
    use hillfort_proto::hello::KeyRing;
    use hillfort_proto::reject::Reject;

    use super::*;

    fn verdict(bytes: &[u8; HELLO_BYTES], now: UnixMs, ring: &KeyRing) -> Result<(), Reject> {
        let hello = Hello::read(bytes)?;
        hello.check_time(now)?;
        hello.check_mac(ring)
    }

    #[test]
    fn each_bad_hello_has_its_own_fault() {
        let signer = HelloKey::new(AppId(1), KeyId(1), &[7; 32]).expect("a secret");
        let mut ring = KeyRing::default();
        ring.insert(signer.clone()).expect("room for one");
        let (now, mut random) = (UnixMs(1_700_000_000_000), Random::new(1));
        let faults = [Reject::HelloMagic, Reject::HelloTime, Reject::HelloKey, Reject::HelloMac];
        for (n, fault) in faults.into_iter().cycle().take(40).enumerate() {
            let hello = bad_hello(n as u64, now, &signer, &mut random);
            assert_eq!(verdict(&hello, now, &ring), Err(fault), "{n}");
        }
    }

    #[test]
    fn each_bad_frame_has_its_fault() {
        let check = |n, expect| assert_eq!(frame::read(&bad_frame(n), CLIENT_PAYLOAD_BYTES_MAX).err(), Some(expect), "{n}");
        check(0, Reject::FrameLength);
        check(1, Reject::FrameLength);
        check(2, Reject::FrameCrc);
        check(3, Reject::FrameLength);
    }
}
