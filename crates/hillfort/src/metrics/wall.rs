//! The wall's metrics: what the kernel filter does with packets, how it stands, who is held back. Knows nothing of how they are counted.

use std::fmt;

use super::{Label, Page};
use crate::console::{Mode, PacketVerdict, Posture, Rung, Step, Wall};

/// Appends them. Without a kernel filter its counters are 0 and the rung says why.
pub(super) fn write(page: &mut Page<'_>, wall: &Wall) -> fmt::Result {
    let kernel = wall.kernel.as_ref();
    let packets = |verdict| kernel.map_or(0, |kernel| kernel.packets.get(verdict)) as f64;
    let packets = PacketVerdict::ALL.iter().map(|verdict| ([Label::Verdict(*verdict)], packets(*verdict)));
    page.counters("kernel_packets", "Packets to the doors, by what the kernel filter did with them.", packets)?;
    let syns = kernel.map_or(0, |kernel| kernel.syns) as f64;
    page.counters("kernel_syns", "SYNs to the doors that the kernel filter saw.", [([], syns)])?;
    let lost = kernel.map_or(0, |kernel| kernel.orders_lost) as f64;
    let help = "Bans and lifts that found no room on their way to the kernel filter; all bans are told anew then.";
    page.counters("kernel_orders_lost", help, [([], lost)])?;
    let rung = kernel.map_or(Rung::UserSpace, |kernel| kernel.rung);
    let help = "1 for the way in which packets are refused, 0 for the others.";
    page.gauges("wall_rung", help, Rung::ALL.iter().map(|one| ([Label::Rung(*one)], flag(*one == rung))))?;
    let mode = kernel.map_or(Mode::Passive, |kernel| kernel.mode);
    let help = "1 for what unknown SYNs meet in the kernel now, 0 for the other.";
    page.gauges("wall_mode", help, Mode::ALL.iter().map(|one| ([Label::Mode(*one)], flag(*one == mode))))?;
    let help = "1 for how the guard sees the moment, 0 for the other; both 0 where it does not say.";
    page.gauges("wall_posture", help, Posture::ALL.iter().map(|one| ([Label::Posture(*one)], flag(wall.posture == Some(*one)))))?;
    let steps = Step::ALL.iter().zip(wall.steps).map(|(step, n)| ([Label::Step(*step)], n as f64));
    page.gauges("ladder_addresses", "Addresses that something is done to now, by step.", steps)?;
    let watched = wall.would_refuse.iter().map(|(reject, n)| ([Label::Reason(reject), Label::Stage(reject.stage())], n as f64));
    page.counters("would_refuse", "Refusals that rules in dry run would have made.", watched)?;
    let known = &wall.known;
    let help = "Bans that addresses have earned and that were not made, because many play there.";
    page.counters("bans_spared", help, [([], known.bans_spared as f64)])?;
    page.counters("tickets_given", "Tickets given to clients that have played.", [([], known.tickets_given as f64)])?;
    page.counters("tickets_good", "Tickets shown before a login that were good.", [([], known.tickets_good as f64)])?;
    page.counters("tickets_revoked", "Tickets taken back for offences.", [([], known.tickets_revoked as f64)])?;
    page.counters("logins", "Logins and resumes that were let in.", [([], wall.logins as f64)])?;
    let help = "Sessions that waited for their client and gave way to a new one.";
    page.counters("sessions_shed", help, [([], wall.sessions_shed as f64)])?;
    page.counters("stale_keys", "Slips of the edge that it survived; report any.", [([], wall.stale_keys as f64)])?;
    let help = "Longest pause of the edge's own making within its last second of traffic, by the time that its thread ran.";
    page.gauges("own_pause_max_seconds", help, [([], wall.pause_us_max as f64 / 1e6)])?;
    page.counters("own_pauses_too_long", "Pauses of the edge's own making above 120 µs.", [([], wall.pauses_too_long as f64)])
}

const fn flag(is_set: bool) -> f64 {
    if is_set { 1.0 } else { 0.0 }
}
