//! The instructions against the kernel: each verdict by a trial run, and thousands of random frames against the model. Without
//! privileges these tests say so and pass.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::{fs, thread};

use hillfort_bpf::{Program, TestRun, own_network};
use hillfort_testkit::seed::Seed;
use ipnet::IpNet;

use super::Rules;
use super::stages::{ACK, FIN, RST, SYN};
use crate::attach::load;
use crate::hints::Hints;
use crate::layout::{PORTS_MAX, source_key};
use crate::maps::{Maps, Shared, half};
use crate::model::{self, Counted, Owner, Sockets, World};
use crate::packets::Frame;
use crate::sketch::{SIGNATURES, SOURCES, Secret, count};
use crate::verdict::{Mode, Verdict};

const TCP_PORTS: &[u16] = &[7350, 7352];
const UDP_PORTS: &[u16] = &[7353];
pub(super) const SECRET: Secret = Secret { xor: 0x1234_5678_9ABC_DEF0, multiplier: 0x9E37_79B9_7F4A_7C15 };

/// The filter in the kernel, without an interface.
struct Rig {
    maps: Maps,
    program: Program,
    shared: Shared,
}

impl Rig {
    fn new(allow: &[IpNet]) -> Self {
        let rules = Rules { tcp_ports: TCP_PORTS, udp_ports: UDP_PORTS, allow: !allow.is_empty(), secret: SECRET };
        let (maps, program) = load(allow, rules).unwrap();
        let shared = Shared::of(&maps).unwrap();
        Self { maps, program, shared }
    }

    fn ban(&self, ip: &str, until: u64) {
        let key = source_key(ip.parse().unwrap());
        Hints::of(&self.maps.ban_hints, SECRET).unwrap().set(key);
        self.maps.bans.update(&key.to_ne_bytes(), &until.to_ne_bytes()).unwrap().unwrap();
    }

    /// Verdict by the counter that moved.
    fn run(&self, frame: &[u8]) -> (Verdict, TestRun) {
        let before = self.shared.counters();
        let run = self.program.test_run(frame, 1, None).unwrap();
        let after = self.shared.counters();
        let moved = |verdict: &Verdict| after.total(*verdict) != before.total(*verdict);
        let verdicts: Vec<Verdict> = Verdict::ALL.into_iter().filter(moved).collect();
        assert_eq!(verdicts.len(), 1, "{verdicts:?} for {frame:02x?}");
        assert_eq!(run.verdict, verdicts[0].action() as u32);
        (verdicts[0], run)
    }
}

