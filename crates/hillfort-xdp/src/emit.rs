//! The filter as instructions: what is done to each packet, in order of cost. Owns the frame, VLAN tags and the ends of all paths; the
//! stages stand in the files below. [`crate::model`] says the same in plain Rust, and tests hold the two together.
//!
//! Registers: `R6` context, `R7` IP header, `R8` TCP or UDP header, `R9` the row of counters of this CPU and mode. The stack is in
//! [`slot`]. Checksums of what is received are never looked at: on virtual interfaces they are not there yet.

mod cookie;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod hinted;
mod ip;
#[cfg(test)]
mod no_state;
mod signature;
mod stages;
#[cfg(test)]
mod tests;
mod touch;

use hillfort_bpf::Cond::{Eq, Gt, Ne};
use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R9, R10};
use hillfort_bpf::Size::{D, H, W};
use hillfort_bpf::{Asm, Helper, Label, xdp};

use crate::layout::{control, row};
use crate::maps::Maps;
use crate::sketch::Secret;
use crate::verdict::Verdict;

/// Numbers that instructions and model share.
pub(crate) mod limits {
    pub(crate) use super::cookie::{FRAME_MIN, HOPS, MSS_V4, MSS_V6, WINDOW};
    pub(crate) use super::ip::{EXTENSIONS_MAX, TCP, UDP, UNSAID};
    pub(crate) use super::stages::{ACK, FIN, RST, SYN};
}

/// What a program is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) tcp_ports: &'a [u16],
    pub(crate) udp_ports: &'a [u16],
    pub(crate) allow: bool,
    pub(crate) secret: Secret,
}

/// IPv4 or IPv6: each has its own copy of the stages, with its offsets as constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Where on the stack what is kept, as offsets from `R10`.
mod slot {
    /// 8 bytes: key of the source, see [`crate::layout::source_key`].
    pub(super) const SOURCE: i16 = -8;
    /// 8 bytes: key of its network.
    pub(super) const NETWORK: i16 = -16;
    /// 8 bytes: the mode.
    pub(super) const MODE: i16 = -24;
    /// 8 bytes: not 0 in a first fragment.
    pub(super) const FRAGMENT: i16 = -48;
    /// 8 bytes: the length that the IP header says; of IPv6 without that header.
    pub(super) const IP_LEN: i16 = -56;
    /// 8 bytes: signature of a SYN.
    pub(super) const SIGNATURE: i16 = -64;
    /// 36 bytes: `struct bpf_sock_tuple`.
    pub(super) const TUPLE: i16 = -104;
    /// 20 bytes: key of the allow list. Not needed at the same time as the next two.
    pub(super) const ALLOW: i16 = -132;
    /// 8 bytes: a socket.
    pub(super) const SOCKET: i16 = -112;
    /// 8 bytes: what a helper said.
    pub(super) const ANSWER: i16 = -120;
    /// 24 bytes: a TCP header with an MSS.
    pub(super) const HEADER: i16 = -152;
    /// 8 bytes: number of the first byte that the answer acknowledges, in the order of the wire.
    pub(super) const ACK: i16 = -176;
    /// 8 bytes: hash of a key. Not needed at the same time as an answer.
    pub(super) const HASH: i16 = ANSWER;
    /// 8 bytes: how much a packet counts in the sketches.
    pub(super) const WEIGHT: i16 = -160;
    /// 8 bytes: the context, while `R6` is needed for something else.
    pub(super) const CONTEXT: i16 = -168;
    /// 8 bytes: the IP header, while `R7` is needed for something else.
    pub(super) const IP: i16 = -184;
}

/// A 16-bit number as it is in a packet.
pub(crate) const fn wire(number: u16) -> i32 {
    number.to_be() as i32
}

/// The filter, as it grows.
struct Emit<'a> {
    asm: Asm,
    maps: &'a Maps,
    rules: Rules<'a>,
    /// Where each verdict's path ends, and whether anything leads there: the kernel takes no instruction that is never reached.
    verdicts: [(Label, bool); Verdict::ALL.len()],
}

/// The instructions of the filter.
pub(crate) fn filter(maps: &Maps, rules: Rules<'_>) -> Asm {
    filter_after(Asm::new(), maps, rules)
}

/// The same behind other instructions, which leave the context in `R1`.
fn filter_after(mut asm: Asm, maps: &Maps, rules: Rules<'_>) -> Asm {
    let verdicts = Verdict::ALL.map(|verdict| (asm.label(verdict.label()), false));
    let mut emit = Emit { asm, maps, rules, verdicts };
    emit.entry();
    for verdict in Verdict::ALL {
        emit.end(verdict);
    }
    emit.asm
}

impl Emit<'_> {
    fn to(&mut self, verdict: Verdict) -> Label {
        let (label, used) = &mut self.verdicts[verdict as usize];
        *used = true;
        *label
    }

    /// Row of counters, Ethernet header, at most two VLAN tags (802.1Q, 802.1ad), then the IP headers.
    fn entry(&mut self) {
        let other = self.to(Verdict::PassOther);
        let asm = &mut self.asm;
        asm.mov(R6, R1);
        asm.load_map_value(R1, &self.maps.control, control::MODE).load(D, R1, R1, 0).and(R1, 1).store(D, R10, slot::MODE, R1);
        asm.call(Helper::GET_SMP_PROCESSOR_ID).and(R0, self.maps.cpu_slots as i32 - 1).lsh(R0, 1);
        asm.load(D, R1, R10, slot::MODE).or(R0, R1).lsh(R0, row::SHIFT);
        asm.load_map_value(R9, &self.maps.counters, 0).add(R9, R0);

        asm.load(W, R2, R6, xdp::DATA).load(W, R3, R6, xdp::DATA_END);
        asm.mov(R4, R2).add(R4, 14).jump(Gt, R4, R3, other);
        asm.load(H, R5, R2, 12).mov(R7, 14);
        let untagged = asm.label("untagged");
        for tag in 1..=2_i16 {
            let tagged = asm.label("tagged");
            asm.jump(Eq, R5, wire(0x8100), tagged).jump(Ne, R5, wire(0x88A8), untagged).place(tagged);
            asm.mov(R7, i32::from(14 + 4 * tag)).mov(R4, R2).add(R4, i32::from(14 + 4 * tag)).jump(Gt, R4, R3, other);
            asm.load(H, R5, R2, 12 + 4 * tag);
        }
        asm.place(untagged).store(D, R9, row::SCRATCH_L3, R7).load(D, R7, R9, row::SCRATCH_L3).and(R7, 31).add(R7, R2);
        asm.store(D, R10, slot::FRAGMENT, 0);
        let (v4, v6) = (asm.label("v4"), asm.label("v6"));
        asm.jump(Eq, R5, wire(0x0800), v4).jump(Eq, R5, wire(0x86DD), v6).goto(other);
        self.asm.place(v4);
        self.v4();
        self.asm.place(v6);
        self.v6();
    }

    /// Counts and leaves.
    fn end(&mut self, verdict: Verdict) {
        if let (label, true) = self.verdicts[verdict as usize] {
            self.asm.place(label);
            self.count(verdict as usize);
            self.asm.mov(R0, verdict.action()).exit();
        }
    }

    /// Adds one to a cell of the row. No other CPU writes to it, and packets on one CPU do not interrupt each other.
    fn count(&mut self, cell: usize) {
        let offset = cell as i16 * 8;
        self.asm.load(D, R1, R9, offset).add(R1, 1).store(D, R9, offset, R1);
    }
}
