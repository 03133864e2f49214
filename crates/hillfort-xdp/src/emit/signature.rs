//! What a SYN looks like, see [`crate::signature`]: a bounded walk over its options.

use hillfort_bpf::Cond::{Eq, Ge, Gt, Lt, Ne};
use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use hillfort_bpf::Size::{B, D, H, W};
use hillfort_bpf::xdp;

use super::{Emit, Family, slot};
use crate::layout::{control, row};
use crate::signature::{CODE_BITS, MSS_SHIFT, OPTIONS_MAX, TTL_SHIFT, V6_SHIFT, WINDOW_SHIFT};

impl Emit<'_> {
    /// Leaves the signature in `slot::SIGNATURE` and the MSS in `row::SCRATCH_MSS`. `R0` to `R5` are lost.
    ///
    /// Codes come from a table and not from comparisons, and the place comes back from memory, so that the verifier need not follow
    /// every order of options.
    pub(super) fn signature(&mut self, family: Family) {
        let asm = &mut self.asm;
        let [walk, one, step, done] = ["walk", "one", "step", "done"].map(|name| asm.label(name));
        asm.store(D, R10, slot::IP, R7).store(D, R10, slot::CONTEXT, R6).store(D, R9, row::SCRATCH_MSS, 0);
        // R0 option, R1 its place in the header, R2 codes, R3 end of the frame, R6 length of the header, R7 options left.
        asm.load(W, R3, R6, xdp::DATA_END).mov(R2, 0).mov(R7, OPTIONS_MAX).store(D, R9, row::SCRATCH_OPTION, 20);
        asm.load(B, R6, R8, 12).rsh(R6, 4).lsh(R6, 2);

        asm.place(walk).load(D, R1, R9, row::SCRATCH_OPTION).and(R1, 63).jump(Ge, R1, R6, done);
        asm.mov(R0, R8).add(R0, R1).mov(R4, R0).add(R4, 1).jump(Gt, R4, R3, done).load(B, R5, R0, 0);
        asm.load_map_value(R4, &self.maps.control, control::OPTION_CODES).add(R4, R5).load(B, R4, R4, 0);
        asm.lsh(R2, CODE_BITS).or(R2, R4);
        asm.jump(Eq, R5, 0, done).jump(Eq, R5, 1, one);
        asm.mov(R4, R0).add(R4, 2).jump(Gt, R4, R3, done);
        asm.load(B, R4, R0, 1).jump(Lt, R4, 2, done).add(R1, R4).jump(Gt, R1, R6, done);
        asm.jump(Ne, R5, 2, step).jump(Ne, R4, 4, step);
        asm.mov(R5, R0).add(R5, 4).jump(Gt, R5, R3, done);
        asm.load(H, R5, R0, 2).swap(H, R5).store(D, R9, row::SCRATCH_MSS, R5).goto(step);
        asm.place(one).add(R1, 1);
        asm.place(step).store(D, R9, row::SCRATCH_OPTION, R1).sub(R7, 1).jump(Ne, R7, 0, walk).place(done);

        asm.load(D, R6, R10, slot::CONTEXT);
        asm.load(D, R7, R10, slot::IP);
        asm.load(D, R1, R9, row::SCRATCH_MSS).lsh(R1, MSS_SHIFT).or(R2, R1);
        asm.load(H, R1, R8, 14).swap(H, R1).lsh(R1, WINDOW_SHIFT).or(R2, R1);
        let ttl = if family == Family::V4 { 8 } else { 7 };
        asm.load(B, R1, R7, ttl).load_map_value(R4, &self.maps.control, control::TTL_CLASSES).add(R4, R1).load(B, R1, R4, 0);
        asm.lsh(R1, TTL_SHIFT).or(R2, R1);
        if family == Family::V6 {
            asm.mov(R1, 1).lsh(R1, V6_SHIFT).or(R2, R1);
        }
        asm.store(D, R10, slot::SIGNATURE, R2);
    }
}