/// Runs where bpf(2) and namespaces are allowed, in a namespace of its own with loopback up; else says that it did not.
pub(super) fn in_kernel(test: &str, work: impl FnOnce() + Send) {
    if let Err(error) = Maps::create(&[]) {
        eprintln!("NOT RUN: {test}: {error}");
        return;
    }
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            own_network().unwrap();
            assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
            work();
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn privileges() {
    match Maps::create(&[]) {
        Ok(_) => eprintln!("bpf(2) is allowed: the filter's verdicts are tried in the kernel"),
        Err(error) => eprintln!("NOT RUN: the filter's verdicts in the kernel: {error}"),
    }
}

pub(super) fn cookies(value: u8) {
    fs::write("/proc/sys/net/ipv4/tcp_syncookies", value.to_string()).unwrap();
}

pub(super) const US4: &str = "203.0.113.1:7352";
pub(super) const US6: &str = "[2001:db8:ff::1]:7352";
pub(super) const HIM4: &str = "198.51.100.7:40000";
pub(super) const HIM6: &str = "[2001:db8:1:2::7]:40000";

fn syn4() -> Frame {
    Frame::tcp(HIM4, US4, SYN as u8)
}

fn syn6() -> Frame {
    Frame::tcp(HIM6, US6, SYN as u8)
}

/// What the sockets of the flood tests say: one listener on all addresses, and connections to it.
struct Listening {
    port: u16,
    lends: bool,
    connections: Vec<(SocketAddr, SocketAddr)>,
    proofs: Vec<(SocketAddr, SocketAddr)>,
}

impl Sockets for Listening {
    fn lookup(&self, from: SocketAddr, to: SocketAddr) -> Owner {
        if self.connections.contains(&(from, to)) {
            return Owner::Connection;
        }
        match to.port() == self.port {
            true => Owner::Listener { lends: self.lends, proves: self.proofs.contains(&(from, to)) },
            false => Owner::Nobody,
        }
    }
}

/// In flood mode a SYN is turned into the answer that the model writes, byte by byte.
#[test]
fn flood_mode_answers_as_the_model_does() {
    in_kernel("flood_mode_answers_as_the_model_does", || {
        cookies(2);
        let _listener = TcpListener::bind("[::]:7352").unwrap();
        let rig = Rig::new(&[]);
        rig.shared.set_mode(Mode::Flood);
        let mss = |mss: u16| [&[2, 4][..], &mss.to_be_bytes()].concat();
        let frames = [
            ("as Linux sends it", syn4()),
            ("IPv6", syn6()),
            ("with data", Frame { payload: vec![9; 700], ..syn4() }),
            ("with data, IPv6", Frame { payload: vec![9; 700], ..syn6() }),
            ("without options", Frame { options: vec![], ..syn4() }),
            ("without options, IPv6", Frame { options: vec![], ..syn6() }),
            ("without MSS", Frame { options: vec![1, 1, 4, 2], ..syn4() }),
            ("small MSS", Frame { options: mss(536), ..syn4() }),
            ("MSS 0", Frame { options: mss(0), ..syn6() }),
            ("jumbo", Frame { options: mss(8960), ..syn6() }),
            ("IP options", Frame { ip_extra: vec![1; 40], ..syn4() }),
            ("extension", Frame { first_next: Some(60), ip_extra: vec![6, 0, 1, 4, 0, 0, 0, 0], ..syn6() }),
            ("no length said", Frame { ip_len: Some(0), ..syn4() }),
            ("no length said, IPv6", Frame { ip_len: Some(0), ..syn6() }),
            ("last number", Frame { seq: u32::MAX, ..syn4() }),
        ];
        for (name, frame) in frames {
            for tags in [&[][..], &[0x8100], &[0x88A8, 0x8100]] {
                for padding in [0, 6] {
                    let mut bytes = Frame { tags: tags.to_vec(), ..frame.clone() }.bytes();
                    bytes.extend(vec![0; padding]);
                    let (verdict, run) = rig.run(&bytes);
                    assert_eq!(verdict, Verdict::CookieSent, "{name}");
                    check_answer(&bytes, &run.packet, name);
                }
            }
        }
        let verdict = |from: &str, to: &str, flags: i32| rig.run(&Frame::tcp(from, to, flags as u8).bytes()).0;
        assert_eq!(verdict(HIM4, "203.0.113.1:7350", SYN), Verdict::PassOther, "nobody listens there: it is for somebody else");
        assert_eq!(verdict(HIM4, "203.0.113.1:22", SYN), Verdict::PassOther);
        for flags in [ACK, ACK | 8, ACK | FIN, RST, RST | ACK, SYN | ACK] {
            assert_eq!(verdict(HIM4, US4, flags), Verdict::DropNoSocket, "flags {flags:#x}");
            assert_eq!(verdict(HIM6, US6, flags), Verdict::DropNoSocket, "flags {flags:#x}");
        }
    });
}

/// Compares an answer with the model's, which gets cookie and MSS from it. The checksums are the model's own.
fn check_answer(frame: &[u8], answer: &[u8], name: &str) {
    let packet = model::parse(frame, TCP_PORTS, UDP_PORTS).unwrap();
    let tcp = packet.l3 + if packet.to.is_ipv6() { 40 } else { 20 };
    let cookie = u32::from_be_bytes(answer[tcp + 4..tcp + 8].try_into().unwrap());
    let mss = if answer[tcp + 12] == 0x60 { u16::from_be_bytes([answer[tcp + 22], answer[tcp + 23]]) } else { 0 };
    let expect = model::answer(frame, &packet, cookie, mss).unwrap();
    assert_eq!(answer, expect, "{name}");
    // Of the values that a cookie can say (net/ipv4/syncookies.c, net/ipv6/syncookies.c), none more than a frame carries.
    let allowed: &[u16] = if packet.to.is_ipv6() { &[0, 1220, 1420, 1440] } else { &[0, 536, 1300, 1440, 1460] };
    assert!(allowed.contains(&mss), "{name}: MSS {mss}");
    assert!(answer.len() <= frame.len());
}

/// With `tcp_syncookies` at 1 and room in the queue, and at 0, the kernel lends no cookie: it gets the SYN.
#[test]
fn without_a_cookie_the_kernel_gets_the_syn() {
    in_kernel("without_a_cookie_the_kernel_gets_the_syn", || {
        let _listener = TcpListener::bind("[::]:7352").unwrap();
        let rig = Rig::new(&[]);
        rig.shared.set_mode(Mode::Flood);
        for setting in [0, 1] {
            cookies(setting);
            for frame in [syn4(), syn6()] {
                let (verdict, run) = rig.run(&frame.bytes());
                assert_eq!((verdict, run.packet), (Verdict::PassNoCookie, frame.bytes()), "tcp_syncookies {setting}");
            }
        }
    });
}

/// A connection that exists passes in flood mode, both ways of addressing it, and so does the ACK that brings back a cookie.
#[test]
fn flood_mode_lets_through_what_has_a_socket() {
    in_kernel("flood_mode_lets_through_what_has_a_socket", || {
        cookies(2);
        let listener = TcpListener::bind("[::]:7352").unwrap();
        let rig = Rig::new(&[]);
        for host in ["127.0.0.1", "[::1]"] {
            rig.shared.set_mode(Mode::Flood);
            let to = format!("{host}:7352");
            let client = TcpStream::connect(&to).unwrap();
            let _accepted = listener.accept().unwrap();
            let from = client.local_addr().unwrap().to_string();
            let check = |from: &str, flags: i32, expect| {
                let frame = Frame { seq: 7, ack: 9, ..Frame::tcp(from, &to, flags as u8) };
                assert_eq!(rig.run(&frame.bytes()).0, expect, "{from}, flags {flags:#x}");
            };
            for flags in [ACK, ACK | 8, ACK | FIN, RST] {
                check(&from, flags, Verdict::Pass);
            }
            check(&from, SYN, Verdict::Pass); // the kernel answers with a challenge (RFC 5961 §4)
            let stranger = format!("{host}:9");
            check(&stranger, ACK, Verdict::DropNoSocket);

            let syn = Frame::tcp(&stranger, &to, SYN as u8);
            let (verdict, run) = rig.run(&syn.bytes());
            assert_eq!(verdict, Verdict::CookieSent);
            let tcp = if host == "[::1]" { 54 } else { 34 };
            let cookie = u32::from_be_bytes(run.packet[tcp + 4..tcp + 8].try_into().unwrap());
            let ack = |ack: u32| {
                let frame = Frame { seq: syn.seq + 1, ack, ..Frame::tcp(&stranger, &to, ACK as u8) };
                rig.run(&frame.bytes()).0
            };
            assert_eq!(ack(cookie.wrapping_add(1)), Verdict::Pass, "{host}: the ACK brings back the cookie");
            assert_eq!(ack(cookie.wrapping_add(1001)), Verdict::DropNoSocket, "{host}: another number is none");
        }
    });
}

/// Random frames, near to good ones and far from them: instructions and model agree on verdict, answer and what is counted.
#[test]
fn random_frames_meet_the_verdict_of_the_model() {
    in_kernel("random_frames_meet_the_verdict_of_the_model", || {
        cookies(2);
        let _listener = TcpListener::bind("[::]:7352").unwrap();
        let allow: Vec<IpNet> = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8:a::/48".parse().unwrap()];
        let banned: Vec<IpAddr> = ["198.51.100.66", "2001:db8:6:6::"].map(|ip| ip.parse().unwrap()).to_vec();
        let rigs = [Mode::Passive, Mode::Flood].map(|mode| {
            let rig = Rig::new(&allow);
            rig.shared.set_mode(mode);
            banned.iter().for_each(|ip| rig.ban(&ip.to_string(), u64::MAX));
            rig
        });
        let mut world =
            World { tcp_ports: TCP_PORTS.to_vec(), udp_ports: UDP_PORTS.to_vec(), allow, banned, mode: Mode::Passive };
        let sockets = Listening { port: 7352, lends: true, connections: vec![], proofs: vec![] };
        let cells = |count: usize| (0..count * 2).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        let (sources, networks, signatures) = (cells(SOURCES.cells()), cells(SOURCES.cells()), cells(SIGNATURES.cells()));
        let starts: Vec<Vec<u8>> = forms().into_iter().map(|(_, frame, _)| frame.bytes()).collect();
        let mut met = [0_usize; Verdict::ALL.len()];
        for number in 0..30_000 {
            let mut seed = Seed::new(number);
            let frame = random_frame(&mut seed, &starts);
            world.mode = if seed.one_in(2) { Mode::Flood } else { Mode::Passive };
            let rig = &rigs[world.mode as usize];
            let (expect, counted) = model::judge(&frame, &world, &sockets);
            let (verdict, run) = rig.run(&frame);
            assert_eq!(verdict, expect, "seed {number}: {frame:02x?}");
            met[verdict as usize] += 1;
            match verdict {
                Verdict::CookieSent => check_answer(&frame, &run.packet, "random"),
                _ => assert_eq!(run.packet, frame, "seed {number}"),
            }
            // In flood mode chance decides what is counted.
            if let (Mode::Passive, Some(Counted { source, network, signature })) = (world.mode, counted) {
                count(SOURCES, SECRET, &sources, source);
                count(SOURCES, SECRET, &networks, network);
                signature.into_iter().for_each(|signature| count(SIGNATURES, SECRET, &signatures, signature));
            }
        }
        let numbers = |words: &[AtomicU64]| words.iter().map(|word| word.load(Relaxed)).collect::<Vec<_>>();
        assert_eq!(numbers(half(rigs[0].shared.sources.cells(), SOURCES.cells(), 0)), numbers(&sources));
        assert_eq!(numbers(half(rigs[0].shared.networks.cells(), SOURCES.cells(), 0)), numbers(&networks));
        // Trial runs may move from CPU to CPU, and each has signatures of its own: their totals add up.
        let totals =
            |words: &[AtomicU64]| words.iter().skip(1).step_by(2).map(|word| word.load(Relaxed) & 0xFFFF_FFFF).sum::<u64>();
        assert_eq!(totals(rigs[0].shared.signatures.cells()), totals(&signatures));
        for verdict in Verdict::ALL {
            assert!(met[verdict as usize] > 50 || verdict == Verdict::PassNoCookie, "{verdict:?}: {met:?}");
        }
    });
}

fn random_frame(seed: &mut Seed, starts: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = starts[seed.below(starts.len())].clone();
    for _ in 0..seed.below(4) {
        let at = seed.below(frame.len());
        match seed.below(8) {
            0 => frame[at] = seed.number() as u8,
            1 => frame[at] ^= 1 << seed.below(8),
            2 => frame[at] = [0, 1, 2, 6, 17, 0x7F, 0x80, 0xFF][seed.below(8)],
            3 => frame.truncate(at.max(14)),
            4 => frame.insert(at, seed.number() as u8),
            5 => drop(frame.remove(at)),
            6 => frame.extend(seed.bytes(40)),
            _ => {
                // A random address, so that the sketches see many keys.
                let place = if frame.len() > 30 { 26 } else { at };
                frame[place..].iter_mut().take(4).for_each(|byte| *byte = seed.number() as u8);
            }
        }
        frame.resize(frame.len().max(14), 0);
    }
    frame
}

/// Every form of packet in passive mode, and its verdict. IPv4 and IPv6, untagged and with one and two tags.
#[test]
fn each_form_meets_its_verdict() {
    in_kernel("each_form_meets_its_verdict", || {
        let rig = Rig::new(&["192.0.2.0/24".parse().unwrap(), "2001:db8:a::/48".parse().unwrap()]);
        rig.ban("198.51.100.66", u64::MAX);
        rig.ban("198.51.100.67", 1);
        rig.ban("2001:db8:6:6::", u64::MAX);
        rig.ban("192.0.2.5", u64::MAX);
        for (name, frame, expect) in forms() {
            for tags in [&[][..], &[0x8100], &[0x88A8, 0x8100]] {
                let mut frame = frame.clone();
                frame.tags = tags.to_vec();
                assert_eq!(rig.run(&frame.bytes()).0, expect, "{name}, tags {tags:x?}");
            }
        }
        for (name, bytes, expect) in raw_forms() {
            assert_eq!(rig.run(&bytes).0, expect, "{name}");
        }
    });
}

/// The model says the same of the same forms: runs without privileges.
#[test]
fn the_model_knows_each_form() {
    let world = World {
        tcp_ports: TCP_PORTS.to_vec(),
        udp_ports: UDP_PORTS.to_vec(),
        allow: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8:a::/48".parse().unwrap()],
        banned: ["198.51.100.66", "2001:db8:6:6::", "192.0.2.5"].map(|ip| ip.parse().unwrap()).to_vec(),
        mode: Mode::Passive,
    };
    let frames = forms().into_iter().map(|(name, frame, expect)| (name, frame.bytes(), expect));
    for (name, bytes, expect) in frames.chain(raw_forms()) {
        assert_eq!(model::judge(&bytes, &world, &NoSockets).0, expect, "{name}");
    }
}

/// Each form is an input of the fuzz target `packet`, behind a byte that chooses a world. `UPDATE_CORPUS=1` writes them anew.
#[test]
fn each_form_is_in_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/packet");
    let update = std::env::var_os("UPDATE_CORPUS").is_some();
    let frames = forms().into_iter().map(|(name, frame, _)| (name, frame.bytes()));
    for (place, (name, bytes)) in frames.chain(raw_forms().into_iter().map(|(name, bytes, _)| (name, bytes))).enumerate() {
        let path = folder.join(name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let input = [&[place as u8][..], &bytes].concat();
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &input).unwrap();
        }
        assert!(fs::read(&path).is_ok_and(|found| found == input), "{}: run with UPDATE_CORPUS=1", path.display());
    }
}

