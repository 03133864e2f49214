//! Assembler of eBPF. Owns labels and their resolution; whether a program is safe is the kernel's to say.

use std::os::fd::AsRawFd;

use crate::insn::{Alu, Cond, Helper, Insn, Operand, Reg, Size};
use crate::map::Map;

const LD_IMM64: u8 = 0x18;
const LDX_MEM: u8 = 0x61;
const ST_MEM: u8 = 0x62;
const STX_MEM: u8 = 0x63;
const STX_ATOMIC: u8 = 0xC3;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const ALU32: u8 = 0x04;
const ALU64: u8 = 0x07;
const FROM_REG: u8 = 0x08;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const GOTO: u8 = 0x05;
const NEG64: u8 = 0x87;
const TO_BIG_ENDIAN: u8 = 0xDC;

const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;

/// A place in a program of one [`Asm`], perhaps not yet known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(usize);

/// Why a program could not be assembled. Each is a mistake in the code that emits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AsmError {
    /// A jump leads to a label that was never placed.
    #[error("label `{0}` is jumped to, but placed nowhere")]
    Unplaced(&'static str),
    /// A label stands at two places.
    #[error("label `{0}` is placed twice")]
    PlacedTwice(&'static str),
    /// More instructions between jump and label than an offset can say.
    #[error("label `{0}` is too far from a jump to it")]
    TooFar(&'static str),
    /// The last instruction is neither exit nor an unconditional jump.
    #[error("the program runs beyond its end")]
    NoExit,
    /// More instructions than fit in one program.
    #[error("the program has {0} instructions, more than the kernel takes")]
    TooLong(usize),
}

/// A program that grows by one instruction a call. Calls chain.
#[derive(Debug, Default)]
pub struct Asm {
    code: Vec<Insn>,
    labels: Vec<(&'static str, Option<usize>)>,
    jumps: Vec<(usize, Label)>,
    fault: Option<AsmError>,
}

impl Asm {
    /// An empty program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new label, not placed yet. The name is for errors only and need not be unique.
    pub fn label(&mut self, name: &'static str) -> Label {
        self.labels.push((name, None));
        Label(self.labels.len() - 1)
    }

    /// The next instruction stands at `label`.
    pub fn place(&mut self, label: Label) -> &mut Self {
        let here = self.code.len();
        let (name, place) = &mut self.labels[label.0];
        if place.replace(here).is_some() {
            self.fault.get_or_insert(AsmError::PlacedTwice(name));
        }
        self
    }

    /// Number of instructions so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// `dst = dst <op> src` in 64 bits.
    pub fn alu(&mut self, op: Alu, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.two(ALU64 | op as u8, dst, src.into(), 0)
    }

    /// `dst = dst <op> src` in the low 32 bits; the high ones become 0.
    pub fn alu32(&mut self, op: Alu, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.two(ALU32 | op as u8, dst, src.into(), 0)
    }

    /// `dst = src`.
    pub fn mov(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Mov, dst, src)
    }

    /// `dst = src` for the low 32 bits; the high ones become 0.
    pub fn mov32(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu32(Alu::Mov, dst, src)
    }

    /// `dst += src`.
    pub fn add(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Add, dst, src)
    }

    /// `dst -= src`.
    pub fn sub(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Sub, dst, src)
    }

    /// `dst *= src`.
    pub fn mul(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Mul, dst, src)
    }

    /// `dst &= src`.
    pub fn and(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::And, dst, src)
    }

    /// `dst |= src`.
    pub fn or(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Or, dst, src)
    }

    /// `dst ^= src`.
    pub fn xor(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Xor, dst, src)
    }

    /// `dst <<= src`.
    pub fn lsh(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Lsh, dst, src)
    }

    /// `dst >>= src`, filled with zeros.
    pub fn rsh(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Self {
        self.alu(Alu::Rsh, dst, src)
    }

    /// `dst = -dst`.
    pub fn neg(&mut self, dst: Reg) -> &mut Self {
        self.push(Insn::new(NEG64, dst as u8, 0, 0, 0))
    }

    /// Between network order and the machine's, for the low 16, 32 or 64 bits; the bits above become 0.
    pub fn swap(&mut self, size: Size, dst: Reg) -> &mut Self {
        let bits = match size {
            Size::B => 8,
            Size::H => 16,
            Size::W => 32,
            Size::D => 64,
        };
        self.push(Insn::new(TO_BIG_ENDIAN, dst as u8, 0, 0, bits))
    }

    /// `dst = *(base + offset)`.
    pub fn load(&mut self, size: Size, dst: Reg, base: Reg, offset: i16) -> &mut Self {
        self.push(Insn::new(LDX_MEM | size as u8, dst as u8, base as u8, offset, 0))
    }

    /// `*(base + offset) = src`.
    pub fn store(&mut self, size: Size, base: Reg, offset: i16, src: impl Into<Operand>) -> &mut Self {
        self.push(match src.into() {
            Operand::Reg(src) => Insn::new(STX_MEM | size as u8, base as u8, src as u8, offset, 0),
            Operand::Imm(value) => Insn::new(ST_MEM | size as u8, base as u8, 0, offset, value),
        })
    }

    /// `*(base + offset) += src` in one piece. `size` is `W` or `D`.
    pub fn atomic_add(&mut self, size: Size, base: Reg, offset: i16, src: Reg) -> &mut Self {
        self.push(Insn::new(STX_ATOMIC | size as u8, base as u8, src as u8, offset, 0))
    }

    /// `dst = value`. Takes two instructions.
    pub fn load64(&mut self, dst: Reg, value: u64) -> &mut Self {
        self.wide(dst, 0, value as i32, (value >> 32) as i32)
    }

    /// `dst` = the map, as helpers want it.
    pub fn load_map(&mut self, dst: Reg, map: &Map) -> &mut Self {
        self.wide(dst, PSEUDO_MAP_FD, map.as_raw_fd(), 0)
    }

    /// `dst` = address of byte `offset` in the value of an array of one entry: no call, no test for null.
    pub fn load_map_value(&mut self, dst: Reg, map: &Map, offset: i32) -> &mut Self {
        self.wide(dst, PSEUDO_MAP_VALUE, map.as_raw_fd(), offset)
    }

    /// To `label` when `dst <cond> src`, compared in 64 bits.
    pub fn jump(&mut self, cond: Cond, dst: Reg, src: impl Into<Operand>, label: Label) -> &mut Self {
        self.jumps.push((self.code.len(), label));
        self.two(JMP | cond as u8, dst, src.into(), 0)
    }

    /// To `label` when `dst <cond> src` in the low 32 bits.
    pub fn jump32(&mut self, cond: Cond, dst: Reg, src: impl Into<Operand>, label: Label) -> &mut Self {
        self.jumps.push((self.code.len(), label));
        self.two(JMP32 | cond as u8, dst, src.into(), 0)
    }

    /// To `label`.
    pub fn goto(&mut self, label: Label) -> &mut Self {
        self.jumps.push((self.code.len(), label));
        self.push(Insn::new(GOTO, 0, 0, 0, 0))
    }

    /// `R0 = helper(R1, …, R5)`; `R1` to `R5` are lost.
    pub fn call(&mut self, helper: Helper) -> &mut Self {
        self.push(Insn::new(CALL, 0, 0, 0, helper.0))
    }

    /// Ends the program; `R0` is what it says.
    pub fn exit(&mut self) -> &mut Self {
        self.push(Insn::new(EXIT, 0, 0, 0, 0))
    }

    /// The instructions, with all jumps resolved.
    ///
    /// # Errors
    /// [`AsmError`], the first that was found.
    pub fn finish(mut self) -> Result<Vec<Insn>, AsmError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        // BPF_COMPLEXITY_LIMIT_INSNS for those with CAP_BPF.
        if self.code.len() > 1_000_000 {
            return Err(AsmError::TooLong(self.code.len()));
        }
        for &(at, label) in &self.jumps {
            let (name, place) = self.labels[label.0];
            let place = place.ok_or(AsmError::Unplaced(name))?;
            let offset = place as i64 - at as i64 - 1;
            self.code[at].offset = i16::try_from(offset).map_err(|_| AsmError::TooFar(name))?;
        }
        match self.code.last().map(|last| last.code()) {
            Some(EXIT | GOTO) => Ok(self.code),
            _ => Err(AsmError::NoExit),
        }
    }

    fn two(&mut self, code: u8, dst: Reg, src: Operand, offset: i16) -> &mut Self {
        self.push(match src {
            Operand::Reg(src) => Insn::new(code | FROM_REG, dst as u8, src as u8, offset, 0),
            Operand::Imm(value) => Insn::new(code, dst as u8, 0, offset, value),
        })
    }

    fn wide(&mut self, dst: Reg, kind: u8, low: i32, high: i32) -> &mut Self {
        self.push(Insn::new(LD_IMM64, dst as u8, kind, 0, low)).push(Insn::new(0, 0, 0, 0, high))
    }

    fn push(&mut self, insn: Insn) -> &mut Self {
        self.code.push(insn);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Asm, AsmError, Label};
    use crate::insn::{Alu, Cond, Helper, Reg::*, Size};

    fn check(emit: impl for<'a> Fn(&'a mut Asm) -> &'a mut Asm, expect: &str) {
        let mut asm = Asm::new();
        emit(&mut asm);
        let text: Vec<String> = asm.exit().code.iter().map(|insn| format!("{insn:?}")).collect();
        assert_eq!(text.join(", "), format!("{expect}, 95 00 +0 0x0"));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn encodings_are_those_of_rfc_9669() {
        check(|a| a.mov(R0, -1), "b7 00 +0 0xffffffff");
        check(|a| a.mov32(R1, R9), "bc 91 +0 0x0");
        check(|a| a.alu(Alu::Mod, R2, 7), "97 02 +0 0x7");
        check(|a| a.neg(R3), "87 03 +0 0x0");
        check(|a| a.swap(Size::H, R4), "dc 04 +0 0x10");
        check(|a| a.load(Size::B, R5, R6, 23), "71 65 +23 0x0");
        check(|a| a.load(Size::D, R5, R10, -8), "79 a5 -8 0x0");
        check(|a| a.store(Size::W, R10, -4, R1), "63 1a -4 0x0");
        check(|a| a.store(Size::H, R10, -4, 5), "6a 0a -4 0x5");
        check(|a| a.atomic_add(Size::D, R7, 8, R1), "db 17 +8 0x0");
        check(|a| a.load64(R1, 0x1_0000_0002), "18 01 +0 0x2, 00 00 +0 0x1");
        check(|a| a.call(Helper::KTIME_GET_NS), "85 00 +0 0x5");
    }

    fn fault(emit: impl for<'a> Fn(&'a mut Asm, Label) -> &'a mut Asm, expect: Result<usize, AsmError>) {
        let mut asm = Asm::new();
        let label = asm.label("there");
        emit(&mut asm, label);
        assert_eq!(asm.finish().map(|code| code.len()), expect);
    }

    #[test]
    fn mistakes_are_named() {
        fault(|a, l| a.goto(l).place(l).exit(), Ok(2));
        fault(|a, l| a.goto(l), Err(AsmError::Unplaced("there")));
        fault(|a, l| a.place(l).exit().place(l).exit(), Err(AsmError::PlacedTwice("there")));
        fault(|a, _| a.mov(R0, 1), Err(AsmError::NoExit));
        fault(|a, _| a, Err(AsmError::NoExit));
        for (between, expect) in [(32_767, Ok(32_769)), (32_768, Err(AsmError::TooFar("there")))] {
            fault(|a, l| (0..between).fold(a.jump(Cond::Eq, R0, 0, l), |a, _| a.mov(R0, 1)).place(l).exit(), expect);
        }
    }

    #[test]
    fn jumps_count_from_the_next_instruction() {
        let mut asm = Asm::new();
        let (back, ahead) = (asm.label("back"), asm.label("ahead"));
        asm.place(back).jump32(Cond::SLt, R1, R2, ahead).goto(back).place(ahead).exit();
        let code = asm.finish().unwrap();
        assert_eq!((code[0].offset, code[1].offset), (1, -2));
    }
}
