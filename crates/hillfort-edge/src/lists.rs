//! Lists of rooms: the lines of the last one, and how many this thread answers. Knows nothing of what is in them.

use std::time::Duration;

use hillfort_proto::message::{Ask, RoomLines};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::RoomPort;
use hillfort_proto::time::Time;

/// Lists that this thread answers in a second, for all sessions together. One looks at some thousand rooms, here where everybody is
/// served; the rates of single sessions do not bound what many of them ask for.
const PER_SECOND: u32 = 250;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    lines: Vec<u8>,
    since: Time,
    answered: u32,
}

impl Lists {
    /// Looks the rooms up that `ask` is for. Returns whether there are more; [`Lists::lines`] has those that were found.
    pub(crate) fn look_up(&mut self, now: Time, rooms: &mut dyn RoomPort, ask: &Ask<'_>) -> Result<bool, Reject> {
        self.take(now)?;
        self.lines.clear();
        rooms.list(ask, &mut self.lines)
    }

    /// What was found last.
    pub(crate) fn lines(&self) -> RoomLines<'_> {
        RoomLines::new(&self.lines)
    }

    fn take(&mut self, now: Time) -> Result<(), Reject> {
        if now.since(self.since) >= Duration::from_secs(1) {
            (self.since, self.answered) = (now, 0);
        }
        if self.answered >= PER_SECOND {
            return Err(Reject::ControlRate);
        }
        self.answered += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sessions_together_have_a_budget() {
        let (mut lists, second) = (Lists::default(), Time::from_millis(5_000));
        for _ in 0..PER_SECOND {
            assert_eq!(lists.take(second), Ok(()));
        }
        assert_eq!(lists.take(Time::from_millis(5_999)), Err(Reject::ControlRate));
        assert_eq!(lists.take(Time::from_millis(6_000)), Ok(()));
    }
}
