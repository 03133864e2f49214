//! What each verdict costs, in nanoseconds by trial runs, beside a program that drops at once; and the gate on the program's length.
//! `cargo nextest run -p hillfort-xdp --no-capture cost` prints the table. Times are those of a hot cache and of a machine that may be
//! busy: ratios count.

use std::net::{Ipv4Addr, TcpListener};

use hillfort_bpf::Cond::Gt;
use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R6};
use hillfort_bpf::Size::W;
use hillfort_bpf::{Asm, Helper, Program, xdp};

use super::stages::{ACK, FIN, SYN};
use super::tests::{HIM4, HIM6, SECRET, US4, US6, cookies, in_kernel};
use super::{Rules, filter, filter_after};
use crate::hints::Hints;
use crate::layout::{BANS_MAX, source_key};
use crate::maps::{Maps, Shared};
use crate::packets::Frame;
use crate::verdict::{Mode, Verdict};

/// Longest that the program may be: 16 + 16 ports and an allow list. What grows beyond has to be worth it.
const INSNS_MAX: usize = 1_860;
/// The program as Hillfort attaches it today: two TCP ports.
const USUAL_INSNS_MAX: usize = 1_340;

const ROUNDS: u32 = 200_000;

/// Where sources come from in a run.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sources {
    /// The packet's own.
    One,
    /// So many random bits at the end of an IPv4 address.
    Random(i32),
}

/// Instructions that write the whole packet anew, as it stands in `frame`, with a random source if wanted.
pub(super) fn renew(frame: &[u8], sources: Sources) -> Asm {
    let mut asm = Asm::new();
    let short = asm.label("short");
    asm.mov(R6, R1).load(W, R2, R1, xdp::DATA).load(W, R3, R1, xdp::DATA_END);
    let words = frame.as_chunks::<4>().0;
    asm.mov(R4, R2).add(R4, 4 * words.len() as i32).jump(Gt, R4, R3, short);
    for (place, word) in words.iter().enumerate() {
        asm.store(W, R2, 4 * place as i16, i32::from_ne_bytes(*word));
    }
    if let Sources::Random(bits) = sources {
        asm.call(Helper::GET_PRANDOM_U32)
            .and(R0, (1_u32 << bits).wrapping_sub(1) as i32)
            .mov(R4, 0x6400_0000)
            .or(R0, R4)
            .swap(W, R0);
        asm.load(W, R2, R6, xdp::DATA).load(W, R3, R6, xdp::DATA_END);
        asm.mov(R4, R2).add(R4, 30).jump(Gt, R4, R3, short).store(W, R2, 26, R0);
    }
    asm.place(short).mov(R1, R6);
    asm
}

fn nanoseconds(program: &Program, frame: &[u8]) -> f64 {
    // The best of several: what the machine's other work adds is never less than nothing.
    let run = || program.test_run(frame, ROUNDS, None).unwrap().time.as_nanos() as f64;
    (0..5).map(|_| run()).fold(f64::INFINITY, f64::min)
}

