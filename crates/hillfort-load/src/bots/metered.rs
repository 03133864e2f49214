//! Clients whose messages are answered one for one, timed. Every message carries the time from which its latency counts, so no table of
//! open messages is needed. Knows nothing of connections.

use std::time::Duration;

use anyhow::bail;
use hillfort_proto::reject::Reject;
use hillfort_proto::session::client::Event;
use hillfort_proto::time::Time;
use serde::{Deserialize, Serialize};

use super::{Measured, PATIENCE};
use crate::crowd::{Behaviour, Crowd, Voice};
use crate::latency::Latencies;
use crate::schedule::Schedule;

/// Name of the native echo room's game.
pub(crate) const ECHO_GAME: &str = "echo";
/// Operation that it returns.
pub(crate) const ECHO_OP: u32 = 1;
/// Bytes of an echoed input: with its envelope a payload of about 64 bytes.
pub(crate) const ECHO_BYTES: usize = 52;
/// Bytes that fill a ping up to a payload of 64.
pub(crate) const PING_PAD_BYTES: usize = 51;
/// Answers that come later than this after the end are as good as lost.
const GRACE: Duration = Duration::from_secs(1);

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stroke {
    /// Answered by the session.
    Ping,
    /// Answered by the echo room.
    Echo,
}

/// When it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pacing {
    /// On a fixed schedule, whatever the server does.
    Open {
        /// Messages a second of each client.
        rate_hz: f64,
    },
    /// One for each answer.
    Closed {
        /// Messages under way of each client.
        pipeline: u32,
    },
}

/// The clients and what they measured.
#[derive(Debug)]
pub(crate) struct Metered {
    stroke: Stroke,
    pacing: Pacing,
    seated: Vec<bool>,
    schedule: Option<Schedule>,
    /// Closed loop: whether answers are followed by further messages.
    flows: bool,
    from: Time,
    until: Time,
    offered: u64,
    unsent: u64,
    latencies: Latencies,
    left_code: u32,
}

impl Stroke {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Ping => "session ping",
            Self::Echo => "echo room",
        }
    }
}

impl Metered {
    /// Time before counting starts.
    pub(crate) const WARM_UP: Duration = Duration::from_millis(500);

    pub(crate) fn new(stroke: Stroke, pacing: Pacing, clients: usize) -> Self {
        Self {
            stroke,
            pacing,
            seated: vec![stroke == Stroke::Ping; clients],
            schedule: None,
            flows: false,
            from: Time(u64::MAX),
            until: Time(u64::MAX),
            offered: 0,
            unsent: 0,
            latencies: Latencies::new(),
            left_code: 0,
        }
    }

    /// Waits until all have a seat. They ask for one as soon as they are logged in.
    pub(crate) fn seat_all(&mut self, crowd: &mut Crowd) -> anyhow::Result<()> {
        let end = crowd.now() + PATIENCE;
        crowd.run(self, |now, _, metered: &Self| now >= end || metered.seated.iter().all(|&seated| seated))?;
        let seated = self.seated.iter().filter(|&&seated| seated).count();
        if seated < self.seated.len() {
            let why = Reject::from_code(self.left_code).map_or("no answer", Reject::label);
            bail!("{seated} of {} clients got a seat in a room of {ECHO_GAME}: {why}", self.seated.len());
        }
        Ok(())
    }

    /// Runs for `span` after a warm-up. May be called again.
    pub(crate) fn measure(&mut self, crowd: &mut Crowd, span: Duration) -> anyhow::Result<Measured> {
        self.measure_with(crowd, span, |_| ())
    }

    /// The same; `edge` is called with `true` when counting begins and with `false` when it ends.
    pub(crate) fn measure_with(
        &mut self,
        crowd: &mut Crowd,
        span: Duration,
        mut edge: impl FnMut(bool),
    ) -> anyhow::Result<Measured> {
        let before = crowd.counts();
        let start = crowd.now();
        (self.from, self.until) = (start + Self::WARM_UP, start + Self::WARM_UP + span);
        (self.offered, self.unsent, self.latencies) = (0, 0, Latencies::new());
        match self.pacing {
            Pacing::Open { rate_hz } => self.schedule = Some(Schedule::new(start, rate_hz, crowd.len())),
            Pacing::Closed { pipeline } => {
                self.flows = true;
                for index in 0..crowd.len() {
                    crowd.speak(index, |voice| (0..pipeline).for_each(|_| self.send(start, voice)));
                }
            }
        }
        let (begin, end) = (self.from, self.until);
        crowd.run(self, |now, _, _| now >= begin)?;
        edge(true);
        crowd.run(self, |now, _, _| now >= end)?;
        edge(false);
        // When we were held up at the very end, what was due before it is still to be sent, and late.
        self.on_turn(end - Duration::from_nanos(1), crowd);
        (self.schedule, self.flows) = (None, false);
        crowd.run(self, |now, _, metered: &Self| now >= end + GRACE || metered.latencies.count() >= metered.offered)?;
        let after = crowd.counts();
        Ok(Measured {
            stroke: self.stroke,
            pacing: self.pacing,
            clients: crowd.len(),
            seconds: span.as_secs_f64(),
            offered: self.offered,
            answered: self.latencies.count(),
            unsent: self.unsent,
            lost: after.lost - before.lost,
            resumed: after.resumed - before.resumed,
            latency: self.latencies.percentiles(),
        })
    }

    fn is_counted(&self, intended: Time) -> bool {
        (self.from..self.until).contains(&intended)
    }

    fn send(&mut self, intended: Time, voice: &mut Voice<'_>) {
        let said = match self.stroke {
            Stroke::Ping => voice.ping(intended, &[0; PING_PAD_BYTES]),
            Stroke::Echo => {
                let mut data = [0; ECHO_BYTES];
                data[..8].copy_from_slice(&intended.0.to_be_bytes());
                voice.input(ECHO_OP, &data)
            }
        };
        if self.is_counted(intended) {
            self.offered += 1;
            self.unsent += u64::from(said.is_err());
        }
    }

    fn on_answer(&mut self, intended: Time, now: Time, voice: &mut Voice<'_>) {
        if self.is_counted(intended) {
            self.latencies.record(now.since(intended));
        }
        if self.flows {
            self.send(now, voice);
        }
    }
}

impl Behaviour for Metered {
    fn on_event(&mut self, index: usize, now: Time, event: Event<'_>, voice: &mut Voice<'_>) {
        match event {
            Event::Welcome { resumed: false, .. } if self.stroke == Stroke::Echo => {
                self.seated[index] = false;
                // A refused join comes back as `Left`.
                let _told_by_left = voice.join(ECHO_GAME);
            }
            Event::Joined { .. } => self.seated[index] = true,
            Event::Left { code, .. } => (self.seated[index], self.left_code) = (false, code),
            Event::Room { op: ECHO_OP, data } => {
                if let Some(intended) = data.first_chunk::<8>() {
                    self.on_answer(Time(u64::from_be_bytes(*intended)), now, voice);
                }
            }
            Event::Pong { round_trip } if self.stroke == Stroke::Ping => self.on_answer(now - round_trip, now, voice),
            _ => {}
        }
    }

    fn next_at(&self) -> Time {
        self.schedule.as_ref().map_or(Time(u64::MAX), Schedule::next_at)
    }

    fn on_turn(&mut self, now: Time, crowd: &mut Crowd) {
        let Some(mut schedule) = self.schedule.take() else { return };
        while let Some(due) = schedule.poll_due(now) {
            let intended = schedule.intended(due);
            crowd.speak(due.sender, |voice| self.send(intended, voice));
        }
        self.schedule = Some(schedule);
    }
}
