//! The packet generator and the bots that answer, as eBPF. Every byte of every frame is written anew: frames come back with what the other
//! side wrote into them, and a generator that trusts them measures something else. Knows layouts, not rates or namespaces.

use std::net::{Ipv4Addr, SocketAddrV4};

use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use hillfort_bpf::{Alu, Asm, Cond, Helper, Map, MapKind, MapSpec, Program, Reg, Size, xdp};

use super::lab::{BOT_BITS, BOTS, OUTSIDE, Side, VICTIM};
use crate::segment::{ACK, FIN, RST, SYN, SYN_OPTIONS, Segment, sum};

/// Packets that leave together.
pub(crate) const BURST: i32 = 32;
const ETHERNET_BYTES: usize = 14;
/// Offsets in a frame.
const SOURCE: i16 = 26;
const TARGET: i16 = 30;
const IP_ID: i16 = 18;
const IP_CHECKSUM: i16 = 24;
const SOURCE_PORT: i16 = 34;
const TARGET_PORT: i16 = 36;
const SEQ: i16 = 38;
const ACK_NUMBER: i16 = 42;
const FLAGS: i16 = 47;
const TCP_CHECKSUM: i16 = 50;
/// Our timestamp, when there are the options of a Linux client.
const TIMESTAMP: i16 = 62;
/// Bytes at the end of a frame that the generator cuts off. The kernel looks at the bounds that a program has changed and at no others: a frame
/// that the victim has shortened would come back short.
const TRIMMED: i32 = 4;
/// Bits of a forged address that are random; what stands above them is 1.
const SPOOFED_SHIFT: i32 = 29;
/// Shortest frame with a TCP header.
const BARE: i32 = 54;

/// What the programs share with us: cells of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Cell {
    /// Packets made.
    Made,
    /// Not 0: no further burst.
    Halted,
    /// Packets left in this burst.
    Left,
    /// When the next burst is due, kernel time in nanoseconds.
    Next,
    /// When the next burst may come at the earliest, however late it is: what is made up for comes at twice the rate.
    Gate,
    /// Time between bursts, nanoseconds; 0 is as fast as it goes.
    Interval,
    /// Lateness that is made up for, nanoseconds; what is beyond is left out.
    Lag,
    /// Handshakes that a bot completed.
    Completed,
    /// Connections of bots that the victim ended and the bot reset.
    Ended,
    /// What came for addresses that nobody has, and what bots do not answer.
    Ignored,
}

const CELLS: usize = 10;

/// What the generator makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packet {
    /// SYN of a Linux client from any of 2^29 addresses.
    SynSpoofed,
    /// The same from so many bots, a power of 2.
    SynBots(u32),
    /// Both in equal parts, with so many bots.
    SynMixed(u32),
    /// SYN with the largest segment as only option, from so many bots that go on to answer.
    SynCompleting(u32),
    /// ACK from any of 2^29 addresses.
    Ack,
}

/// Bytes that stay the same in every frame of one sort, and the sums over them.
#[derive(Debug)]
struct Mould {
    frame: Vec<u8>,
    ip_sum: i32,
    tcp_sum: i32,
    /// Where the register for what else varies goes: acknowledgement or timestamp.
    varies: Option<i16>,
}

/// The array that both programs use.
pub(crate) fn cells() -> hillfort_bpf::Result<Map> {
    Map::create(MapSpec { name: "siege", kind: MapKind::MappedArray, key: 4, value: CELLS * 8, entries: 1 })
}

