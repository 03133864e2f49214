//! Floor 0: instructions for the kernel's packet machines, written in Rust, and the system calls that load, attach and run them.
//!
//! Knows no rule of ours: what a packet means is decided by those who emit the instructions. Linux only.
//!
//! - [`Asm`] assembles eBPF: labels, jumps, arithmetic, loads and stores, calls of the kernel's helpers. [`ClassicAsm`] does the same
//!   for classic BPF, which sockets take.
//! - [`Map`], [`Program`], [`XdpLink`] wrap bpf(2). Each owns its descriptor: what is dropped, or dies with its process, is gone from
//!   the kernel, and so a link that was attached is detached.
//!
//! ```
//! use hillfort_bpf::{Asm, Cond::{Gt, Ne}, Reg::*, Size::{B, W}, xdp};
//!
//! // Drops frames whose first byte is 0xFF, passes all others.
//! let mut asm = Asm::new();
//! let pass = asm.label("pass");
//! asm.load(W, R2, R1, xdp::DATA).load(W, R3, R1, xdp::DATA_END);
//! asm.mov(R4, R2).add(R4, 1).jump(Gt, R4, R3, pass);
//! asm.load(B, R5, R2, 0).jump(Ne, R5, 0xFF, pass);
//! asm.mov(R0, xdp::DROP).exit();
//! asm.place(pass).mov(R0, xdp::PASS).exit();
//! assert_eq!(asm.finish().unwrap().len(), 11);
//! ```

#![allow(
    unsafe_code,
    reason = "JUSTIFICATION: bpf(2), mmap and SO_ATTACH_FILTER have no safe wrapper in std; all of it stays in this crate"
)]

mod asm;
mod call;
mod classic;
mod insn;
mod link;
mod machine;
mod map;
mod mapping;
mod program;
mod socket;

pub use asm::{Asm, AsmError, Label};
pub use call::{Error, Result};
pub use classic::{CLASSIC_INSNS_MAX, ClassicAsm, ClassicInsn, ClassicLabel, SocketPacket, Target, run_classic};
pub use insn::{Alu, Cond, Helper, Insn, Operand, Reg, Size, xdp};
pub use link::{XdpLink, XdpMode, interface_index};
pub use machine::{interfaces, ktime, own_network};
pub use map::{Map, MapFull, MapKind, MapSpec, possible_cpus};
pub use mapping::Mapping;
pub use program::{Live, Program, TestRun, XdpContext};
pub use socket::{attach_classic, detach_classic};
