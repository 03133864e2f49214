//! What packets of unproven sources leave behind in the filter's maps: nothing that grows with their number. In the kernel, by trial runs.

use std::net::TcpListener;

use hillfort_bpf::Program;

use super::cost::{Sources, renew};
use super::stages::{ACK, FIN, RST, SYN};
use super::tests::{HIM4, SECRET, US4, cookies, in_kernel};
use super::{Rules, filter_after};
use crate::hints::Hints;
use crate::layout::source_key;
use crate::maps::{Maps, Shared};
use crate::packets::Frame;
use crate::verdict::{Mode, Verdict};

const PACKETS: u32 = 500_000;

/// Everything in the maps that have entries; the others are arrays, made whole at the start.
fn entries(maps: &Maps) -> (Vec<u8>, Vec<u8>, Vec<[u8; 20]>) {
    let (keys, values) = maps.bans.entries().unwrap();
    let (mut allowed, mut key) = (Vec::new(), [0; 20]);
    let mut more = maps.allow.next_key(None, &mut key).unwrap();
    while more {
        allowed.push(key);
        more = maps.allow.next_key(Some(&allowed[allowed.len() - 1]), &mut key).unwrap();
    }
    (keys, values, allowed)
}

/// Half a million packets of each kind, each from one of 16 million sources: no entry comes, goes or changes, in either mode.
#[test]
fn packets_of_unproven_sources_add_no_entry() {
    in_kernel("packets_of_unproven_sources_add_no_entry", || {
        cookies(2);
        let _listener = TcpListener::bind("[::]:7352").unwrap();
        let allow = ["192.0.2.0/24".parse().unwrap()];
        let maps = Maps::create(&allow).unwrap();
        let shared = Shared::of(&maps).unwrap();
        let ban = |ip: &str| {
            let key = source_key(ip.parse().unwrap());
            Hints::of(&maps.ban_hints, SECRET).unwrap().set(key);
            maps.bans.update(&key.to_ne_bytes(), &u64::MAX.to_ne_bytes()).unwrap().unwrap();
        };
        ban("203.0.113.200");
        let mut before = entries(&maps);
        assert_eq!((before.0.len(), before.1.len(), before.2.len()), (8, 8, 1));
        ban("203.0.113.201");
        assert_ne!(entries(&maps), before, "a ban is seen");
        before = entries(&maps);
        let rules = Rules { tcp_ports: &[7350, 7352], udp_ports: &[7353], allow: true, secret: SECRET };
        for (flags, mode, expect) in [
            (SYN, Mode::Passive, Verdict::Pass),
            (SYN, Mode::Flood, Verdict::CookieSent),
            (ACK, Mode::Passive, Verdict::Pass),
            (ACK, Mode::Flood, Verdict::DropNoSocket),
            (RST, Mode::Flood, Verdict::DropNoSocket),
            (FIN | ACK, Mode::Flood, Verdict::DropNoSocket),
            (SYN | FIN, Mode::Flood, Verdict::DropMalformed),
        ] {
            shared.set_mode(mode);
            let options = if flags == SYN { vec![2, 4, 5, 180] } else { vec![] };
            let mut frame = Frame { options, ..Frame::tcp(HIM4, US4, flags as u8) }.bytes();
            frame.resize(frame.len().max(60).next_multiple_of(4), 0);
            let program = Program::load_xdp("state", filter_after(renew(&frame, Sources::Random(24)), &maps, rules)).unwrap();
            let counted = shared.counters().of(mode, expect);
            program.test_run(&frame, PACKETS, None).unwrap();
            assert_eq!(shared.counters().of(mode, expect) - counted, u64::from(PACKETS), "{expect:?}");
            assert_eq!(entries(&maps), before, "{mode:?}, {expect:?}");
        }
    });
}
