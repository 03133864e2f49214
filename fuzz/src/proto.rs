//! Targets that read bytes: hello, frame, message. What was read must be what stands there.

use std::sync::LazyLock;

use hillfort_proto::frame::{self as frames, Framing};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing, check_prefix};
use hillfort_proto::limits::HELLO_BYTES;
use hillfort_proto::message::schema::{ClientMessage, ServerMessage};
use hillfort_proto::message::{ClientView, Encode, ServerView};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::UnixMs;
use prost::Message;

/// The clock and the key of the test vectors.
const NOW: UnixMs = UnixMs(1_763_700_000_000);
static KEY: LazyLock<HelloKey> =
    LazyLock::new(|| HelloKey::new(AppId(1), KeyId(1), b"hillfort-development-key").expect("a good secret"));
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut ring = KeyRing::new();
    ring.insert(KEY.clone()).expect("room for one");
    ring
});

/// A hello: every check is total, early refusal agrees with late refusal, and only what the key signed passes.
pub fn hello(data: &[u8]) {
    let early = check_prefix(data, NOW);
    let Some(bytes) = data.first_chunk::<HELLO_BYTES>() else { return };
    let read = Hello::read(bytes);
    assert_eq!(early == Err(Reject::HelloMagic), read.err() == Some(Reject::HelloMagic));
    let Ok(hello) = read else { return };
    assert_eq!(early, hello.check_time(NOW));
    if hello.check_mac(&RING).is_ok() {
        assert_eq!(Hello::sign(hello.time(), *hello.nonce(), &KEY), *bytes);
    }
}

/// A stream of frames: a prefix never says more than the whole, and what was read is written back byte for byte.
pub fn frame(data: &[u8]) {
    const PAYLOAD_MAX: usize = 4096;
    let whole = frames::read(data, PAYLOAD_MAX);
    for len in 0..data.len().min(16) {
        match frames::read(&data[..len], PAYLOAD_MAX) {
            Ok(None) => {}
            Ok(Some(part)) => assert_eq!(whole, Ok(Some(part))),
            Err(reject) => assert_eq!(whole, Err(reject)),
        }
    }
    if let Ok(Some(frame)) = whole {
        assert!(frame.payload.len() <= PAYLOAD_MAX);
        let mut again = Vec::new();
        Framing::Tcp.put(&mut again, frame.payload.len(), |out| out.extend_from_slice(frame.payload));
        assert_eq!(again, data[..frame.consumed]);
    }
}

/// A payload in both directions: what the borrowed form reads is what prost reads, and is read again after it was written.
pub fn message(data: &[u8]) {
    if let Ok(view) = ClientView::read(data) {
        let again = written(&view);
        assert_eq!(ClientView::read(&again), Ok(view));
        assert_eq!(ClientMessage::decode(data).ok(), ClientMessage::decode(&again[..]).ok());
        let _either_way = view.body.check();
    }
    if let Ok(view) = ServerView::read(data) {
        let again = written(&view);
        assert_eq!(ServerView::read(&again), Ok(view));
        assert_eq!(ServerMessage::decode(data).ok(), ServerMessage::decode(&again[..]).ok());
    }
}

fn written(message: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    message.put(Framing::Bare, &mut out);
    assert_eq!(out.len(), message.encoded_len());
    out
}