/// Whatever is watched: the kernel takes no program with instructions that are never reached.
#[test]
fn every_choice_of_ports_makes_a_program() {
    in_kernel("every_choice_of_ports_makes_a_program", || {
        let many: Vec<u16> = (1..=PORTS_MAX as u16).collect();
        for tcp_ports in [&[][..], &[7352], &many] {
            for udp_ports in [&[][..], &[7353], &many] {
                if tcp_ports.is_empty() && udp_ports.is_empty() {
                    continue; // attaching refuses it
                }
                for allow in [&[][..], &["192.0.2.0/24".parse().unwrap()]] {
                    let rules = Rules { tcp_ports, udp_ports, allow: !allow.is_empty(), secret: SECRET };
                    load(allow, rules).unwrap();
                }
            }
        }
    });
}

struct NoSockets;

impl Sockets for NoSockets {
    fn lookup(&self, _: SocketAddr, _: SocketAddr) -> Owner {
        Owner::Nobody
    }
}

fn forms() -> Vec<(&'static str, Frame, Verdict)> {
    use Verdict::*;
    let tcp4 = |flags: i32| Frame::tcp(HIM4, US4, flags as u8);
    let tcp6 = |flags: i32| Frame::tcp(HIM6, US6, flags as u8);
    let udp4 = |payload: &[u8]| Frame::udp(HIM4, "203.0.113.1:7353", payload);
    let udp6 = |payload: &[u8]| Frame::udp(HIM6, "[2001:db8:ff::1]:7353", payload);
    let from4 = |from: &str| Frame::tcp(from, US4, SYN as u8);
    let from6 = |from: &str| Frame::tcp(from, US6, SYN as u8);
    // Extension headers of 8 bytes, the last of which says TCP.
    let extended = |kinds: &[u8]| {
        let mut frame = syn6();
        frame.first_next = kinds.first().copied();
        for place in 0..kinds.len() {
            frame.ip_extra.extend([kinds.get(place + 1).copied().unwrap_or(6), 0, 0, 0, 0, 0, 0, 0]);
        }
        frame
    };
    let fragment6 = |place: u16, next: u8| {
        let mut frame = syn6();
        (frame.first_next, frame.ip_extra) = (Some(44), [&[next, 0][..], &place.to_be_bytes(), &[0; 4]].concat());
        frame
    };
    vec![
        ("syn", syn4(), Pass),
        ("syn, IPv6", syn6(), Pass),
        ("syn to the other port", Frame::tcp(HIM4, "203.0.113.1:7350", SYN as u8), Pass),
        ("syn to a port of others", Frame::tcp(HIM4, "203.0.113.1:22", SYN as u8), PassOther),
        ("syn to a port of others, IPv6", Frame::tcp(HIM6, "[2001:db8:ff::1]:22", SYN as u8), PassOther),
        ("syn to the UDP port", Frame::tcp(HIM4, "203.0.113.1:7353", SYN as u8), PassOther),
        ("syn without options", Frame { options: vec![], ..syn4() }, Pass),
        ("syn with data", Frame { payload: vec![7; 500], ..syn6() }, Pass),
        ("syn with ECN", tcp4(SYN | 0xC0), Pass),
        ("syn behind IP options", Frame { ip_extra: vec![1; 40], ..syn4() }, Pass),
        ("syn with broken options", Frame { options: vec![2, 0, 0, 0], ..syn4() }, Pass),
        ("ack", tcp4(ACK), Pass),
        ("data", Frame { payload: vec![1; 100], ..tcp4(ACK | 8) }, Pass),
        ("fin", tcp6(FIN | ACK), Pass),
        ("reset", tcp4(RST), Pass),
        ("reset and ack", tcp4(RST | ACK), Pass),
        ("syn and ack", tcp4(SYN | ACK), Pass),
        ("syn and fin", tcp4(SYN | FIN), DropMalformed),
        ("syn and fin, IPv6", tcp6(SYN | FIN), DropMalformed),
        ("syn and rst", tcp4(SYN | RST), DropMalformed),
        ("syn, ack and fin", tcp4(SYN | ACK | FIN), DropMalformed),
        ("no flag", tcp4(0), DropMalformed),
        ("fin alone", tcp4(FIN), DropMalformed),
        ("christmas tree", tcp4(FIN | 8 | 0x20), DropMalformed),
        ("all flags", tcp6(0x3F), DropMalformed),
        ("flags of others are not looked at", Frame::tcp(HIM4, "203.0.113.1:22", 0), PassOther),
        ("header too short", Frame { data_offset: Some(4), ..syn4() }, DropMalformed),
        ("header longer than the packet", Frame { data_offset: Some(15), ..syn4() }, DropMalformed),
        ("header longer than the packet, IPv6", Frame { data_offset: Some(11), ..syn6() }, DropMalformed),
        ("from port 0", from4("198.51.100.7:0"), DropMalformed),
        ("land", from4(US4), DropMalformed),
        ("land, IPv6", from6(US6), DropMalformed),
        ("own address, other port", from4("203.0.113.1:7000"), Pass),
        ("own port, other address", from6("[2001:db8:ff::2]:7352"), Pass),
        ("IP longer than the frame", Frame { ip_len: Some(61), ..syn4() }, DropMalformed),
        ("IP longer than the frame, IPv6", Frame { ip_len: Some(41), ..syn6() }, DropMalformed),
        ("IP shorter than its header", Frame { ip_len: Some(19), ..syn4() }, DropMalformed),
        ("IP ends in the TCP header", Frame { ip_len: Some(39), ..syn4() }, DropMalformed),
        ("IP ends in the TCP header, IPv6", Frame { ip_len: Some(19), ..syn6() }, DropMalformed),
        ("IP does not say its length", Frame { ip_len: Some(0), ..syn4() }, Pass),
        ("IP does not say its length, IPv6", Frame { ip_len: Some(0), ..syn6() }, Pass),
        ("first fragment", Frame { fragment: 0x2000, ..syn4() }, DropFragment),
        ("later fragment", Frame { fragment: 0x2001, ..syn4() }, DropFragment),
        ("last fragment", Frame { fragment: 185, ..syn4() }, DropFragment),
        ("first fragment of others", Frame { fragment: 0x2000, ..Frame::tcp(HIM4, "203.0.113.1:22", SYN as u8) }, PassOther),
        ("later fragment of UDP", Frame { fragment: 1, ..udp4(&[1]) }, DropFragment),
        ("later fragment of ICMP", Frame { fragment: 1, protocol: 1, ..syn4() }, PassOther),
        ("first fragment, IPv6", fragment6(1, 6), DropFragment),
        ("later fragment, IPv6", fragment6(8, 6), DropFragment),
        ("later fragment of ICMP, IPv6", fragment6(8, 58), PassOther),
        ("fragment header, one piece, IPv6", fragment6(0, 6), Pass),
        ("hop-by-hop options", extended(&[0]), Pass),
        ("routing and destination options", extended(&[0, 60, 43, 60]), Pass),
        ("more extensions than there are", extended(&[0, 60, 43, 60, 60]), DropMalformed),
        ("IPsec", extended(&[51]), PassOther),
        ("syn from the allow list", from4("192.0.2.9:1000"), Allow),
        ("syn from the allow list, IPv6", from6("[2001:db8:a:9::1]:1000"), Allow),
        ("allowed before banned", from4("192.0.2.5:1000"), Allow),
        ("malformed before allowed", Frame { flags: 3, ..from4("192.0.2.9:1000") }, DropMalformed),
        ("syn of a banned source", from4("198.51.100.66:1000"), DropBanned),
        ("syn of a source whose ban has ended", from4("198.51.100.67:1000"), Pass),
        ("syn of a banned source, IPv6", from6("[2001:db8:6:6:7::8]:1000"), DropBanned),
        ("syn of a neighbour of a banned source", from6("[2001:db8:6:7::8]:1000"), Pass),
        ("data of a banned source", Frame::tcp("198.51.100.66:1000", US4, ACK as u8), Pass),
        ("reset of a banned source", Frame::tcp("198.51.100.66:1000", US4, RST as u8), Pass),
        ("datagram", udp4(&[0x40, 1, 2]), Pass),
        ("empty datagram", udp6(&[]), Pass),
        ("QUIC, long header", udp6(&[0xC0, 0, 0, 0, 1]), Pass),
        ("QUIC, long header, banned", Frame::udp("198.51.100.66:1", "203.0.113.1:7353", &[0xC0, 0]), DropBanned),
        ("QUIC, short header, banned", Frame::udp("198.51.100.66:1", "203.0.113.1:7353", &[0x40, 0]), Pass),
        ("QUIC, long header, allowed", Frame::udp("192.0.2.9:1", "203.0.113.1:7353", &[0xC0, 0]), Allow),
        ("datagram to the TCP port", Frame::udp(HIM4, US4, &[0xC0]), PassOther),
        ("datagram shorter than its header", Frame { udp_len: Some(7), ..udp4(&[1]) }, DropMalformed),
        ("datagram longer than the packet", Frame { udp_len: Some(10), ..udp4(&[1]) }, DropMalformed),
        ("datagram shorter than the packet", Frame { udp_len: Some(8), ..udp4(&[0xC0]) }, Pass),
        ("ICMP", Frame { protocol: 1, ..syn4() }, PassOther),
        ("SCTP", Frame { protocol: 132, ..syn6() }, PassOther),
    ]
}

