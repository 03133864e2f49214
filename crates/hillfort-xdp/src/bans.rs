//! The handle for active bans. Owns the one way to write them, into the kernel's map or into a filter on the listening sockets; whom to
//! ban is decided by those who have proof of a completed handshake.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use hillfort_bpf::{Map, Result, attach_classic, detach_classic, ktime};

use crate::classic::{CLASSIC_BANS_MAX, filter};
use crate::hints::Hints;
use crate::layout::{BANS_MAX, address_of, source_key};
use crate::ledger::{Entered, Ledger};

/// Least time between two classic programs made by [`Bans::ban`]: building one takes about a millisecond.
const REBUILD_NS: u64 = 100_000_000;
/// Bans that are written in one call.
const BATCH: usize = 4096;

/// Active bans in the kernel. One owner writes them; the kernel lets each end by itself, [`Bans::sweep`] frees the room.
#[derive(Debug)]
pub struct Bans {
    place: Place,
    ledger: Ledger,
    /// A ban gave way since the last sweep, and its hint may be nobody's.
    gave_way: bool,
}

/// What became of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Banned {
    /// New connections of this source are dropped in the kernel.
    InKernel,
    /// So they are, and the ban of this source, which would have ended first, had to give way.
    InKernelInsteadOf(IpAddr),
    /// It stands in the classic filter as soon as that is made anew, by [`Bans::sweep`] at the latest.
    Soon,
    /// There is no room for more bans, and this one would be the first to end. User space refuses the source.
    NoRoom,
    /// There is no kernel filter. User space refuses the source.
    NoFilter,
}

#[derive(Debug)]
enum Place {
    Map { map: Map, hints: Hints },
    Sockets { listeners: Vec<OwnedFd>, built: u64, stale: bool },
    Nowhere,
}

impl Bans {
    pub(crate) fn in_map(map: Map, hints: Hints) -> Self {
        Self { place: Place::Map { map, hints }, ledger: Ledger::new(BANS_MAX), gave_way: false }
    }

    pub(crate) fn in_sockets(listeners: Vec<OwnedFd>) -> Self {
        Self {
            place: Place::Sockets { listeners, built: 0, stale: false },
            ledger: Ledger::new(CLASSIC_BANS_MAX),
            gave_way: false,
        }
    }

    pub(crate) fn nowhere() -> Self {
        Self { place: Place::Nowhere, ledger: Ledger::new(0), gave_way: false }
    }

