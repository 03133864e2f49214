//! The filter that is attached: its mode, its counters, the top of what is offered. Owns the program and its links.

use std::net::IpAddr;

use hillfort_bpf::{Program, XdpLink};

use crate::layout::address_of;
use crate::maps::{Counters, Shared, half};
use crate::signature::Signature;
use crate::sketch::{SIGNATURES, SOURCES, Secret, top};
use crate::verdict::Mode;

/// A filter in the kernel, or none. Dropping it detaches.
#[derive(Debug, Default)]
pub struct Filter {
    pub(crate) kernel: Option<Kernel>,
}

#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) program: Program,
    pub(crate) shared: Shared,
    pub(crate) secret: Secret,
    pub(crate) links: Vec<XdpLink>,
    /// At one interface more, for a time.
    pub(crate) guest: Option<XdpLink>,
}

/// Who sent most new connections in an epoch, most first, with the number of SYNs (of sources and networks also QUIC long headers).
/// Banned and allowed sources are not counted. Sources may be forged: this feeds eyes and the controller, never a ban.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Top {
    /// Addresses; of IPv6 the /64.
    pub sources: Vec<(IpAddr, u64)>,
    /// Networks: /24, of IPv6 /48.
    pub networks: Vec<(IpAddr, u64)>,
    /// What the SYNs look like.
    pub signatures: Vec<(Signature, u64)>,
}

impl Filter {
    /// Whether a program is loaded, which counts and has a mode, also while it stands nowhere.
    #[must_use]
    pub const fn is_loaded(&self) -> bool {
        self.kernel.is_some()
    }

    /// Sets the mode. One store to shared memory.
    pub fn set_mode(&self, mode: Mode) {
        if let Some(kernel) = &self.kernel {
            kernel.shared.set_mode(mode);
        }
    }

    /// The mode now.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.kernel.as_ref().map_or(Mode::Passive, |kernel| kernel.shared.mode())
    }

    /// All counters; zeros without XDP. Reads shared memory.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.kernel.as_ref().map_or_else(Counters::default, |kernel| kernel.shared.counters())
    }

    /// Number of instructions of the program.
    #[must_use]
    pub fn insns(&self) -> usize {
        self.kernel.as_ref().map_or(0, |kernel| kernel.program.insns())
    }

    /// Begins an epoch: counting starts at zero, what was counted stays to be read as the last epoch. Clears 1 MiB.
    pub fn next_epoch(&self) {
        if let Some(kernel) = &self.kernel {
            kernel.shared.next_epoch();
        }
    }

    /// The top of the epoch that runs.
    #[must_use]
    pub fn top(&self) -> Top {
        self.top_of(0)
    }

    /// The top of the last epoch.
    #[must_use]
    pub fn top_of_last(&self) -> Top {
        self.top_of(1)
    }

    /// Reads 32,768 cells twice: about a millisecond.
    fn top_of(&self, back: u64) -> Top {
        let Some(Kernel { shared, secret, .. }) = &self.kernel else { return Top::default() };
        let epoch = shared.epoch().wrapping_sub(back);
        let addresses = |words| {
            let heavy = top(SOURCES, *secret, &[half(words, SOURCES.cells(), epoch)]);
            heavy.into_iter().map(|heavy| (address_of(heavy.key), heavy.count)).collect()
        };
        let copies = shared.signatures.cells().chunks_exact(4 * SIGNATURES.cells());
        let copies: Vec<_> = copies.map(|copy| half(copy, SIGNATURES.cells(), epoch)).collect();
        Top {
            sources: addresses(shared.sources.cells()),
            networks: addresses(shared.networks.cells()),
            signatures: top(SIGNATURES, *secret, &copies).into_iter().map(|heavy| (Signature(heavy.key), heavy.count)).collect(),
        }
    }
}
