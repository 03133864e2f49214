//! Counting in a sketch, see [`crate::sketch`].

use hillfort_bpf::Cond::{Eq, Ge};
use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5, R10};
use hillfort_bpf::Size::{D, W};
use hillfort_bpf::{Alu, Helper, Map};

use super::{Emit, slot};
use crate::layout::control;
use crate::sketch::{CELL_SHIFT, Shape};

impl Emit<'_> {
    /// [`crate::sketch::Secret::hash`] of the key at `key` on the stack, in `R2`. `R1` and `R3` are lost.
    pub(super) fn hash(&mut self, key: i16) {
        let (asm, secret) = (&mut self.asm, self.rules.secret);
        asm.load(D, R2, R10, key).load64(R1, secret.xor).xor(R2, R1).load64(R1, secret.multiplier).mul(R2, R1);
        asm.mov(R3, R2).rsh(R3, 32).xor(R2, R3).mul(R2, R1);
    }

    /// Counts the key at `key` on the stack by `slot::WEIGHT`, in the half of this epoch. `R0` to `R5` are lost.
    pub(super) fn touch(&mut self, map: &Map, key: i16, shape: Shape, per_cpu: bool) {
        let half = shape.bytes().trailing_zeros() as i32;
        let asm = &mut self.asm;
        if per_cpu {
            asm.call(Helper::GET_SMP_PROCESSOR_ID).and(R0, self.maps.cpu_slots as i32 - 1).lsh(R0, half + 1);
        }
        asm.load_map_value(R1, &self.maps.control, control::EPOCH).load(D, R5, R1, 0).and(R5, 1).lsh(R5, half);
        if per_cpu {
            asm.or(R5, R0);
        }
        self.hash(key);
        let asm = &mut self.asm;
        asm.store(D, R10, slot::HASH, R2);
        // Halves of the second word of a cell.
        let (total, votes) = if cfg!(target_endian = "little") { (8, 12) } else { (12, 8) };
        for row in 0..shape.rows {
            let [hit, next, less] = ["hit", "next", "less"].map(|name| asm.label(name));
            asm.load(D, R3, R10, slot::HASH).rsh(R3, 64 - shape.bits as i32 * (row as i32 + 1)).and(R3, (1 << shape.bits) - 1);
            asm.lsh(R3, CELL_SHIFT).add(R3, R5);
            asm.load_map_value(R4, map, (row << shape.bits << CELL_SHIFT) as i32).add(R4, R3);
            asm.load(D, R3, R10, slot::WEIGHT).load(W, R0, R4, total).alu32(Alu::Add, R0, R3).store(W, R4, total, R0);
            // R3 weight, R0 votes, R1 key.
            asm.load(W, R0, R4, votes).load(D, R1, R4, 0).load(D, R2, R10, key).jump(Eq, R1, R2, hit);
            asm.jump(Ge, R0, R3, less).store(D, R4, 0, R2).alu32(Alu::Sub, R3, R0).store(W, R4, votes, R3).goto(next);
            asm.place(less).alu32(Alu::Sub, R0, R3).store(W, R4, votes, R0).goto(next);
            asm.place(hit).alu32(Alu::Add, R0, R3).store(W, R4, votes, R0).place(next);
        }
    }
}