/// Frames that no builder makes.
fn raw_forms() -> Vec<(&'static str, Vec<u8>, Verdict)> {
    use Verdict::*;
    let changed = |frame: Frame, at: usize, byte: u8| {
        let mut bytes = frame.bytes();
        bytes[at] = byte;
        bytes
    };
    let cut = |frame: Frame, length: usize| frame.bytes()[..length].to_vec();
    let tagged = |count: usize| Frame { tags: vec![0x8100; count], ..syn4() };
    vec![
        ("ARP", changed(syn4(), 13, 6), PassOther),
        ("three tags", tagged(3).bytes(), PassOther),
        ("a tag and nothing", cut(tagged(1), 16), PassOther),
        ("Ethernet alone", cut(syn4(), 14), DropMalformed),
        ("half an IP header", cut(syn4(), 33), DropMalformed),
        ("half an IP header, IPv6", cut(syn6(), 53), DropMalformed),
        ("IPv6 in IPv4's clothes", changed(syn4(), 14, 0x65), DropMalformed),
        ("IPv4 in IPv6's clothes", changed(syn6(), 14, 0x45), DropMalformed),
        ("IP header of 16 bytes", changed(syn4(), 14, 0x44), DropMalformed),
        ("IP header longer than the packet", changed(Frame { options: vec![], ..syn4() }, 14, 0x4F), DropMalformed),
        ("extension beyond the packet", changed(Frame { first_next: Some(0), ..syn6() }, 55, 200), DropMalformed),
    ]
}
