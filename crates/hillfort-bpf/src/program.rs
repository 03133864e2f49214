//! Programs: loading, trial runs, and the run over live frames that makes a packet generator of a program.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::asm::Asm;
use crate::call::{Command, Error, Result, bpf, bpf_fd, name16};
use crate::insn::Insn;

const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const LIVE_FRAMES: u32 = 1 << 1;
/// Largest log that is asked of the verifier, bytes.
const LOG_BYTES: usize = 1 << 20;
/// Largest packet that a trial gives back, bytes.
const OUT_BYTES: usize = 4096;

/// An XDP program in the kernel. Dropping it removes it, once nothing uses it any more.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
    insns: usize,
}

/// Where a trial packet is said to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpContext {
    /// Index of the interface.
    pub ifindex: u32,
    /// Number of its receive queue.
    pub queue: u32,
}

/// What a trial gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRun {
    /// What the program said in the last round.
    pub verdict: u32,
    /// The packet as the program left it.
    pub packet: Vec<u8>,
    /// Mean time of a round.
    pub time: Duration,
}

/// A run over live frames.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// Where frames that the program says `XDP_TX` to go out, and what `ingress_ifindex` says.
    pub context: XdpContext,
    /// How many frames in all. The call returns after the last; a signal ends it early.
    pub frames: u32,
    /// Frames taken together, 1 to 256; 0 is the kernel's default of 64.
    pub batch: u32,
}

#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    insns: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    attach: u32,
}

#[repr(C)]
#[derive(Default)]
struct Test {
    program: u32,
    verdict: u32,
    data_in_size: u32,
    data_out_size: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_in_size: u32,
    ctx_out_size: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    padding: u32,
}

/// `struct xdp_md`.
#[repr(C)]
#[derive(Default)]
struct Metadata {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

impl Program {
    /// Assembles, verifies and loads an XDP program.
    ///
    /// The kernel is told the licence "Dual BSD/GPL": it lends some of its functions (SYN cookies) only to programs under the GPL or
    /// compatible with it, so what is emitted must be offered that way too.
    ///
    /// # Errors
    /// [`Error::Asm`], [`Error::Verifier`] with the verifier's log, or what the kernel says.
    pub fn load_xdp(name: &str, asm: Asm) -> Result<Self> {
        let code = asm.finish()?;
        match Self::load(name, &code, None) {
            Ok(fd) => Ok(Self { fd, insns: code.len() }),
            Err(source) if matches!(source.raw_os_error(), Some(libc::EINVAL | libc::EACCES | libc::E2BIG)) => {
                let mut log = vec![0; LOG_BYTES];
                let _refused_again = Self::load(name, &code, Some(&mut log));
                let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
                Err(Error::Verifier { source, log: String::from_utf8_lossy(&log[..end]).into_owned() })
            }
            Err(source) => Err(Error::System { what: "load a program", source }),
        }
    }

    fn load(name: &str, code: &[Insn], log: Option<&mut [u8]>) -> io::Result<OwnedFd> {
        let mut attr = Load {
            kind: PROG_TYPE_XDP,
            insns: code.len() as u32,
            code: code.as_ptr() as u64,
            license: c"Dual BSD/GPL".as_ptr() as u64,
            name: name16(name),
            attach: ATTACH_XDP,
            ..Load::default()
        };
        if let Some(log) = log {
            (attr.log_level, attr.log_size, attr.log) = (1, log.len() as u32, log.as_mut_ptr() as u64);
        }
        // SAFETY: `Load` is the layout of BPF_PROG_LOAD up to expected_attach_type; code and licence are read for the lengths given,
        // the log is written for at most its own.
        unsafe { bpf_fd(Command::ProgLoad, &mut attr) }
    }

    /// Number of instructions.
    #[must_use]
    pub fn insns(&self) -> usize {
        self.insns
    }

    /// Runs the program `repeat` times over a copy of `packet` that is never received or sent. The packet keeps what earlier rounds
    /// did to it.
    ///
    /// # Errors
    /// What the kernel says; `EINVAL` for packets shorter than an Ethernet header (14 bytes) or longer than a page takes.
    pub fn test_run(&self, packet: &[u8], repeat: u32, context: Option<XdpContext>) -> Result<TestRun> {
        let mut out = vec![0; OUT_BYTES.max(packet.len())];
        let mut metadata = metadata(packet, context);
        let mut attr = self.test(packet, repeat);
        (attr.data_out, attr.data_out_size) = (out.as_mut_ptr() as u64, out.len() as u32);
        if context.is_some() {
            (attr.ctx_in, attr.ctx_in_size) = (std::ptr::from_mut(&mut metadata) as u64, size_of::<Metadata>() as u32);
        }
        // SAFETY: `Test` is the layout of BPF_PROG_TEST_RUN; packet and metadata are read for the lengths given, `out` is written for
        // at most its own.
        unsafe { bpf(Command::ProgTestRun, &mut attr) }.map_err(|source| Error::System { what: "try a program", source })?;
        out.truncate(attr.data_out_size as usize);
        Ok(TestRun { verdict: attr.verdict, packet: out, time: Duration::from_nanos(attr.duration.into()) })
    }

    /// Runs the program over real frames that begin as copies of `packet`, as if the interface had received them: `XDP_TX` and
    /// redirects send them, `XDP_PASS` hands them to the kernel's stack. Frames are used again and keep what the program wrote, so a
    /// generator must write every field that it wants to differ. Needs Linux 5.18.
    ///
    /// # Errors
    /// What the kernel says; `EINTR` when a signal ended it.
    pub fn run_live(&self, packet: &[u8], live: Live) -> Result<()> {
        let mut metadata = metadata(packet, Some(live.context));
        let mut attr = self.test(packet, live.frames);
        (attr.ctx_in, attr.ctx_in_size) = (std::ptr::from_mut(&mut metadata) as u64, size_of::<Metadata>() as u32);
        (attr.flags, attr.batch) = (LIVE_FRAMES, live.batch);
        // SAFETY: as in `test_run`, without an output.
        unsafe { bpf(Command::ProgTestRun, &mut attr) }
            .map(drop)
            .map_err(|source| Error::System { what: "run a program over live frames", source })
    }

    fn test(&self, packet: &[u8], repeat: u32) -> Test {
        Test {
            program: self.as_raw_fd() as u32,
            data_in: packet.as_ptr() as u64,
            data_in_size: packet.len() as u32,
            repeat,
            ..Test::default()
        }
    }
}

fn metadata(packet: &[u8], context: Option<XdpContext>) -> Metadata {
    let XdpContext { ifindex, queue } = context.unwrap_or(XdpContext { ifindex: 0, queue: 0 });
    Metadata { data_end: packet.len() as u32, ingress_ifindex: ifindex, rx_queue_index: queue, ..Metadata::default() }
}

impl AsRawFd for Program {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