/// Makes `packet`s to `port` of the victim, paced by [`Cell::Interval`]. Runs over live frames of [`first_frame`]'s length.
pub(crate) fn generator(map: &Map, sides: (&Side, &Side), packet: Packet, port: u16) -> hillfort_bpf::Result<Program> {
    let mould = Mould::of(packet, sides, port);
    let mut asm = Asm::new();
    let (wait, emit, in_time) = (asm.label("wait"), asm.label("emit"), asm.label("in time"));
    asm.store(Size::D, R10, -8, R1);
    asm.load(Size::W, R6, R1, xdp::DATA).load(Size::W, R2, R1, xdp::DATA_END);
    asm.mov(R3, R6).add(R3, mould.frame.len() as i32).jump(Cond::Gt, R3, R2, wait);
    asm.load_map_value(R7, map, 0);
    asm.load(Size::D, R1, R7, at(Cell::Left)).jump(Cond::Ne, R1, 0, emit);
    asm.load(Size::D, R1, R7, at(Cell::Halted)).jump(Cond::Ne, R1, 0, wait).call(Helper::KTIME_GET_NS);
    asm.load(Size::D, R2, R7, at(Cell::Next)).jump(Cond::Lt, R0, R2, wait);
    asm.load(Size::D, R3, R7, at(Cell::Gate)).jump(Cond::Lt, R0, R3, wait);
    asm.mov(R3, R0).sub(R3, R2).load(Size::D, R4, R7, at(Cell::Lag));
    asm.jump(Cond::Le, R3, R4, in_time).mov(R2, R0).sub(R2, R4);
    asm.place(in_time).load(Size::D, R4, R7, at(Cell::Interval)).add(R2, R4).store(Size::D, R7, at(Cell::Next), R2);
    asm.rsh(R4, 1).add(R0, R4).store(Size::D, R7, at(Cell::Gate), R0);
    asm.mov(R1, BURST);
    asm.place(emit).sub(R1, 1).store(Size::D, R7, at(Cell::Left), R1);
    count(&mut asm, Cell::Made);
    asm.call(Helper::GET_PRANDOM_U32).mov(R8, R0);
    let (spoofed, sourced) = (asm.label("spoofed"), asm.label("sourced"));
    if let Packet::SynMixed(_) = packet {
        asm.jump(Cond::Set, R8, 1 << 30, spoofed);
    }
    if let Packet::SynBots(bots) | Packet::SynCompleting(bots) | Packet::SynMixed(bots) = packet {
        asm.and(R8, bots as i32 - 1).load64(R1, u64::from(BOTS.to_bits())).add(R8, R1);
    }
    if let Packet::SynMixed(_) = packet {
        asm.goto(sourced);
    }
    if let Packet::SynSpoofed | Packet::Ack | Packet::SynMixed(_) = packet {
        // 32.0.0.0 to 63.255.255.255: nothing special is in there.
        asm.place(spoofed).and(R8, (1 << SPOOFED_SHIFT) - 1).add(R8, 1 << SPOOFED_SHIFT);
    }
    asm.place(sourced);
    // Identification above, source port from 1024 on below.
    asm.call(Helper::GET_PRANDOM_U32).mov(R9, R0).or(R9, 0x400);
    asm.call(Helper::GET_PRANDOM_U32).mov32(R0, R0).mov32(R5, R0).alu32(Alu::Mul, R5, 0x19e3_779b);
    put(&mut asm, &mould);
    asm.load(Size::D, R1, R10, -8).mov(R2, -TRIMMED).call(Helper::XDP_ADJUST_TAIL).jump(Cond::Ne, R0, 0, wait);
    asm.mov(R0, xdp::TX).exit();
    asm.place(wait).mov(R0, xdp::DROP).exit();
    Program::load_xdp("siege_generator", asm)
}

/// A frame for the generator to begin with: longer than what it makes, and wrong in every field.
pub(crate) fn first_frame(packet: Packet) -> Vec<u8> {
    vec![0xa5; ETHERNET_BYTES + 40 + packet.options().len() + TRIMMED as usize]
}