    /// Drops new connections of `ip` (of an IPv6 address: of its /64) for this long from now. Connections that exist go on. Costs one
    /// system call of a microsecond; on the classic rung a millisecond, at most ten times a second.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn ban(&mut self, ip: IpAddr, lasts: Duration) -> Result<Banned> {
        if let Place::Nowhere = self.place {
            return Ok(Banned::NoFilter);
        }
        let (now, key) = (ktime(), source_key(ip));
        let until = end_of(now, lasts);
        let entered = self.ledger.enter(key, until);
        if entered == Entered::NoRoom {
            return Ok(Banned::NoRoom);
        }
        match &mut self.place {
            Place::Map { map, hints } => {
                hints.set(key);
                if let Entered::Replaced(first) = entered {
                    self.gave_way = true;
                    map.delete(&first.to_ne_bytes())?;
                }
                if map.update(&key.to_ne_bytes(), &until.to_ne_bytes())?.is_err() {
                    self.ledger.remove(key);
                    return Ok(Banned::NoRoom);
                }
            }
            Place::Sockets { built, stale, .. } => {
                *stale = true;
                if now.saturating_sub(*built) < REBUILD_NS {
                    return Ok(Banned::Soon);
                }
                self.rebuild(now)?;
            }
            Place::Nowhere => return Ok(Banned::NoFilter),
        }
        Ok(match entered {
            Entered::Replaced(first) => Banned::InKernelInsteadOf(address_of(first)),
            Entered::Stands | Entered::NoRoom => Banned::InKernel,
        })
    }

    /// Many bans at once, as after a restart, in batches of 0.4 µs a ban. Those that find no room are left out. Gives how many stand.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn ban_all(&mut self, bans: impl IntoIterator<Item = (IpAddr, Duration)>) -> Result<usize> {
        let now = ktime();
        let mut bans = bans.into_iter().peekable();
        while bans.peek().is_some() {
            let (mut keys, mut untils) = (Vec::new(), Vec::new());
            for (ip, lasts) in bans.by_ref().take(BATCH) {
                let (key, until) = (source_key(ip), end_of(now, lasts));
                match (self.ledger.enter(key, until), &self.place) {
                    (Entered::NoRoom, _) => continue,
                    (Entered::Replaced(first), Place::Map { map, .. }) => {
                        self.gave_way = true;
                        // It may wait in this batch, or be in the map.
                        if let Some(at) = keys.iter().position(|key| *key == first) {
                            keys.swap_remove(at);
                            untils.swap_remove(at);
                        } else {
                            map.delete(&first.to_ne_bytes())?;
                        }
                    }
                    _ => {}
                }
                if let Place::Map { hints, .. } = &self.place {
                    hints.set(key);
                }
                keys.push(key);
                untils.push(until);
            }
            if let Place::Map { map, .. } = &self.place {
                let bytes = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<u8>>();
                map.update_batch(&bytes(&keys), &bytes(&untils), keys.len())?;
            }
        }
        if let Place::Sockets { .. } = self.place {
            self.rebuild(now)?;
        }
        Ok(self.ledger.len())
    }

    /// Ends a ban. `false`: there was none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn lift(&mut self, ip: IpAddr) -> Result<bool> {
        let key = source_key(ip);
        let was = self.ledger.remove(key);
        match &self.place {
            Place::Map { map, hints } => {
                map.delete(&key.to_ne_bytes())?;
                if was {
                    hints.replace(self.ledger.longest(self.ledger.len()));
                }
            }
            Place::Sockets { .. } if was => self.rebuild(ktime())?,
            Place::Sockets { .. } | Place::Nowhere => {}
        }
        Ok(was)
    }

    /// These bans stand and no others, whatever stood before. Those that find no room are left out. Gives how many stand.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn replace(&mut self, bans: &[(IpAddr, Duration)]) -> Result<usize> {
        let wanted: BTreeSet<u64> = bans.iter().map(|(ip, _)| source_key(*ip)).collect();
        let gone: Vec<u64> = self.ledger.longest(self.ledger.len()).filter(|key| !wanted.contains(key)).collect();
        for key in gone {
            self.ledger.remove(key);
            if let Place::Map { map, .. } = &self.place {
                map.delete(&key.to_ne_bytes())?;
            }
        }
        self.clear_hints();
        self.ban_all(bans.iter().copied())
    }

    /// Removes bans that have ended, and brings the classic filter up to date. Call it about once a second. Gives how many ended.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn sweep(&mut self) -> Result<usize> {
        let now = ktime();
        let mut ended = 0;
        while let Some(key) = self.ledger.pop_ended(now) {
            ended += 1;
            if let Place::Map { map, .. } = &self.place {
                map.delete(&key.to_ne_bytes())?;
            }
        }
        if ended > 0 || std::mem::take(&mut self.gave_way) {
            self.clear_hints();
        }
        if let Place::Sockets { stale, .. } = self.place
            && (stale || ended > 0)
        {
            self.rebuild(now)?;
        }
        Ok(ended)
    }

    /// Bans that stand now, ended ones among them until the next sweep.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ledger.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the hints back that no ban needs any more; 65,536 bans take about a millisecond.
    fn clear_hints(&self) {
        if let Place::Map { hints, .. } = &self.place {
            hints.replace(self.ledger.longest(self.ledger.len()));
        }
    }

    /// Makes the classic program anew. The kernel may not take a large one (`net.core.optmem_max`): then with half of the bans, those
    /// that end last; user space refuses the others.
    fn rebuild(&mut self, now: u64) -> Result<()> {
        let Place::Sockets { listeners, built, stale } = &mut self.place else { return Ok(()) };
        (*built, *stale) = (now, false);
        for listener in listeners {
            let mut most = self.ledger.len();
            while let Err(error) = match most {
                0 => detach_classic(listener.as_fd()),
                most => attach_classic(listener.as_fd(), &filter(self.ledger.longest(most))?),
            } {
                if error.os_error() != Some(NO_MEMORY) || most == 0 {
                    return Err(error);
                }
                most /= 2;
            }
        }
        Ok(())
    }
}

/// `ENOMEM`.
const NO_MEMORY: i32 = 12;

fn end_of(now: u64, lasts: Duration) -> u64 {
    now.saturating_add(u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX))
}
