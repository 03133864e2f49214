//! The wall from outside, stage by stage: a hostile input for every refusal before a login, over real sockets. A refusal that is new has to find its
//! input here.

use std::sync::Arc;
use std::time::Duration;

use hillfort_guard::{Action, FingerprintList, Places, PostureRules, RegionRules, Regions};
use hillfort_proto::client_hello::{self as hellos, Scratch, Transport};
use hillfort_proto::frame::Framing;
use hillfort_proto::hello::{AppId, HelloKey, KeyId};
use hillfort_proto::limits::CLIENT_PAYLOAD_BYTES_MAX;
use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
use hillfort_proto::reject::{Reject, Stage};
use hillfort_proto::time::UnixMs;
use hillfort_proto::work::Puzzle;

use super::rig::{Client, Rig, SECRET, UPGRADE, guard_config, hello, hello_key, hello_of, rate};
use super::tls::{certificate, client_hello};
use crate::{Config, Door, EdgeThread, ServerNames};

/// Time for a hello: a machine that has more to do than this test must not run into it.
const PATIENCE: Duration = Duration::from_secs(60);

fn config() -> Config {
    Config { hello_patience: PATIENCE, login_patience: PATIENCE, ..super::rig::config() }
}

/// What strangers do, and what they are refused for: label and number.
type Met = (Rig, Vec<(&'static str, u64)>);

fn guarded(change: impl FnOnce(&mut hillfort_guard::Config)) -> Config {
    let mut guard = guard_config();
    change(&mut guard);
    Config { guard, ..config() }
}

/// Three connections that stay, of which the last is one too many.
fn three(config: Config) -> Rig {
    let mut rig = Rig::new(config);
    let clients = [rig.connect(), rig.connect(), rig.connect()];
    rig.until("a refusal", |rig| !rig.refusals().is_empty());
    drop(clients);
    rig
}

/// A connection that says `bytes`, and is waited for until it has ended.
fn says(rig: &mut Rig, door: Door, bytes: &[u8]) {
    let mut client = Client::new(std::net::TcpStream::connect(rig.addr(door)).unwrap());
    client.send(bytes);
    rig.until("the end", |_| {
        client.read();
        client.ended
    });
}

fn plain(bytes: &[u8]) -> Rig {
    let mut rig = Rig::new(config());
    says(&mut rig, Door::Frames, bytes);
    rig
}

/// A good hello, and then these bytes.
fn proven(bytes: &[u8]) -> Rig {
    plain(&[&hello()[..], bytes].concat())
}

/// A frame of so many bytes that are no message, changed.
fn frame(length: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    Framing::Tcp.put(&mut frame, length, |out| out.resize(out.len() + length, 0xFF));
    change(&mut frame);
    frame
}

/// A door with TLS, to which good ClientHellos are said until one is refused.
fn client_hellos(change: impl FnOnce(&mut Config)) -> Rig {
    let (certificate, client) = certificate();
    let mut config = Config { certificate: Some(certificate), ..config() };
    change(&mut config);
    let mut rig = Rig::new(config);
    let mut held = Vec::new();
    while rig.refusals().is_empty() {
        let mut one = rig.connect();
        one.send(&client_hello(&client));
        rig.until("an answer or an end", |_| {
            one.read();
            one.ended || !one.received.is_empty()
        });
        held.push(one);
    }
    rig
}

fn attacked() -> Config {
    let posture = PostureRules { offered_per_s: 1, refused_per_s: 1, quiet: Duration::from_secs(60) };
    guarded(|guard| (guard.posture, guard.work_bits) = (posture, 10))
}

/// A stranger whose login is answered by a challenge.
fn asked(rig: &mut Rig) -> (Client, Puzzle) {
    let mut client = rig.connect();
    client.send(&hello());
    client.say(ClientBody::Login { name: "ann" });
    let message = rig.next(&mut client);
    let ServerBody::Challenge { salt, bits } = ServerView::read(&message).unwrap().body else { panic!("no challenge") };
    (client, Puzzle::new(*salt, bits as u8))
}

/// The operator's table has loopback in a system that is refused.
fn elsewhere() -> Rig {
    let refuse = Places::new(vec![64_500], vec![]);
    let rules = RegionRules { refuse, ..RegionRules::default() };
    let mut rig = Rig::new(guarded(|guard| guard.regions = rules));
    let table = Regions::from_tsv("127.0.0.0\t127.255.255.255\t64500\tXA\tloopback\n").unwrap();
    let _none_before = rig.control.set_regions(Arc::new(table)).unwrap();
    rig.settle();
    says(&mut rig, Door::Frames, &[]);
    rig
}

fn met(reject: Reject) -> Met {
    let alone = |rig: Rig| (rig, vec![(reject.label(), 1)]);
    let of = |app, key, secret: &[u8]| hello_of(EdgeThread::unix_now(), &HelloKey::new(AppId(app), KeyId(key), secret).unwrap());
    let changed = |at: usize| {
        let mut bytes = hello();
        bytes[at] ^= 1;
        bytes
    };
    match reject {
        Reject::Banned => {
            let mut rig = Rig::new(config());
            let _done = rig.control.ban("127.0.0.1".parse().unwrap(), Duration::from_secs(60)).unwrap();
            rig.settle();
            says(&mut rig, Door::Frames, &hello());
            alone(rig)
        }
        Reject::ConnectRate => alone(three(guarded(|guard| guard.connect = rate(1, 2)))),
        Reject::SourceRate => alone(three(guarded(|guard| guard.source_connect = rate(1, 2)))),
        Reject::SourceConnections => alone(three(guarded(|guard| guard.source_open_max = 2))),
        Reject::NetworkConnections => alone(three(guarded(|guard| guard.network_open_max = 2))),
        Reject::ConnectionsFull => alone(three(guarded(|guard| guard.open_max = 2))),
        Reject::UnprovenShed => alone(three(Config { connections_max: 2, unproven_max: 2, ..config() })),
        Reject::Region => alone(elsewhere()),
        Reject::Reputation => {
            // One bad word, and the next connection of that address is not wanted.
            let mut rig = Rig::new(guarded(|guard| (guard.score_min, guard.tolerance) = (100, rate(1, 1_000))));
            says(&mut rig, Door::Frames, &of(7, 1, b"another secret of a test"));
            says(&mut rig, Door::Frames, &hello());
            (rig, vec![("reputation", 1), ("hello_mac", 1)])
        }
        Reject::ProxyHeader => {
            let mut rig = Rig::new(Config { proxies: vec!["127.0.0.0/8".parse().unwrap()], ..config() });
            says(&mut rig, Door::Frames, b"GET / HTTP/1.1\r\n");
            alone(rig)
        }
        Reject::Draining => {
            let mut rig = Rig::new(config());
            let _ann = rig.login("ann");
            let _done = rig.control.drain(Duration::from_secs(60)).unwrap();
            rig.settle();
            says(&mut rig, Door::Frames, &hello());
            alone(rig)
        }
        Reject::Tls => {
            let (certificate, client) = certificate();
            let mut rig = Rig::new(Config { certificate: Some(certificate), ..config() });
            says(&mut rig, Door::Frames, &[&client_hello(&client)[..], &[0x17, 3, 3, 0, 2, 0xFF, 0xFF]].concat());
            alone(rig)
        }
        Reject::WebSocket => {
            let mut rig = Rig::new(config());
            says(&mut rig, Door::Http, &[UPGRADE.as_bytes(), &[0xC2, 0x80, 0, 0, 0, 0]].concat());
            alone(rig)
        }
        Reject::Http => {
            let mut rig = Rig::new(config());
            says(&mut rig, Door::Http, b"\x00\x01 nonsense\r\n\r\n");
            alone(rig)
        }
        Reject::ClientHello => {
            let mut rig = Rig::new(Config { certificate: Some(certificate().0), ..config() });
            says(&mut rig, Door::Frames, &[22, 3, 1, 0x20, 0, 1, 0, 0x80, 0]);
            alone(rig)
        }
        Reject::ClientHelloSlow => {
            let mut rig = Rig::new(Config { certificate: Some(certificate().0), ..config() });
            let mut slow = rig.connect();
            slow.send(&[22, 3, 1]);
            rig.settle();
            rig.pass(PATIENCE + Duration::from_secs(1));
            alone(rig)
        }
        Reject::ServerName => {
            alone(client_hellos(|config| config.server_names = ServerNames::new(&["other.test"], true).unwrap()))
        }
        Reject::TlsRate => alone(client_hellos(|config| config.guard.handshakes = rate(1, 2))),
        Reject::FingerprintRate => alone(client_hellos(|config| config.guard.fingerprint = rate(1, 2))),
        Reject::Fingerprint => alone(client_hellos(|config| {
            let bytes = client_hello(&certificate().1);
            let mut scratch = Scratch::default();
            let ja4 = hellos::read(&bytes, &mut scratch).unwrap().unwrap().ja4(Transport::Tcp).bytes();
            config.guard.refused_ja4 = FingerprintList::new(vec![(ja4, Action::Refuse)]).unwrap();
        })),
        Reject::HelloMagic => alone(plain(b"SSH-2.0-scan\r\n")),
        Reject::HelloTime => alone(plain(&hello_of(UnixMs(EdgeThread::unix_now().0 - 10_000), &hello_key()))),
        Reject::HelloKey => alone(plain(&of(8, 1, SECRET))),
        Reject::HelloMac => alone(plain(&changed(71))),
        Reject::HelloFlags => alone(plain(&changed(39))),
        Reject::HelloReplay => {
            let (mut rig, overheard) = (Rig::new(config()), hello());
            let mut first = rig.connect();
            first.send(&overheard);
            rig.settle();
            says(&mut rig, Door::Frames, &overheard);
            alone(rig)
        }
        Reject::HelloSlow => {
            let mut rig = Rig::new(config());
            let mut slow = rig.connect();
            slow.send(&hello()[..40]);
            rig.settle();
            rig.pass(PATIENCE + Duration::from_secs(1));
            alone(rig)
        }
        Reject::HelloLength => {
            let mut rig = Rig::new(config());
            let mut client = rig.connect_http();
            rig.upgrade(&mut client);
            client.message(&hello()[..71]);
            rig.until("the refusal", |rig| !rig.refusals().is_empty());
            alone(rig)
        }
        Reject::Work => {
            let mut rig = Rig::new(attacked());
            let (mut client, puzzle) = asked(&mut rig);
            client.say(ClientBody::Work { nonce: (0..).find(|nonce| !puzzle.verify(*nonce)).unwrap() });
            rig.closed(&mut client);
            alone(rig)
        }
        Reject::WorkSlow => {
            let mut rig = Rig::new(attacked());
            let (mut client, _) = asked(&mut rig);
            rig.pass(PATIENCE + Duration::from_secs(1));
            rig.closed(&mut client);
            alone(rig)
        }
        Reject::FrameMagic => alone(proven(&frame(4, |frame| frame[0] ^= 1))),
        Reject::FrameVersion => alone(proven(&frame(4, |frame| frame[2] ^= 0x80))),
        Reject::FrameLength => alone(proven(&frame(CLIENT_PAYLOAD_BYTES_MAX + 1, |_| ()))),
        Reject::FrameCrc => alone(proven(&frame(4, |frame| frame[7] ^= 1))),
        Reject::Message => alone(proven(&frame(4, |_| ()))),
        other => panic!("{other:?} is refused before a login, and no input is known that meets it"),
    }
}

#[test]
fn each_refusal_before_a_login_is_met_by_a_hostile_input() {
    for reject in Reject::ALL {
        // Its own test starves a process of descriptors.
        let is_here = matches!(reject.stage(), Stage::Connect | Stage::Transport | Stage::Hello | Stage::Frame);
        if !is_here || *reject == Reject::Descriptors {
            continue;
        }
        let (rig, expect) = met(*reject);
        assert_eq!(rig.refusals(), expect, "{reject:?}");
        // Ann plays on while the server drains.
        let players = u64::from(*reject == Reject::Draining);
        assert_eq!(rig.stats.snapshot().sessions_live, players, "{reject:?} lets nobody in");
    }
}
