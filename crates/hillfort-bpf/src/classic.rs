//! Assembler of classic BPF, and what a program of it does. Owns labels and their resolution; jumps go forward only, by at most 255 instructions when
//! they test.

use crate::asm::AsmError;

/// Most instructions in a classic program (`BPF_MAXINSNS`).
pub const CLASSIC_INSNS_MAX: usize = 4096;

/// One instruction (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicInsn {
    code: u16,
    yes: u8,
    no: u8,
    value: u32,
}

const LD_ABS: u16 = 0x20;
const LDX_MSH: u16 = 0xB1;
const LD_IND: u16 = 0x40;
const AND: u16 = 0x54;
const RSH: u16 = 0x74;
const TAX: u16 = 0x07;
const JA: u16 = 0x05;
const RET: u16 = 0x06;

/// What is compared with the accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Target {
    /// Equal to the constant.
    Eq = 0x15,
    /// Greater than the constant.
    Gt = 0x25,
    /// Greater or equal.
    Ge = 0x35,
    /// A bit in common with the constant.
    Set = 0x45,
}

/// A place in a classic program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicLabel(usize);

#[derive(Debug, Clone, Copy)]
enum Slot {
    Yes,
    No,
    Always,
}

/// A classic program that grows by one instruction a call.
#[derive(Debug, Default)]
pub struct ClassicAsm {
    code: Vec<ClassicInsn>,
    labels: Vec<(&'static str, Option<usize>)>,
    jumps: Vec<(usize, Slot, ClassicLabel)>,
    fault: Option<AsmError>,
}

impl ClassicAsm {
    /// From the start of the network header, in socket filters (`SKF_NET_OFF`).
    pub const NET: i32 = -0x10_0000;

    /// An empty program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new label, not placed yet. The name is for errors.
    pub fn label(&mut self, name: &'static str) -> ClassicLabel {
        self.labels.push((name, None));
        ClassicLabel(self.labels.len() - 1)
    }

    /// The next instruction stands at `label`.
    pub fn place(&mut self, label: ClassicLabel) -> &mut Self {
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

    /// Accumulator = `bytes` (1, 2 or 4) bytes of the packet at `offset`, in network order. A packet that ends before ends the
    /// program with 0.
    pub fn load(&mut self, bytes: u8, offset: i32) -> &mut Self {
        self.push(LD_ABS | width(bytes), offset as u32)
    }

    /// Accumulator = `bytes` bytes at X + `offset`.
    pub fn load_indexed(&mut self, bytes: u8, offset: i32) -> &mut Self {
        self.push(LD_IND | width(bytes), offset as u32)
    }

    /// X = four times the low 4 bits of the byte at `offset`: the length of an IPv4 header.
    pub fn index_header(&mut self, offset: i32) -> &mut Self {
        self.push(LDX_MSH, offset as u32)
    }

    /// X = accumulator.
    pub fn to_index(&mut self) -> &mut Self {
        self.push(TAX, 0)
    }

    /// Accumulator &= `mask`.
    pub fn and(&mut self, mask: u32) -> &mut Self {
        self.push(AND, mask)
    }

    /// Accumulator >>= `bits`.
    pub fn rsh(&mut self, bits: u32) -> &mut Self {
        self.push(RSH, bits)
    }

    /// To `yes` when the accumulator compares so with `value`, else to the next instruction.
    pub fn jump_if(&mut self, target: Target, value: u32, yes: ClassicLabel) -> &mut Self {
        self.jumps.push((self.code.len(), Slot::Yes, yes));
        self.push(target as u16, value)
    }

    /// To the next instruction when the accumulator compares so with `value`, else to `no`.
    pub fn jump_unless(&mut self, target: Target, value: u32, no: ClassicLabel) -> &mut Self {
        self.jumps.push((self.code.len(), Slot::No, no));
        self.push(target as u16, value)
    }

    /// To `label`, at any distance.
    pub fn goto(&mut self, label: ClassicLabel) -> &mut Self {
        self.jumps.push((self.code.len(), Slot::Always, label));
        self.push(JA, 0)
    }

    /// Ends the program: in socket filters the number of bytes to keep, 0 drops the packet.
    pub fn ret(&mut self, value: u32) -> &mut Self {
        self.push(RET, value)
    }

    /// The instructions, with all jumps resolved.
    ///
    /// # Errors
    /// [`AsmError`]; `TooFar` also for a jump backwards, which classic BPF has not.
    pub fn finish(mut self) -> Result<Vec<ClassicInsn>, AsmError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.code.len() > CLASSIC_INSNS_MAX {
            return Err(AsmError::TooLong(self.code.len()));
        }
        for &(at, slot, label) in &self.jumps {
            let (name, place) = self.labels[label.0];
            let place = place.ok_or(AsmError::Unplaced(name))?;
            let offset = place.checked_sub(at + 1).ok_or(AsmError::TooFar(name))?;
            let short = || u8::try_from(offset).map_err(|_| AsmError::TooFar(name));
            match slot {
                Slot::Yes => self.code[at].yes = short()?,
                Slot::No => self.code[at].no = short()?,
                Slot::Always => self.code[at].value = offset as u32,
            }
        }
        match self.code.last() {
            Some(last) if last.code == RET => Ok(self.code),
            _ => Err(AsmError::NoExit),
        }
    }

