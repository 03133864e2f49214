//! Bots that play hilltop: each looks at what it sees from time to time and gives an order. Knows nothing of connections, and of the game only
//! that there are entities and orders.

use std::time::Duration;

use hillfort_proto::session::client::Event;
use hillfort_proto::time::Time;
use hillfort_sync::Mirror;

use crate::crowd::{Behaviour, Crowd, Voice};
use crate::hilltop::{Brain, EVENT_MAP, GAME, OP_MOVE, State, schema};

/// Wait before asking for a seat again.
const REJOIN: Duration = Duration::from_secs(2);

/// The bots.
#[derive(Debug)]
pub(crate) struct Players {
    players: Vec<Player>,
    next_at: Time,
    orders: u64,
}

#[derive(Debug)]
struct Player {
    brain: Brain,
    /// What it sees of the room.
    mirror: Mirror,
    seated: bool,
    /// When it thinks, or without a seat asks for one.
    act_at: Time,
}

impl Players {
    pub(crate) fn new(count: usize) -> Self {
        let player = |index: usize| Player {
            brain: Brain::new(index as u64),
            mirror: Mirror::new(schema()),
            seated: false,
            act_at: Time(u64::MAX),
        };
        Self { players: (0..count).map(player).collect(), next_at: Time(u64::MAX), orders: 0 }
    }

    /// Orders given so far.
    pub(crate) const fn orders(&self) -> u64 {
        self.orders
    }

    fn act_at(&mut self, index: usize, at: Time) {
        self.players[index].act_at = at;
        self.next_at = self.next_at.min(at);
    }

    fn think(&mut self, index: usize, now: Time, voice: &mut Voice<'_>) {
        let player = &mut self.players[index];
        let pause = Duration::from_secs_f32(player.brain.pause_s());
        if let Some(order) = State::read(&player.mirror).and_then(|state| player.brain.decide(&state)) {
            // An order that cannot be sent is stale in a second: the next one will do.
            self.orders += u64::from(voice.input(OP_MOVE, &order.bytes()).is_ok());
        }
        self.players[index].act_at = now + pause;
    }
}

impl Player {
    /// A packet of the room's scene; one that does not fit to what is known has it sent anew.
    fn see(&mut self, packet: &[u8], voice: &mut Voice<'_>) {
        if self.mirror.take(packet).is_err() {
            voice.resync();
        }
    }
}

impl Behaviour for Players {
    fn on_event(&mut self, index: usize, now: Time, event: Event<'_>, voice: &mut Voice<'_>) {
        match event {
            Event::Welcome { resumed: false, .. } => {
                self.players[index].seated = false;
                // Refused here only with a seat or a request under way, and then nothing is missing.
                let _seated_already = voice.join(GAME);
            }
            Event::Joined { .. } => {
                let player = &mut self.players[index];
                player.seated = true;
                player.mirror = Mirror::new(schema());
                let pause = Duration::from_secs_f32(player.brain.pause_s());
                self.act_at(index, now + pause);
            }
            Event::Left { .. } => {
                self.players[index].seated = false;
                self.act_at(index, now + REJOIN);
            }
            Event::Room { op: EVENT_MAP, data } => self.players[index].brain.on_map(data),
            Event::Scene { data } => self.players[index].see(data, voice),
            _ => {}
        }
    }

    fn next_at(&self) -> Time {
        self.next_at
    }

    fn on_turn(&mut self, now: Time, crowd: &mut Crowd) {
        for index in 0..self.players.len() {
            if self.players[index].act_at > now {
                continue;
            }
            if self.players[index].seated {
                crowd.speak(index, |voice| self.think(index, now, voice));
            } else {
                self.players[index].act_at = now + REJOIN;
                // Without a session the join is refused here; the login that follows asks again.
                let _asked_at_login = crowd.speak(index, |voice| voice.join(GAME));
            }
        }
        self.next_at = self.players.iter().map(|player| player.act_at).min().unwrap_or(Time(u64::MAX));
    }
}
