//! How the process ends, as a number that scripts and service managers can read. The numbers are those of `sysexits.h`.

use std::process::{ExitCode, Termination};

/// Why the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// As asked.
    Ok = 0,
    /// What was compared is not the same.
    Differs = 1,
    /// The command line makes no sense.
    Usage = 64,
    /// The configuration is wrong: `hillfort check` says where.
    Config = 65,
    /// An address is in use, or not ours to listen on.
    Address = 69,
    /// A bug in Hillfort.
    Bug = 70,
    /// The system refused something: a thread, a poller, randomness.
    System = 71,
    /// A file cannot be read or written.
    Io = 74,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