    fn push(&mut self, code: u16, value: u32) -> &mut Self {
        self.code.push(ClassicInsn { code, yes: 0, no: 0, value });
        self
    }
}

/// A packet as a socket's filter sees it.
#[derive(Debug, Clone, Copy)]
pub struct SocketPacket<'a> {
    /// All of it, from the network header on.
    pub network: &'a [u8],
    /// Where its transport header begins: offsets count from here, but for those of [`ClassicAsm::NET`].
    pub transport: usize,
}

/// What the kernel does with a classic program, in plain Rust, for tests and fuzzing: the number of bytes to keep, 0 drops. A load from outside of
/// the packet drops, as in the kernel; so does what no program of [`ClassicAsm`] has.
#[must_use]
pub fn run_classic(code: &[ClassicInsn], packet: SocketPacket<'_>) -> u32 {
    run(code, packet).unwrap_or(0)
}

/// `None`: a load from outside, or a jump to there.
fn run(code: &[ClassicInsn], packet: SocketPacket<'_>) -> Option<u32> {
    let load = |offset: u32, bytes: usize| {
        let offset = i64::from(offset.cast_signed());
        let from = if offset < 0 { offset - i64::from(ClassicAsm::NET) } else { offset + packet.transport as i64 };
        let bytes = packet.network.get(usize::try_from(from).ok()?..)?.get(..bytes)?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    };
    let (mut accumulator, mut index, mut at) = (0_u32, 0_u32, 0);
    loop {
        // Jumps go forward only: this ends.
        let insn = code.get(at)?;
        at += 1;
        let value = insn.value;
        let compared = match insn.code {
            RET => return Some(value),
            AND => {
                accumulator &= value;
                continue;
            }
            RSH => {
                accumulator = accumulator.checked_shr(value)?;
                continue;
            }
            TAX => {
                index = accumulator;
                continue;
            }
            JA => {
                at += value as usize;
                continue;
            }
            LDX_MSH => {
                index = 4 * (load(value, 1)? & 0xF);
                continue;
            }
            EQ => accumulator == value,
            GT => accumulator > value,
            GE => accumulator >= value,
            SET => accumulator & value != 0,
            code => {
                let bytes = [4, 2, 1].into_iter().find(|bytes| width(*bytes) == code & 0x18)?;
                accumulator = match code & !0x18 {
                    LD_ABS => load(value, bytes.into())?,
                    LD_IND => load(value.wrapping_add(index), bytes.into())?,
                    _ => return None,
                };
                continue;
            }
        };
        at += usize::from(if compared { insn.yes } else { insn.no });
    }
}

const EQ: u16 = Target::Eq as u16;
const GT: u16 = Target::Gt as u16;
const GE: u16 = Target::Ge as u16;
const SET: u16 = Target::Set as u16;

/// Bits of the code for a width of 1, 2 or 4 bytes.
fn width(bytes: u8) -> u16 {
    match bytes {
        1 => 0x10,
        2 => 0x08,
        _ => 0x00,
    }
}

#[cfg(test)]
mod tests {
    use super::{ClassicAsm, ClassicInsn, ClassicLabel, SocketPacket, Target, run_classic};
    use crate::asm::AsmError;

