//! Flood mode's answer to a SYN: the kernel lends a cookie (D. J. Bernstein, "SYN cookies"; RFC 4987 §3.6) as if it had answered
//! itself, the packet is turned into the SYN-ACK and sent back. Nothing is kept: the client's ACK proves it, and the kernel makes the
//! connection out of that. The SYN-ACK has no option but the MSS, so these connections have no window scale, SACK or timestamps.

use hillfort_bpf::Alu;
use hillfort_bpf::Cond::{Eq, Gt, Le, Ne, SLt};
use hillfort_bpf::Helper;
use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use hillfort_bpf::Size::{B, D, H, W};
use hillfort_bpf::xdp;

use super::{Emit, Family, slot, wire};
use crate::layout::row;
use crate::verdict::Verdict;

/// Window of an answer: what a client may send before the kernel, which sets its own, says more. Twice the 10 segments that it begins
/// with (RFC 6928).
pub(crate) const WINDOW: u16 = 29_200;
/// Largest MSS of an answer, by family: what an Ethernet frame carries.
pub(crate) const MSS_V4: u16 = 1460;
pub(crate) const MSS_V6: u16 = 1440;
/// Bytes that a shortened frame keeps at least: what Ethernet pads to.
pub(crate) const FRAME_MIN: i32 = 60;
pub(crate) const HOPS: i32 = 64;