/// Stands at the outer end of the pair. Bots complete handshakes when `answers`, reset what the victim ends, and are silent otherwise. What
/// is for addresses that nobody has ends here; the rest goes to the sockets of players and attackers.
pub(crate) fn answerer(map: &Map, sides: (&Side, &Side), port: u16, answers: bool) -> hillfort_bpf::Result<Program> {
    let mut asm = Asm::new();
    let names = ["pass", "ignore", "bot", "end", "reply"];
    let [pass, ignore, bot, end, reply] = names.map(|name| asm.label(name));
    asm.store(Size::D, R10, -8, R1);
    asm.load(Size::W, R6, R1, xdp::DATA).load(Size::W, R2, R1, xdp::DATA_END);
    asm.mov(R3, R6).add(R3, BARE).jump(Cond::Gt, R3, R2, pass);
    asm.load_map_value(R7, map, 0);
    asm.load(Size::H, R1, R6, 12).swap(Size::H, R1).jump(Cond::Ne, R1, 0x0800, pass);
    asm.load(Size::W, R8, R6, TARGET).swap(Size::W, R8);
    asm.mov(R1, R8).rsh(R1, BOT_BITS as i32).jump(Cond::Eq, R1, (BOTS.to_bits() >> BOT_BITS) as i32, bot);
    asm.mov(R1, R8).rsh(R1, 16).jump(Cond::Eq, R1, (OUTSIDE.to_bits() >> 16) as i32, pass).goto(ignore);

    asm.place(bot);
    asm.load(Size::B, R1, R6, ETHERNET_BYTES as i16).jump(Cond::Ne, R1, 0x45, ignore);
    asm.load(Size::B, R1, R6, ETHERNET_BYTES as i16 + 9).jump(Cond::Ne, R1, 6, ignore);
    asm.load(Size::H, R9, R6, TARGET_PORT).swap(Size::H, R9);
    asm.load(Size::W, R0, R6, ACK_NUMBER).swap(Size::W, R0);
    asm.load(Size::W, R5, R6, SEQ).swap(Size::W, R5).alu32(Alu::Add, R5, 1);
    asm.load(Size::B, R1, R6, FLAGS).and(R1, i32::from(FIN | SYN | RST | ACK));
    asm.jump(Cond::Eq, R1, i32::from(FIN | ACK), end);
    if answers {
        asm.jump(Cond::Ne, R1, i32::from(SYN | ACK), ignore);
        count(&mut asm, Cell::Completed);
        put(&mut asm, &Mould::reply(sides, port, ACK));
        asm.goto(reply);
    } else {
        asm.goto(ignore);
    }
    asm.place(end);
    count(&mut asm, Cell::Ended);
    put(&mut asm, &Mould::reply(sides, port, RST | ACK));
    asm.place(reply);
    asm.load(Size::D, R1, R10, -8);
    asm.load(Size::W, R2, R1, xdp::DATA).load(Size::W, R3, R1, xdp::DATA_END).sub(R3, R2).mov(R2, BARE).sub(R2, R3);
    asm.call(Helper::XDP_ADJUST_TAIL).jump(Cond::Ne, R0, 0, ignore).mov(R0, xdp::TX).exit();

    asm.place(ignore);
    count(&mut asm, Cell::Ignored);
    asm.mov(R0, xdp::DROP).exit();
    asm.place(pass).mov(R0, xdp::PASS).exit();
    Program::load_xdp("siege_answerer", asm)
}

/// Lets everything through. Where nothing else stands at the victim's end, it has frames taken by the same thread in the same way.
pub(crate) fn open_gate() -> hillfort_bpf::Result<Program> {
    let mut asm = Asm::new();
    asm.mov(R0, xdp::PASS).exit();
    Program::load_xdp("siege_open_gate", asm)
}

/// Drops what comes from the generator's addresses, by the source alone, and lets everything else through: the least that a packet can cost.
pub(crate) fn floor() -> hillfort_bpf::Result<Program> {
    let mut asm = Asm::new();
    let (pass, drop) = (asm.label("pass"), asm.label("drop"));
    asm.load(Size::W, R6, R1, xdp::DATA).load(Size::W, R2, R1, xdp::DATA_END);
    asm.mov(R3, R6).add(R3, BARE).jump(Cond::Gt, R3, R2, pass);
    asm.load(Size::W, R8, R6, SOURCE).swap(Size::W, R8);
    asm.mov(R1, R8).rsh(R1, SPOOFED_SHIFT).jump(Cond::Eq, R1, 1, drop);
    asm.rsh(R8, BOT_BITS as i32).jump(Cond::Eq, R8, (BOTS.to_bits() >> BOT_BITS) as i32, drop);
    asm.place(pass).mov(R0, xdp::PASS).exit();
    asm.place(drop).mov(R0, xdp::DROP).exit();
    Program::load_xdp("siege_floor", asm)
}

/// Stands at the victim's end while the generator is tried: turns every other frame around, spoilt and shortened, as a filter that answers
/// does, and lets the others through.
pub(crate) fn spoiler() -> hillfort_bpf::Result<Program> {
    let mut asm = Asm::new();
    let (pass, spoil) = (asm.label("pass"), asm.label("spoil"));
    asm.mov(R6, R1).call(Helper::GET_PRANDOM_U32).jump(Cond::Set, R0, 1, spoil);
    asm.place(pass).mov(R0, xdp::PASS).exit();
    asm.place(spoil).load(Size::W, R2, R6, xdp::DATA).load(Size::W, R3, R6, xdp::DATA_END);
    asm.mov(R4, R2).add(R4, BARE).jump(Cond::Gt, R4, R3, pass);
    for place in (0..BARE as i16 - 4).step_by(4) {
        asm.store(Size::W, R2, place, 0x5a5a_5a5a);
    }
    asm.mov(R1, R6).mov(R2, -16).call(Helper::XDP_ADJUST_TAIL).mov(R0, xdp::TX).exit();
    Program::load_xdp("siege_spoiler", asm)
}

