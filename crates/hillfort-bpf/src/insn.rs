//! The eBPF instruction and its parts. Owns the encoding (RFC 9669); knows nothing of labels.

use std::fmt;

/// One instruction of 8 bytes. A load of 64 bits takes two.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Insn {
    code: u8,
    registers: u8,
    pub(crate) offset: i16,
    pub(crate) imm: i32,
}

impl Insn {
    pub(crate) const fn new(code: u8, dst: u8, src: u8, offset: i16, imm: i32) -> Self {
        let registers = if cfg!(target_endian = "little") { src << 4 | dst } else { dst << 4 | src };
        Self { code, registers, offset, imm }
    }

    pub(crate) const fn code(self) -> u8 {
        self.code
    }
}

impl fmt::Debug for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x} {:02x} {:+} {:#x}", self.code, self.registers, self.offset, self.imm)
    }
}

/// A register. `R1` to `R5` are arguments and lost in a call, `R0` is the result, `R6` to `R9` survive calls, `R10` is the (read-only)
/// end of a stack of 512 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "numbers")]
pub enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

/// Width of a load or a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Size {
    /// 8 bits.
    B = 0x10,
    /// 16 bits.
    H = 0x08,
    /// 32 bits.
    W = 0x00,
    /// 64 bits.
    D = 0x18,
}

/// Arithmetic with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names of assembly")]
pub enum Alu {
    Add = 0x00,
    Sub = 0x10,
    Mul = 0x20,
    Div = 0x30,
    Or = 0x40,
    And = 0x50,
    Lsh = 0x60,
    Rsh = 0x70,
    Mod = 0x90,
    Xor = 0xA0,
    Mov = 0xB0,
    Arsh = 0xC0,
}

/// When a jump is taken. Comparisons are of unsigned numbers but for those with `S`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cond {
    /// Equal.
    Eq = 0x10,
    /// Greater.
    Gt = 0x20,
    /// Greater or equal.
    Ge = 0x30,
    /// The two have a bit in common.
    Set = 0x40,
    /// Not equal.
    Ne = 0x50,
    /// Greater, signed.
    SGt = 0x60,
    /// Greater or equal, signed.
    SGe = 0x70,
    /// Less.
    Lt = 0xA0,
    /// Less or equal.
    Le = 0xB0,
    /// Less, signed.
    SLt = 0xC0,
    /// Less or equal, signed.
    SLe = 0xD0,
}

/// A register or a constant. A constant is sign-extended to 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// What is in a register.
    Reg(Reg),
    /// A constant.
    Imm(i32),
}

impl From<Reg> for Operand {
    fn from(reg: Reg) -> Self {
        Self::Reg(reg)
    }
}

impl From<i32> for Operand {
    fn from(value: i32) -> Self {
        Self::Imm(value)
    }
}

/// Number of a kernel function that a program may call (`enum bpf_func_id` in linux/bpf.h, bpf-helpers(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Helper(pub i32);

#[expect(missing_docs, reason = "the kernel's names; bpf-helpers(7) describes them")]
impl Helper {
    pub const MAP_LOOKUP_ELEM: Self = Self(1);
    pub const MAP_UPDATE_ELEM: Self = Self(2);
    pub const KTIME_GET_NS: Self = Self(5);
    pub const GET_PRANDOM_U32: Self = Self(7);
    pub const GET_SMP_PROCESSOR_ID: Self = Self(8);
    pub const REDIRECT: Self = Self(23);
    pub const CSUM_DIFF: Self = Self(28);
    pub const XDP_ADJUST_HEAD: Self = Self(44);
    pub const XDP_ADJUST_TAIL: Self = Self(65);
    pub const SK_RELEASE: Self = Self(86);
    pub const SKC_LOOKUP_TCP: Self = Self(99);
    pub const TCP_CHECK_SYNCOOKIE: Self = Self(100);
    pub const TCP_GEN_SYNCOOKIE: Self = Self(110);
    pub const KTIME_GET_COARSE_NS: Self = Self(160);
}

/// What an XDP program says of a frame, and where its context (`struct xdp_md`, in `R1` at the start) has what.
#[expect(missing_docs, reason = "the kernel's names")]
pub mod xdp {
    pub const ABORTED: i32 = 0;
    pub const DROP: i32 = 1;
    pub const PASS: i32 = 2;
    pub const TX: i32 = 3;
    pub const REDIRECT: i32 = 4;

    /// Offsets of 32-bit fields.
    pub const DATA: i16 = 0;
    pub const DATA_END: i16 = 4;
    pub const INGRESS_IFINDEX: i16 = 12;
    pub const RX_QUEUE_INDEX: i16 = 16;
}