impl Emit<'_> {
    /// In: the listener in `R0` and `slot::SOCKET`, both headers, `slot::TUPLE`, `row::SCRATCH_MSS`.
    pub(super) fn answer(&mut self, family: Family) {
        self.cookie(family);
        self.shorten(family);
        self.write(family);
    }

    /// The cookie in `slot::ANSWER`, with the MSS that it says in its upper half. The kernel reads the SYN's options from a header of
    /// a length that is known here, so it gets one that has the MSS alone.
    fn cookie(&mut self, family: Family) {
        let none = self.to(Verdict::PassNoCookie);
        let asm = &mut self.asm;
        asm.load(D, R1, R8, 0).store(D, R10, slot::HEADER, R1);
        asm.load(D, R1, R8, 8).store(D, R10, slot::HEADER + 8, R1);
        asm.load(W, R1, R8, 16).store(W, R10, slot::HEADER + 16, R1);
        asm.store(B, R10, slot::HEADER + 12, 0x60).store(B, R10, slot::HEADER + 20, 2).store(B, R10, slot::HEADER + 21, 4);
        asm.load(D, R1, R9, row::SCRATCH_MSS).swap(H, R1).store(H, R10, slot::HEADER + 22, R1);
        // What the answer needs of the packet, before the packet changes.
        asm.load(W, R1, R8, 4).swap(W, R1).alu32(Alu::Add, R1, 1).swap(W, R1).store(D, R10, slot::ACK, R1);
        let (short, known) = (asm.label("short"), asm.label("known"));
        asm.load(B, R1, R8, 12).rsh(R1, 4).jump(Eq, R1, 5, short).mov(R1, 24).goto(known);
        asm.place(short).mov(R1, 20).place(known).store(D, R9, row::SCRATCH_ANSWER_LEN, R1);

        asm.mov(R1, R0).mov(R2, R7).mov(R3, family.ip_bytes()).mov(R4, R10).add(R4, i32::from(slot::HEADER)).mov(R5, 24);
        asm.call(Helper::TCP_GEN_SYNCOOKIE).store(D, R10, slot::ANSWER, R0);
        asm.load(D, R1, R10, slot::SOCKET).call(Helper::SK_RELEASE);
        asm.load(D, R0, R10, slot::ANSWER).jump(SLt, R0, 0, none);
    }

    /// Cuts what the answer does not need, so that it is never longer than the SYN. Leaves both headers in `R7` and `R8`, the frame in
    /// `R2` and its end in `R3`.
    fn shorten(&mut self, family: Family) {
        let bad = self.to(Verdict::DropMalformed);
        let asm = &mut self.asm;
        let [enough, kept] = ["enough", "kept"].map(|name| asm.label(name));
        asm.load(D, R1, R9, row::SCRATCH_L3).load(D, R2, R9, row::SCRATCH_ANSWER_LEN).add(R2, R1).add(R2, family.ip_bytes());
        asm.jump(Gt, R2, FRAME_MIN, enough).mov(R2, FRAME_MIN).place(enough);
        asm.load(D, R3, R10, slot::IP_LEN).jump(Eq, R3, 0, kept).add(R1, R3);
        if family == Family::V6 {
            asm.add(R1, 40);
        }
        asm.jump(Le, R1, R2, kept);
        asm.sub(R2, R1).mov(R1, R6).call(Helper::XDP_ADJUST_TAIL).place(kept);

        asm.load(W, R2, R6, xdp::DATA).load(W, R3, R6, xdp::DATA_END);
        asm.load(D, R7, R9, row::SCRATCH_L3).and(R7, 31).add(R7, R2).mov(R8, R7).add(R8, family.ip_bytes());
        super::ip::beyond(asm, R2, 14, bad);
        super::ip::beyond(asm, R8, 20, bad);
    }

    /// Every field anew: frames are used again, and keep what was in them.
    fn write(&mut self, family: Family) {
        let (bad, sent) = (self.to(Verdict::DropMalformed), self.to(Verdict::CookieSent));
        let asm = &mut self.asm;
        // Ethernet: the two addresses change places.
        asm.load(W, R0, R2, 0).load(H, R1, R2, 4).load(W, R4, R2, 6).load(H, R5, R2, 10);
        asm.store(W, R2, 0, R4).store(H, R2, 4, R5).store(W, R2, 6, R0).store(H, R2, 10, R1);

        asm.load(D, R2, R9, row::SCRATCH_ANSWER_LEN);
        match family {
            Family::V4 => {
                asm.mov(R1, R2).add(R1, 20).swap(H, R1);
                asm.store(H, R7, 0, wire(0x4500)).store(H, R7, 2, R1).store(W, R7, 4, i32::from_ne_bytes([0, 0, 0x40, 0]));
                asm.store(B, R7, 8, HOPS).store(B, R7, 9, 6).store(H, R7, 10, 0);
                asm.load(W, R0, R10, slot::TUPLE).load(W, R1, R10, slot::TUPLE + 4).store(W, R7, 12, R1).store(W, R7, 16, R0);
                asm.mov(R5, 0);
                for word in 0..5 {
                    asm.load(W, R1, R7, 4 * word).add(R5, R1);
                }
            }
            Family::V6 => {
                asm.mov(R1, R2).swap(H, R1).store(W, R7, 0, i32::from_ne_bytes([0x60, 0, 0, 0])).store(H, R7, 4, R1);
                asm.store(B, R7, 6, 6).store(B, R7, 7, HOPS);
                for word in [0, 8] {
                    asm.load(D, R0, R10, slot::TUPLE + word).load(D, R1, R10, slot::TUPLE + 16 + word);
                    asm.store(D, R7, 8 + word, R1).store(D, R7, 24 + word, R0);
                }
            }
        }
        if family == Family::V4 {
            self.fold();
            self.asm.store(H, R7, 10, R5);
        }
        let asm = &mut self.asm;
        let (from, words) = family.addresses();
        let ports = slot::TUPLE + 8 * words;
        asm.load(H, R0, R10, ports).load(H, R1, R10, ports + 2).store(H, R8, 0, R1).store(H, R8, 2, R0);
        asm.load(W, R1, R10, slot::ANSWER).swap(W, R1).store(W, R8, 4, R1);
        asm.load(D, R1, R10, slot::ACK).store(W, R8, 8, R1);
        asm.mov(R1, R2).lsh(R1, 2).store(B, R8, 12, R1).store(B, R8, 13, 0x12).store(H, R8, 14, wire(WINDOW)).store(W, R8, 16, 0);

        // Checksum: pseudo header and TCP header, as 16-bit words in the order of the wire (RFC 1071).
        asm.mov(R5, R2).swap(H, R5).add(R5, wire(6));
        for word in 0..4 * words {
            if word % 2 == 0 {
                asm.load(W, R1, R7, from + 2 * word).add(R5, R1);
            }
        }
        for word in 0..5 {
            asm.load(W, R1, R8, 4 * word).add(R5, R1);
        }
        let [bare, small] = ["bare", "small"].map(|name| asm.label(name));
        asm.jump(Ne, R2, 24, bare);
        super::ip::beyond(asm, R8, 24, bad);
        let most = if family == Family::V4 { MSS_V4 } else { MSS_V6 };
        asm.load(D, R1, R10, slot::ANSWER).rsh(R1, 32).and(R1, 0xFFFF);
        asm.jump(Le, R1, i32::from(most), small).mov(R1, i32::from(most)).place(small).swap(H, R1);
        asm.store(H, R8, 20, wire(0x0204)).store(H, R8, 22, R1).load(W, R1, R8, 20).add(R5, R1).place(bare);
        self.fold();
        self.asm.store(H, R8, 16, R5).goto(sent);
    }

    /// `R5`, a sum of 32-bit words, as the complement of its sum in 16 bits. `R1` is lost.
    fn fold(&mut self) {
        let asm = &mut self.asm;
        for _ in 0..2 {
            asm.mov(R1, R5).rsh(R1, 32).mov32(R5, R5).add(R5, R1);
        }
        for _ in 0..2 {
            asm.mov(R1, R5).rsh(R1, 16).and(R5, 0xFFFF).add(R5, R1);
        }
        asm.xor(R5, -1);
    }
}
