//! Where bans go that the guard makes: into the kernel filter and into the file of bans; and how those in the file come back at a start.
//! Sharing them with other servers has its place here, too. Decides nothing.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hillfort_edge::BanSink;
use hillfort_guard::{Ban, Cause};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;

use crate::ban_file::{Journal, Kept, Line};
use crate::kernel::KernelBans;

/// How an operator's ban is called in the file.
const OPERATOR: &str = "operator";

/// See the module.
#[derive(Debug)]
pub(crate) struct BanSpread {
    /// Kernel filter.
    pub(crate) kernel: KernelBans,
    /// File.
    pub(crate) journal: Journal,
}

impl BanSink for BanSpread {
    fn banned(&mut self, ban: &Ban, lasts: Duration) {
        // Neither waits when it is busy: the guard itself refuses the address, and what found no room is made good. Where players still
        // come in by a ticket, nothing may be dropped before they have shown it.
        if !ban.strangers_only {
            self.kernel.ban(ban.addr, lasts);
        }
        self.journal.put(Line::Ban(kept(ban, lasts, unix_ms())));
    }

    fn lifted(&mut self, addr: IpAddr) {
        self.kernel.lift(addr);
        self.journal.put(Line::Lift(addr));
    }

    fn wants_all(&self) -> bool {
        self.kernel.wants_all() || self.journal.wants_all()
    }

    fn all(&mut self, bans: &mut dyn Iterator<Item = (&Ban, Duration)>) {
        let (mut dropped, mut lines) = (Vec::new(), Vec::new());
        let now_ms = unix_ms();
        for (ban, lasts) in bans {
            if !ban.strangers_only {
                dropped.push((ban.addr, lasts));
            }
            lines.push(kept(ban, lasts, now_ms));
        }
        self.kernel.all(dropped);
        self.journal.put_all(lines);
    }
}

/// Wall clock, Unix milliseconds.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// A ban as the file has it; `now_ms` is the wall clock at which it lasts for `lasts` more.
fn kept(ban: &Ban, lasts: Duration, now_ms: u64) -> Kept {
    let until_ms = now_ms.saturating_add(millis(lasts));
    let ago = |time: Time| until_ms.saturating_sub(millis(ban.until.since(time)));
    let reason = match ban.cause {
        Cause::Offence(reject) => reject.label(),
        Cause::Operator => OPERATOR,
    };
    Kept {
        address: ban.addr,
        reason: reason.to_owned(),
        count: ban.count,
        repeats: ban.repeats,
        first_ms: ago(ban.first),
        last_ms: ago(ban.last),
        until_ms,
        strangers_only: ban.strangers_only,
    }
}

/// How long a ban out of the file lasts from `now_ms` on: never longer than it did at its last offence, should the clock be wrong.
pub(crate) fn left(kept: &Kept, now_ms: u64) -> Duration {
    Duration::from_millis(kept.until_ms.saturating_sub(now_ms.max(kept.last_ms)))
}

/// A ban out of the file, in the time of a guard whose clock begins now: what was before that is its zero. A reason that this version does
/// not know stands as an operator's.
pub(crate) fn restored(kept: &Kept, now_ms: u64) -> Ban {
    let reject = Reject::ALL.iter().find(|reject| reject.label() == kept.reason);
    Ban {
        addr: kept.address,
        cause: reject.map_or(Cause::Operator, |reject| Cause::Offence(*reject)),
        count: kept.count,
        first: Time::ZERO,
        last: Time::ZERO,
        until: Time::ZERO + left(kept, now_ms),
        repeats: kept.repeats,
        strangers_only: kept.strangers_only,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_comes_back_with_the_time_that_is_left() {
        let ban = Ban {
            addr: [198, 51, 100, 7].into(),
            cause: Cause::Offence(Reject::HelloMac),
            count: 12,
            first: Time::from_millis(40_000),
            last: Time::from_millis(50_000),
            until: Time::from_millis(80_000),
            repeats: 2,
            strangers_only: true,
        };
        let kept = kept(&ban, Duration::from_secs(30), 1_700_000_050_000);
        assert_eq!((kept.first_ms, kept.last_ms, kept.until_ms), (1_700_000_040_000, 1_700_000_050_000, 1_700_000_080_000));
        let back = restored(&kept, 1_700_000_060_000);
        assert_eq!((back.addr, back.cause, back.count, back.repeats), (ban.addr, ban.cause, 12, 2));
        assert!(back.strangers_only);
        assert_eq!(back.until, Time::from_millis(20_000));
        // A clock that begins in 1970 makes no ban longer.
        assert_eq!(restored(&kept, 0).until, Time::from_millis(30_000));
        // A clock that was set forward past its end leaves nothing of it.
        assert_eq!(restored(&kept, 1_800_000_000_000).until, Time::ZERO);
    }

    #[test]
    fn a_reason_of_another_version_is_kept_as_a_ban() {
        let kept = Kept {
            address: [198, 51, 100, 7].into(),
            reason: "something_new".into(),
            count: 1,
            repeats: 0,
            first_ms: 0,
            last_ms: 0,
            until_ms: 10,
            strangers_only: false,
        };
        assert_eq!(restored(&kept, 0).cause, Cause::Operator);
        assert_eq!(restored(&Kept { reason: OPERATOR.into(), ..kept }, 0).cause, Cause::Operator);
    }
}
