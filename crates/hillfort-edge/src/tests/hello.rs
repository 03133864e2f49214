//! Bad beginnings: each gets its stated refusal, and changes nothing.

use std::time::Duration;

use hillfort_proto::hello::{AppId, HelloKey, KeyId};
use hillfort_proto::message::ClientBody;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::UnixMs;

use super::rig::*;
use crate::EdgeThread;

/// Sends `bytes` and checks how it ends. `explained`: the client is told by a Close, otherwise it is reset.
fn check(rig: &mut Rig, bytes: &[u8], expect: Reject, explained: bool) {
    let (before, mut client) = (rig.refused(expect), rig.connect());
    client.send(bytes);
    let closed = rig.closed(&mut client);
    assert_eq!(closed, explained.then_some(expect), "{expect}");
    assert_eq!(client.reset, !explained, "{expect}");
    assert_eq!(rig.refused(expect), before + 1, "{expect}");
    let snapshot = rig.stats.snapshot();
    assert_eq!((snapshot.open_frames, snapshot.sessions_live, snapshot.frames_in), (0, 0, 0), "{expect}");
    assert_eq!(rig.edge.sessions.next_sweep(), None, "{expect} leaves no record");
    assert_eq!(rig.told(), None);
}

#[test]
fn each_bad_hello_has_its_refusal() {
    let mut rig = Rig::new(config());
    let now = EdgeThread::unix_now();
    let changed = |at: usize| {
        let mut bytes = hello();
        bytes[at] ^= 1;
        bytes
    };
    let of = |app, key, secret: &[u8]| hello_of(now, &HelloKey::new(AppId(app), KeyId(key), secret).unwrap());
    // As soon as a wrong byte is there.
    check(&mut rig, b"X", Reject::HelloMagic, false);
    check(&mut rig, b"GET / HTTP/1.1\r\n", Reject::HelloMagic, false);
    check(&mut rig, &changed(7), Reject::HelloMagic, false);
    let stale = hello_of(UnixMs(now.0 - 10_000), &hello_key());
    check(&mut rig, &stale[..24], Reject::HelloTime, true);
    check(&mut rig, &stale, Reject::HelloTime, true);
    check(&mut rig, &hello_of(UnixMs(now.0 + 10_000), &hello_key()), Reject::HelloTime, true);
    check(&mut rig, &changed(39), Reject::HelloFlags, true);
    check(&mut rig, &of(8, 1, SECRET), Reject::HelloKey, true);
    check(&mut rig, &of(7, 2, SECRET), Reject::HelloKey, true);
    check(&mut rig, &of(7, 1, b"another secret of a test"), Reject::HelloMac, true);
    check(&mut rig, &changed(71), Reject::HelloMac, true);
    // Known once, good once.
    let seen = hello();
    let mut first = rig.connect();
    first.send(&seen);
    first.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut first);
    let mut again = rig.connect();
    again.send(&seen);
    assert_eq!(rig.closed(&mut again), Some(Reject::HelloReplay));
}

#[test]
fn a_hello_may_come_in_pieces() {
    let mut rig = Rig::new(config());
    let mut client = rig.connect();
    for byte in hello() {
        client.send(&[byte]);
        rig.settle();
    }
    client.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut client);
    assert_eq!(rig.refusals(), []);
}

#[test]
fn slow_hellos_and_logins_end() {
    let mut rig = Rig::new(config());
    let (mut silent, mut half, mut proven) = (rig.connect(), rig.connect(), rig.connect());
    half.send(&hello()[..40]);
    proven.send(&hello());
    rig.settle();
    assert_eq!(rig.stats.snapshot().unproven, 3);
    rig.pass(Duration::from_millis(2_500));
    assert_eq!(rig.refusals(), []);
    rig.pass(Duration::from_millis(600));
    assert_eq!((rig.closed(&mut silent), rig.closed(&mut half)), (None, None));
    assert_eq!(rig.refusals(), [("hello_slow", 2)]);
    rig.pass(Duration::from_millis(6_500));
    assert_eq!(rig.stats.snapshot().unproven, 1);
    rig.pass(Duration::from_millis(600));
    assert_eq!(rig.closed(&mut proven), Some(Reject::LoginSlow));
    assert_eq!(rig.refusals(), [("hello_slow", 2), ("login_slow", 1)]);
    rig.pass(Duration::from_secs(3));
    let snapshot = rig.stats.snapshot();
    assert_eq!((snapshot.open_frames, snapshot.unproven), (0, 0));
}
