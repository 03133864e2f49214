//! The maps of one filter, and user space's side of them: the mode, the counters, the sketches. Bans stand in [`crate::bans`].

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use hillfort_bpf::{Map, MapKind, MapSpec, Mapping, Result, possible_cpus};
use ipnet::IpNet;

use crate::hints::HINT_BYTES;
use crate::layout::{ALLOW_MAX, BANS_MAX, allow_key, control, row};
use crate::signature::tables;
use crate::sketch::{SIGNATURES, SOURCES};
use crate::verdict::{Mode, Verdict};

/// All maps. What the program writes per CPU has a power of two of places.
#[derive(Debug)]
pub(crate) struct Maps {
    pub(crate) control: Map,
    pub(crate) counters: Map,
    pub(crate) bans: Map,
    /// See [`crate::hints`].
    pub(crate) ban_hints: Map,
    pub(crate) allow: Map,
    pub(crate) sources: Map,
    pub(crate) networks: Map,
    pub(crate) signatures: Map,
    pub(crate) cpu_slots: usize,
}

impl Maps {
    pub(crate) fn create(allow: &[IpNet]) -> Result<Self> {
        let no_list = |source| hillfort_bpf::Error::System { what: "count the CPUs", source };
        let cpu_slots = possible_cpus().map_err(no_list)?.next_power_of_two();
        let mapped = |name, value| Map::create(MapSpec { name, kind: MapKind::MappedArray, key: 4, value, entries: 1 });
        let maps = Self {
            control: mapped("hf_control", control::BYTES)?,
            counters: mapped("hf_counters", (cpu_slots * 2) << row::SHIFT)?,
            bans: Map::create(MapSpec { name: "hf_bans", kind: MapKind::Hash, key: 8, value: 8, entries: BANS_MAX as u32 })?,
            ban_hints: mapped("hf_ban_hints", HINT_BYTES)?,
            allow: Map::create(MapSpec {
                name: "hf_allow",
                kind: MapKind::LpmTrie,
                key: 20,
                value: 1,
                entries: ALLOW_MAX as u32,
            })?,
            sources: mapped("hf_sources", 2 * SOURCES.bytes())?,
            networks: mapped("hf_networks", 2 * SOURCES.bytes())?,
            signatures: mapped("hf_signatures", 2 * SIGNATURES.bytes() * cpu_slots)?,
            cpu_slots,
        };
        let mut start = [0; control::BYTES];
        start[control::OPTION_CODES as usize..].copy_from_slice(&tables());
        let _never_full = maps.control.update(&0_u32.to_ne_bytes(), &start)?;
        for net in allow {
            if maps.allow.update(&allow_key(net.addr(), net.prefix_len()), &[1])?.is_err() {
                return Err(hillfort_bpf::Error::Shape("too many prefixes on the allow list"));
            }
        }
        Ok(maps)
    }
}

/// What packets met since the filter was made. Counters of passive and of flood mode stand apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    rows: [[u64; row::CELLS]; 2],
}

impl Counters {
    /// Packets with this verdict in this mode.
    #[must_use]
    pub const fn of(&self, mode: Mode, verdict: Verdict) -> u64 {
        self.rows[mode as usize][verdict as usize]
    }

    /// Packets with this verdict.
    #[must_use]
    pub const fn total(&self, verdict: Verdict) -> u64 {
        self.of(Mode::Passive, verdict) + self.of(Mode::Flood, verdict)
    }

    /// Well-formed SYNs for our ports, whatever became of them.
    #[must_use]
    pub const fn offered_syn(&self) -> u64 {
        self.rows[0][row::OFFERED_SYN] + self.rows[1][row::OFFERED_SYN]
    }

    /// QUIC packets with a long header for our ports, whatever became of them.
    #[must_use]
    pub const fn offered_quic(&self) -> u64 {
        self.rows[0][row::OFFERED_QUIC] + self.rows[1][row::OFFERED_QUIC]
    }
}

/// The memory that program and user space share. No system calls.
#[derive(Debug)]
pub(crate) struct Shared {
    control: Mapping,
    counters: Mapping,
    pub(crate) sources: Mapping,
    pub(crate) networks: Mapping,
    pub(crate) signatures: Mapping,
}

impl Shared {
    pub(crate) fn of(maps: &Maps) -> Result<Self> {
        Ok(Self {
            control: Mapping::new(&maps.control)?,
            counters: Mapping::new(&maps.counters)?,
            sources: Mapping::new(&maps.sources)?,
            networks: Mapping::new(&maps.networks)?,
            signatures: Mapping::new(&maps.signatures)?,
        })
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.control.cells()[control::MODE as usize / 8].store(mode as u64, Relaxed);
    }

    pub(crate) fn mode(&self) -> Mode {
        match self.control.cells()[control::MODE as usize / 8].load(Relaxed) & 1 {
            0 => Mode::Passive,
            _ => Mode::Flood,
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.control.cells()[control::EPOCH as usize / 8].load(Relaxed)
    }

    /// Clears the half that is not counted in, and makes it the one that is.
    pub(crate) fn next_epoch(&self) {
        let next = self.epoch().wrapping_add(1);
        for mapping in [&self.sources, &self.networks] {
            clear(half(mapping.cells(), SOURCES.cells(), next));
        }
        for copy in self.signatures.cells().chunks_exact(4 * SIGNATURES.cells()) {
            clear(half(copy, SIGNATURES.cells(), next));
        }
        self.control.cells()[control::EPOCH as usize / 8].store(next, Relaxed);
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for (place, line) in self.counters.cells().chunks_exact(row::CELLS).enumerate() {
            for (into, cell) in sum.rows[place & 1].iter_mut().zip(line) {
                *into = into.wrapping_add(cell.load(Relaxed));
            }
        }
        sum
    }
}

/// The words of the half of a sketch that belongs to `epoch`.
pub(crate) fn half(words: &[AtomicU64], cells: usize, epoch: u64) -> &[AtomicU64] {
    let (even, odd) = words.split_at(2 * cells);
    if epoch & 1 == 0 { even } else { odd }
}

fn clear(words: &[AtomicU64]) {
    words.iter().for_each(|word| word.store(0, Relaxed));
}
