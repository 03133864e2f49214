//! The IP headers: lengths, fragments, extension headers. Leaves the transport header in `R8`, its length by what IP says in
//! `row::SCRATCH_L4_LEN`, the source's key in `slot::SOURCE`.

use hillfort_bpf::Cond::{Eq, Gt, Lt, Ne};
use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5, R7, R8, R9, R10};
use hillfort_bpf::Size::{B, D, H, W};
use hillfort_bpf::{Asm, Label};

use super::{Emit, Family, slot, wire};
use crate::layout::row;
use crate::verdict::Verdict;

pub(crate) const TCP: i32 = 6;
pub(crate) const UDP: i32 = 17;
/// Extension headers that are walked; with IPsec, which we do not read, RFC 8200 §4.1 has seven.
pub(crate) const EXTENSIONS_MAX: i32 = 5;
/// Stands for the length of a packet that does not say it (0: more than 64 KiB, joined by the kernel).
pub(crate) const UNSAID: i32 = 0xFFFF;

impl Emit<'_> {
    /// IPv4 (RFC 791). In: `R7` header, `R3` end of the frame.
    pub(super) fn v4(&mut self) {
        let bad = self.to(Verdict::DropMalformed);
        let asm = &mut self.asm;
        beyond(asm, R7, 20, bad);
        asm.load(B, R4, R7, 0).mov(R5, R4).and(R5, 0xF0).jump(Ne, R5, 0x40, bad);
        asm.and(R4, 0x0F).jump(Lt, R4, 5, bad).lsh(R4, 2);
        asm.load(H, R5, R7, 2).swap(H, R5).store(D, R10, slot::IP_LEN, R5);
        let (said, known) = (asm.label("said"), asm.label("known"));
        asm.jump(Ne, R5, 0, said).mov(R5, UNSAID).goto(known);
        asm.place(said).mov(R0, R7).add(R0, R5).jump(Gt, R0, R3, bad).jump(Lt, R5, R4, bad).sub(R5, R4);
        asm.place(known).store(D, R9, row::SCRATCH_L4_LEN, R5);
        asm.mov(R8, R7).add(R8, R4);
        asm.load(W, R0, R7, 12).store(W, R10, slot::SOURCE, 0).store(W, R10, slot::SOURCE + 4, R0);
        asm.load(B, R4, R7, 9);
        let whole = asm.label("whole");
        asm.load(H, R0, R7, 6).mov(R1, R0).and(R1, wire(0x3FFF)).jump(Eq, R1, 0, whole);
        asm.store(D, R10, slot::FRAGMENT, 1).and(R0, wire(0x1FFF)).jump(Eq, R0, 0, whole);
        self.late_fragment();
        self.asm.place(whole);
        self.transport(Family::V4);
    }

    /// IPv6 (RFC 8200): extension headers are walked, so that nobody passes behind one.
    pub(super) fn v6(&mut self) {
        let (bad, other) = (self.to(Verdict::DropMalformed), self.to(Verdict::PassOther));
        let asm = &mut self.asm;
        beyond(asm, R7, 40, bad);
        asm.load(B, R4, R7, 0).and(R4, 0xF0).jump(Ne, R4, 0x60, bad);
        asm.load(H, R5, R7, 4).swap(H, R5).store(D, R10, slot::IP_LEN, R5);
        let (said, known) = (asm.label("said"), asm.label("known"));
        asm.jump(Ne, R5, 0, said).mov(R5, UNSAID).goto(known);
        asm.place(said).mov(R0, R7).add(R0, 40).add(R0, R5).jump(Gt, R0, R3, bad);
        asm.place(known).load(D, R0, R7, 8).store(D, R10, slot::SOURCE, R0);
        // R4 next header, R5 bytes left, R8 offset of the header in the packet, R1 headers that may follow.
        asm.mov(R8, 40);
        asm.load(B, R4, R7, 6).mov(R1, EXTENSIONS_MAX);

        let [walk, step, extension, fragment, first, late, found] =
            ["walk", "step", "extension", "fragment", "first", "late", "found"].map(|name| asm.label(name));
        asm.place(walk).jump(Eq, R4, TCP, found).jump(Eq, R4, UDP, found);
        // Hop-by-hop options, routing, destination options.
        asm.jump(Eq, R4, 0, extension).jump(Eq, R4, 43, extension).jump(Eq, R4, 60, extension);
        asm.jump(Eq, R4, 44, fragment).goto(other);

        asm.place(extension).mov(R2, R7).add(R2, R8);
        beyond(asm, R2, 8, bad);
        asm.load(B, R4, R2, 0).load(B, R0, R2, 1).add(R0, 1).lsh(R0, 3).goto(step);

        asm.place(fragment).mov(R2, R7).add(R2, R8);
        beyond(asm, R2, 8, bad);
        // Offset and "more"; neither means a packet in one piece (RFC 6946).
        asm.load(B, R4, R2, 0).load(H, R0, R2, 2).and(R0, wire(0xFFF9)).jump(Ne, R0, 0, first).mov(R0, 8).goto(step);
        asm.place(first).and(R0, wire(0xFFF8)).jump(Ne, R0, 0, late);
        asm.store(D, R10, slot::FRAGMENT, 1).mov(R0, 8);

        asm.place(step).jump(Gt, R0, R5, bad).sub(R5, R0).add(R8, R0);
        asm.sub(R1, 1).jump(Ne, R1, 0, walk).goto(bad);

        asm.place(late);
        self.late_fragment();
        let asm = &mut self.asm;
        asm.place(found).store(D, R9, row::SCRATCH_L4_LEN, R5);
        asm.store(D, R9, row::SCRATCH_L4, R8).load(D, R8, R9, row::SCRATCH_L4).and(R8, 0x3FFF).add(R8, R7);
        self.transport(Family::V6);
    }

    /// A fragment without ports: dropped when its protocol (`R4`) is one that we watch. TCP avoids fragments (RFC 1191), so what comes
    /// in such pieces is not a player.
    fn late_fragment(&mut self) {
        let (drop, other) = (self.to(Verdict::DropFragment), self.to(Verdict::PassOther));
        for (protocol, ports) in [(TCP, self.rules.tcp_ports), (UDP, self.rules.udp_ports)] {
            if !ports.is_empty() {
                self.asm.jump(Eq, R4, protocol, drop);
            }
        }
        self.asm.goto(other);
    }

    /// To the stages of the protocol in `R4`, with at least its smallest header there.
    fn transport(&mut self, family: Family) {
        let (bad, other) = (self.to(Verdict::DropMalformed), self.to(Verdict::PassOther));
        let (tcp, udp) = (self.asm.label("tcp"), self.asm.label("udp"));
        let rules = self.rules;
        for (protocol, ports, label) in [(TCP, rules.tcp_ports, tcp), (UDP, rules.udp_ports, udp)] {
            if !ports.is_empty() {
                self.asm.jump(Eq, R4, protocol, label);
            }
        }
        self.asm.goto(other);
        for (ports, label, header) in [(rules.tcp_ports, tcp, 20), (rules.udp_ports, udp, 8)] {
            if ports.is_empty() {
                continue;
            }
            let asm = &mut self.asm;
            asm.place(label).load(D, R5, R9, row::SCRATCH_L4_LEN).jump(Lt, R5, header, bad);
            beyond(asm, R8, header, bad);
            let ours = asm.label("ours");
            asm.load(H, R1, R8, 2);
            for port in ports {
                asm.jump(Eq, R1, wire(*port), ours);
            }
            asm.goto(other).place(ours);
            let drop = self.to(Verdict::DropFragment);
            self.asm.load(D, R0, R10, slot::FRAGMENT).jump(Ne, R0, 0, drop);
            if label == tcp { self.tcp(family) } else { self.udp(family) }
        }
    }
}

/// To `label` when the frame has less than `bytes` at `base`. `R3` is its end; `R0` is lost.
pub(super) fn beyond(asm: &mut Asm, base: hillfort_bpf::Reg, bytes: i32, label: Label) {
    asm.mov(R0, base).add(R0, bytes).jump(Gt, R0, R3, label);
}
