//! What a match's callbacks are called with. Owns the arguments' order, as the prelude expects it, and the players' places in it.

use std::time::Duration;

use hillfort_script::{Data, Values};

use super::{Event, Play, Step};
use crate::id::id_to_text;
use crate::matches::{JoinAttempt, Presence, PresenceReason};

impl Play {
    /// The place of a session in the prelude's list, made when it has none.
    fn place(&mut self, presence: &Presence) -> usize {
        if let Some(place) = self.places.get(&presence.session_id) {
            return *place;
        }
        let place = self.stage.place(presence);
        self.places.insert(presence.session_id, place);
        let texts = (id_to_text(&presence.user_id), id_to_text(&presence.session_id), &*presence.username, &*presence.node);
        let entry = &self.engine.entries.match_presence;
        // Fails only without memory, which the callback that follows hears, too.
        self.engine.begin(&self.room, entry, (&self.own, place + 1, texts.0, texts.1, texts.2, texts.3), u32::MAX);
        place
    }

    pub(super) fn forget(&mut self, gone: &[usize]) {
        for place in gone {
            if let Some(session) = self.stage.forget(*place) {
                self.places.remove(&session);
            }
            self.engine.begin(&self.room, &self.engine.entries.match_forget, (&self.own, place + 1), u32::MAX);
        }
    }

    pub(super) fn event(&mut self, now: Duration, event: Event) {
        let own = self.own.clone();
        #[expect(clippy::cast_precision_loss, reason = "ticks of this many are exact")]
        let tick = self.tick as f64;
        match event {
            Event::Attempt(attempt) => {
                let JoinAttempt { token, presence, expires_s, vars, client, metadata } = attempt;
                let strings =
                    |pairs: Vec<(String, String)>| Data::map(pairs.into_iter().map(|(name, value)| (name, Data::text(value))));
                let (ip, port) = client.unzip();
                #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
                let who = (
                    &own,
                    tick,
                    id_to_text(&presence.user_id),
                    id_to_text(&presence.session_id),
                    &*presence.username,
                    &*presence.node,
                    expires_s as f64,
                    strings(vars),
                    ip,
                    port,
                    strings(metadata),
                );
                self.begin(now, Step::Attempt(token), who);
            }
            Event::Join(presences) => {
                let moved = presences.iter().flat_map(|presence| moved(self.place(presence), PresenceReason::Join)).collect();
                self.begin(now, Step::Join, (&own, tick, Values(moved)));
            }
            Event::Leave(presences) => {
                let places: Vec<_> = presences.iter().map(|(presence, reason)| (self.place(presence), *reason)).collect();
                let moved = places.iter().flat_map(|(place, reason)| moved(*place, *reason)).collect();
                let gone = places.into_iter().map(|(place, _)| place).collect();
                self.begin(now, Step::Leave(gone), (&own, tick, Values(moved)));
            }
            Event::Signal(token, data) => {
                self.signals -= 1;
                self.begin(now, Step::Signal(token), (&own, tick, data));
            }
            Event::Terminate(grace) => self.begin(now, Step::Terminate(grace), (&own, tick, grace.as_secs())),
        }
    }

    pub(super) fn run_tick(&mut self, now: Duration) {
        let mut flat = Vec::with_capacity(self.messages.len() * 5);
        self.message_bytes = 0;
        let messages = std::mem::take(&mut self.messages);
        let mut gone = Vec::new();
        for message in messages {
            let known = self.places.contains_key(&message.sender.session_id);
            let place = self.place(&message.sender);
            if !known {
                gone.push(place);
            }
            #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
            flat.extend([
                number(place + 1),
                Data::Number(message.op_code as f64),
                Data::Text(message.data),
                Data::Bool(message.reliable),
                Data::Number(message.receive_time_ms as f64),
            ]);
        }
        let own = self.own.clone();
        #[expect(clippy::cast_precision_loss, reason = "ticks of this many are exact")]
        let tick = self.tick as f64;
        self.begin(now, Step::Tick(gone), (&own, tick, Values(flat)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "places are few")]
fn number(place: usize) -> Data {
    Data::Number(place as f64)
}

fn moved(place: usize, reason: PresenceReason) -> [Data; 2] {
    [number(place + 1), Data::Number(f64::from(reason as u8))]
}
