//! The journal of bans as text: one line of JSON for each ban and lift. Knows nothing of files and clocks.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A ban as it is kept. Times are Unix milliseconds, since the clock of a process ends with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The address; of an IPv6 address its /64.
    pub(crate) address: IpAddr,
    /// `operator`, or the label of the refusal.
    pub(crate) reason: String,
    /// Offences that led to it.
    pub(crate) count: u32,
    /// Bans that the address had before and that were not forgotten.
    pub(crate) repeats: u8,
    /// First of them.
    pub(crate) first_ms: u64,
    /// Last of them.
    pub(crate) last_ms: u64,
    /// It ends here.
    pub(crate) until_ms: u64,
    /// Who has a ticket comes in all the same.
    #[serde(default)]
    pub(crate) strangers_only: bool,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// A ban began; it replaces an earlier one of the address.
    Ban(Kept),
    /// A ban was lifted.
    Lift(IpAddr),
}

/// What a journal says, line by line: the bans in force at its end, and how many lines could not be read.
pub(crate) fn read(bytes: &[u8]) -> (BTreeMap<IpAddr, Kept>, usize) {
    let (mut bans, mut unreadable) = (BTreeMap::new(), 0);
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(line) => apply(&mut bans, line),
            Err(_) => unreadable += 1,
        }
    }
    (bans, unreadable)
}

pub(crate) fn apply(bans: &mut BTreeMap<IpAddr, Kept>, line: Line) {
    match line {
        Line::Ban(ban) => {
            bans.insert(ban.address, ban);
        }
        Line::Lift(address) => {
            bans.remove(&address);
        }
    }
}

pub(crate) fn put_line(text: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}