#[test]
fn cost_of_each_verdict() {
    in_kernel("cost_of_each_verdict", || {
        cookies(2);
        let _listener = TcpListener::bind("[::]:7352").unwrap();
        let allow = ["192.0.2.0/24".parse().unwrap()];
        let maps = Maps::create(&allow).unwrap();
        let shared = Shared::of(&maps).unwrap();
        let rules = Rules { tcp_ports: &[7350, 7352], udp_ports: &[7353], allow: true, secret: SECRET };
        // As many bans as there may be: of 100.1.0.0/16.
        let keys = || (0..BANS_MAX as u32).map(|n| source_key(Ipv4Addr::from(0x6401_0000 + n).into()));
        let hints = Hints::of(&maps.ban_hints, SECRET).unwrap();
        let bytes: Vec<u8> = keys().flat_map(u64::to_ne_bytes).collect();
        maps.bans.update_batch(&bytes, &vec![0xFF; 8 * BANS_MAX], BANS_MAX).unwrap();
        let tcp = |from: &str, to: &str, flags: i32| {
            let options = if flags == SYN { vec![2, 4, 5, 180] } else { vec![] };
            let mut bytes = Frame { options, ..Frame::tcp(from, to, flags as u8) }.bytes();
            bytes.resize(bytes.len().max(60).next_multiple_of(4), 0);
            bytes
        };
        let quic = Frame::udp(HIM4, "203.0.113.1:7353", &[0xC0; 40]).bytes();
        let linux = Frame::tcp(HIM4, US4, SYN as u8).bytes();
        let (one, random) = (Sources::One, Sources::Random);
        use Mode::{Flood, Passive};
        use Verdict::*;
        eprintln!("{:>8} {:>8}  verdict", "ns", "ns, net");
        for (name, frame, mode, sources, expect) in [
            ("port of others", tcp(HIM4, "203.0.113.1:22", ACK), Passive, one, PassOther),
            ("malformed", tcp(HIM4, US4, SYN | FIN), Passive, one, DropMalformed),
            ("data", tcp(HIM4, US4, ACK), Passive, one, Pass),
            ("data, IPv6", tcp(HIM6, US6, ACK), Passive, one, Pass),
            ("allowed", tcp("192.0.2.1:9", US4, SYN), Passive, one, Allow),
            ("banned, one source", tcp("100.1.0.3:9", US4, SYN), Passive, one, DropBanned),
            ("SYN, one source", tcp(HIM4, US4, SYN), Passive, one, Pass),
            ("SYN with Linux's options", linux, Passive, one, Pass),
            ("SYN, IPv6", tcp(HIM6, US6, SYN), Passive, one, Pass),
            ("SYN, 16 M sources", tcp(HIM4, US4, SYN), Passive, random(24), Pass),
            ("QUIC long header", quic, Passive, one, Pass),
            ("SYN answered, one source", tcp(HIM4, US4, SYN), Flood, one, CookieSent),
            ("SYN answered, IPv6", tcp(HIM6, US6, SYN), Flood, one, CookieSent),
            ("SYN answered, 16 M sources", tcp(HIM4, US4, SYN), Flood, random(24), CookieSent),
            ("SYN answered, 16 M sources, 65,536 bans", tcp(HIM4, US4, SYN), Flood, random(24), CookieSent),
            ("ACK without socket", tcp(HIM4, US4, ACK), Flood, one, DropNoSocket),
            ("ACK without socket, 16 M sources", tcp(HIM4, US4, ACK), Flood, random(24), DropNoSocket),
        ] {
            shared.set_mode(mode);
            // As many bans as a bad day has, or as there may be.
            let bans = if name.contains("65,536 bans") { BANS_MAX } else { 1_000 };
            hints.replace(keys().take(bans));
            let program = Program::load_xdp("cost", filter_after(renew(&frame, sources), &maps, rules)).unwrap();
            let mut baseline = renew(&frame, sources);
            baseline.mov(R0, xdp::DROP).exit();
            let baseline = Program::load_xdp("baseline", baseline).unwrap();
            let before = shared.counters();
            let (least, whole) = (nanoseconds(&baseline, &frame), nanoseconds(&program, &frame));
            let met = shared.counters().total(expect) - before.total(expect);
            // Of 16 M random sources 65,536 are banned.
            assert!(met >= u64::from(ROUNDS) * 49 / 10, "{name}: {:?}", shared.counters());
            eprintln!("{whole:>8.0} {:>8.0}  {}: {name}", whole - least, expect.label());
        }
        hints.replace(keys());
        // All bans in turn: each of the 65,536 is as likely.
        let frame = tcp("100.1.2.3:9", US4, SYN);
        let mut asm = renew(&frame, Sources::Random(16));
        asm = with_prefix(asm);
        let program = Program::load_xdp("cost", filter_after(asm, &maps, rules)).unwrap();
        let mut baseline = with_prefix(renew(&frame, Sources::Random(16)));
        baseline.mov(R0, xdp::DROP).exit();
        let baseline = Program::load_xdp("baseline", baseline).unwrap();
        let before = shared.counters().total(DropBanned);
        let (least, whole) = (nanoseconds(&baseline, &frame), nanoseconds(&program, &frame));
        assert_eq!(shared.counters().total(DropBanned) - before, u64::from(ROUNDS) * 5);
        eprintln!("{whole:>8.0} {:>8.0}  {}: 65,536 banned sources", whole - least, DropBanned.label());
        let mut drop = Asm::new();
        drop.mov(R0, xdp::DROP).exit();
        eprintln!(
            "{:>8.0} {:>8}  a program that drops at once",
            nanoseconds(&Program::load_xdp("drop", drop).unwrap(), &frame),
            ""
        );
    });
}

/// 100.1.x.x instead of 100.0.x.x.
fn with_prefix(mut asm: Asm) -> Asm {
    let short = asm.label("short");
    asm.load(W, R2, R1, xdp::DATA).load(W, R3, R1, xdp::DATA_END);
    asm.mov(R4, R2).add(R4, 30).jump(Gt, R4, R3, short).store(hillfort_bpf::Size::B, R2, 27, 1).place(short);
    asm
}

#[test]
fn the_program_stays_short() {
    in_kernel("the_program_stays_short", || {
        let maps = Maps::create(&[]).unwrap();
        let length = |tcp_ports: &[u16], udp_ports: &[u16], allow| {
            filter(&maps, Rules { tcp_ports, udp_ports, allow, secret: SECRET }).finish().unwrap().len()
        };
        let many: Vec<u16> = (1..=16).collect();
        let (usual, most) = (length(&[7350, 7352], &[], false), length(&many, &many, true));
        eprintln!("{usual} instructions for two TCP ports, {most} at most");
        assert!(usual <= USUAL_INSNS_MAX, "{usual} instructions");
        assert!(most <= INSNS_MAX, "{most} instructions");
    });
}