    fn check(emit: impl for<'a> Fn(&'a mut ClassicAsm, ClassicLabel) -> &'a mut ClassicAsm, expect: Result<usize, AsmError>) {
        let mut asm = ClassicAsm::new();
        let label = asm.label("there");
        emit(&mut asm, label);
        assert_eq!(asm.finish().map(|code| code.len()), expect);
    }

    #[test]
    fn mistakes_are_named() {
        let far = |goto: bool, between: usize, expect| {
            let jump = |a: &mut ClassicAsm, l| {
                if goto {
                    a.goto(l)
                } else {
                    a.jump_if(Target::Eq, 1, l)
                };
            };
            check(
                |a, l| {
                    jump(a, l);
                    (0..between).fold(a, |a, _| a.load(4, 0)).place(l).ret(0)
                },
                expect,
            );
        };
        far(false, 255, Ok(257));
        far(false, 256, Err(AsmError::TooFar("there")));
        far(true, 4094, Ok(4096));
        far(true, 4095, Err(AsmError::TooLong(4097)));
        check(|a, l| a.place(l).goto(l).ret(0), Err(AsmError::TooFar("there")));
        check(|a, l| a.goto(l).ret(0), Err(AsmError::Unplaced("there")));
        check(|a, l| a.place(l).place(l).ret(0), Err(AsmError::PlacedTwice("there")));
        check(|a, _| a.load(1, 0), Err(AsmError::NoExit));
    }

    #[test]
    fn encodings_are_those_of_linux_filter_h() {
        let mut asm = ClassicAsm::new();
        let (yes, no) = (asm.label("yes"), asm.label("no"));
        asm.load(2, ClassicAsm::NET + 12).jump_if(Target::Gt, 7, yes).jump_unless(Target::Set, 9, no);
        asm.place(yes).ret(1).place(no).ret(0);
        let insn = |code, yes, no, value| ClassicInsn { code, yes, no, value };
        let expect =
            [insn(0x28, 0, 0, 0xFFF0_000C), insn(0x25, 1, 0, 7), insn(0x45, 0, 1, 9), insn(6, 0, 0, 1), insn(6, 0, 0, 0)];
        assert_eq!(asm.finish().unwrap(), expect);
    }

    #[test]
    fn programs_do_what_the_kernel_does() {
        let network: Vec<u8> = (0x40..0x80).collect();
        let check = |emit: &dyn Fn(&mut ClassicAsm), expect: u32| {
            let mut asm = ClassicAsm::new();
            let yes = asm.label("yes");
            emit(&mut asm);
            asm.jump_if(Target::Eq, expect, yes).ret(0).place(yes).ret(1);
            let packet = SocketPacket { network: &network, transport: 20 };
            assert_eq!(run_classic(&asm.finish().unwrap(), packet), 1, "{expect:x}");
        };
        let net = ClassicAsm::NET;
        check(
            &|asm| {
                asm.load(1, 0);
            },
            0x54,
        );
        check(
            &|asm| {
                asm.load(2, 3);
            },
            0x5758,
        );
        check(
            &|asm| {
                asm.load(4, net + 12);
            },
            0x4C4D_4E4F,
        );
        check(
            &|asm| {
                asm.load(4, net + 60);
            },
            0x7C7D_7E7F,
        );
        check(
            &|asm| {
                asm.load(4, 40).and(0xF0).rsh(4);
            },
            7,
        );
        check(
            &|asm| {
                asm.load(1, 0).and(3).to_index().load_indexed(1, 5);
            },
            0x59,
        );
        check(
            &|asm| {
                asm.index_header(net + 2).load_indexed(1, 0);
            },
            0x5C,
        );
        let compare = |target, value, expect| {
            let mut asm = ClassicAsm::new();
            let (no, out) = (asm.label("no"), asm.label("out"));
            asm.load(1, net).jump_unless(target, value, no).goto(out).place(no).ret(1).place(out).ret(2);
            let code = asm.finish().unwrap();
            assert_eq!(run_classic(&code, SocketPacket { network: &network, transport: 0 }), if expect { 2 } else { 1 });
            // The kernel drops what ends before the program has read it.
            assert_eq!(run_classic(&code, SocketPacket { network: &[], transport: 0 }), 0);
        };
        for (target, value, expect) in [
            (Target::Eq, 0x40, true),
            (Target::Eq, 0x41, false),
            (Target::Gt, 0x3F, true),
            (Target::Gt, 0x40, false),
            (Target::Ge, 0x40, true),
            (Target::Ge, 0x41, false),
            (Target::Set, 0x60, true),
            (Target::Set, 0x3F, false),
        ] {
            compare(target, value, expect);
        }
        assert_eq!(run_classic(&[], SocketPacket { network: &network, transport: 0 }), 0);
    }
}