impl Packet {
    pub(crate) const fn options(self) -> &'static [u8] {
        match self {
            Self::SynSpoofed | Self::SynBots(_) | Self::SynMixed(_) => &SYN_OPTIONS,
            Self::SynCompleting(_) => SYN_OPTIONS.first_chunk::<4>().expect("it is longer"),
            Self::Ack => &[],
        }
    }
}

impl Mould {
    fn of(packet: Packet, sides: (&Side, &Side), port: u16) -> Self {
        let (flags, varies) = match packet {
            Packet::SynSpoofed | Packet::SynBots(_) | Packet::SynMixed(_) => (SYN, Some(TIMESTAMP)),
            Packet::SynCompleting(_) => (SYN, None),
            Packet::Ack => (ACK, Some(ACK_NUMBER)),
        };
        Self::new(sides, port, flags, packet.options(), varies)
    }

    fn reply(sides: (&Side, &Side), port: u16, flags: u8) -> Self {
        Self::new(sides, port, flags, &[], Some(ACK_NUMBER))
    }

    /// `sides`: the victim's and ours.
    fn new((victim, outside): (&Side, &Side), port: u16, flags: u8, options: &[u8], varies: Option<i16>) -> Self {
        let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let to = SocketAddrV4::new(VICTIM, port);
        let mut packet = Segment { from, to, id: 0, seq: 0, ack: 0, flags }.write(options);
        packet[10..12].fill(0);
        packet[36..38].fill(0);
        if let Some(place) = varies {
            let place = place as usize - ETHERNET_BYTES;
            packet[place..place + 4].fill(0);
        }
        let (ip, tcp) = packet.split_at(20);
        let (ip_sum, tcp_sum) = (sum(ip) as i32, (sum(&ip[12..20]) + 6 + tcp.len() as u32 + sum(tcp)) as i32);
        let frame = [&victim.mac[..], &outside.mac, &[8, 0], &packet].concat();
        Self { frame, ip_sum, tcp_sum, varies }
    }
}

/// Writes a whole frame at `R6`: source address in `R8`, identification and source port in `R9`, sequence number in `R0`, what else
/// varies in `R5`. Uses `R1` to `R4`.
fn put(asm: &mut Asm, mould: &Mould) {
    let words = mould.frame.chunks_exact(4);
    if let [a, b] = *words.remainder() {
        asm.store(Size::H, R6, mould.frame.len() as i16 - 2, i32::from(i16::from_ne_bytes([a, b])));
    }
    for (n, word) in words.enumerate() {
        asm.store(Size::W, R6, n as i16 * 4, i32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    }
    // R1 and R2 sum up the two headers, R3 is the source port.
    asm.mov(R1, R9).rsh(R1, 16).and(R1, 0xffff);
    store(asm, Size::H, IP_ID, R1);
    asm.add(R1, mould.ip_sum).mov(R2, mould.tcp_sum);
    add_halves(asm, R1, R8);
    add_halves(asm, R2, R8);
    asm.mov(R3, R9).and(R3, 0xffff).add(R2, R3);
    store(asm, Size::H, SOURCE_PORT, R3);
    add_halves(asm, R2, R0);
    if let Some(place) = mould.varies {
        add_halves(asm, R2, R5);
        store(asm, Size::W, place, R5);
    }
    store(asm, Size::W, SOURCE, R8);
    store(asm, Size::W, SEQ, R0);
    for (register, place) in [(R1, IP_CHECKSUM), (R2, TCP_CHECKSUM)] {
        for _ in 0..2 {
            asm.mov(R3, register).rsh(R3, 16).and(register, 0xffff).add(register, R3);
        }
        asm.xor(register, 0xffff);
        store(asm, Size::H, place, register);
    }
}

/// Stores `value` in network order; `R4` is lost.
fn store(asm: &mut Asm, size: Size, place: i16, value: Reg) {
    asm.mov(R4, value).swap(size, R4).store(size, R6, place, R4);
}

/// Adds both halves of the 32 bits in `value` to `sum`; `R4` is lost.
fn add_halves(asm: &mut Asm, sum: Reg, value: Reg) {
    asm.mov(R4, value).rsh(R4, 16).add(sum, R4).mov(R4, value).and(R4, 0xffff).add(sum, R4);
}

/// Counts one in a cell; `R1` is lost. Only one thread runs each program.
fn count(asm: &mut Asm, cell: Cell) {
    asm.load(Size::D, R1, R7, at(cell)).add(R1, 1).store(Size::D, R7, at(cell), R1);
}

const fn at(cell: Cell) -> i16 {
    cell as i16 * 8
}

#[cfg(test)]
mod tests;
