//! The attack by commands: a few sessions that logged in properly and then send inputs as fast as they can. Knows nothing of sockets.

use std::time::Duration;

use hillfort_proto::hello::HelloKey;
use hillfort_proto::session::client::Event;
use hillfort_proto::time::Time;

use super::{Plan, Progress, Reporter, SOURCES};
use crate::bots::ECHO_OP;
use crate::crowd::{Behaviour, Crowd, Voice};
use crate::link::{Door, Wire};

/// Inputs of one session in one go.
const BURST: u32 = 64;
/// Time between two goes: 64 inputs every 2 ms are 32,000 a second from each session.
const EVERY: Duration = Duration::from_millis(2);

#[derive(Debug)]
struct Flood<'a> {
    game: &'a str,
    progress: Progress,
    seated: Vec<bool>,
    next_at: Time,
}

/// Attacks until the time is over.
pub(super) fn run(plan: &Plan, signer: &HelloKey, reporter: &mut Reporter) -> anyhow::Result<Progress> {
    let names: Vec<String> = (1..=plan.sockets).map(|n| format!("Flood {n}")).collect();
    let sources: Vec<_> = (0..usize::from(SOURCES)).map(|n| plan.source(n)).collect();
    let door = Door { address: plan.target, wire: Wire::Frames };
    let mut crowd = Crowd::new(door, signer.clone(), &names, &sources)?;
    let mut flood =
        Flood { game: &plan.game, progress: Progress::new(plan.kind), seated: vec![false; plan.sockets], next_at: Time::ZERO };
    let end = crowd.now() + plan.span;
    let mut printed = Ok(());
    crowd.run(&mut flood, |now, crowd, flood: &Flood<'_>| {
        printed = reporter.on_progress(&flood.progress(crowd));
        printed.is_err() || now >= end
    })?;
    printed?;
    let last = flood.progress(&crowd);
    crowd.bye();
    Ok(last)
}

impl Flood<'_> {
    fn progress(&self, crowd: &Crowd) -> Progress {
        let counts = crowd.counts();
        let refused = self.progress.refused + counts.lost;
        Progress {
            offered: counts.begun,
            connected: counts.connected,
            refused,
            reset: counts.reset,
            open: counts.open as u64,
            ..self.progress
        }
    }
}

impl Behaviour for Flood<'_> {
    fn on_event(&mut self, index: usize, _now: Time, event: Event<'_>, voice: &mut Voice<'_>) {
        match event {
            Event::Welcome { resumed: false, .. } => {
                self.seated[index] = false;
                // A refused join comes back as `Left`.
                let _told_by_left = voice.join(self.game);
            }
            Event::Joined { .. } => self.seated[index] = true,
            Event::Left { .. } => self.seated[index] = false,
            Event::Room { op: ECHO_OP, .. } => self.progress.succeeded += 1,
            Event::Refused { .. } => self.progress.refused += 1,
            _ => {}
        }
    }

    fn next_at(&self) -> Time {
        self.next_at
    }

    fn on_turn(&mut self, now: Time, crowd: &mut Crowd) {
        self.next_at = now + EVERY;
        for index in 0..self.seated.len() {
            if self.seated[index] {
                let sent =
                    crowd.speak(index, |voice| (0..BURST).take_while(|_| voice.input(ECHO_OP, &[0x5a; 32]).is_ok()).count());
                self.progress.sent += sent as u64;
            }
        }
    }
}
