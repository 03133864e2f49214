//! The live feed: server-sent events that begin with the whole history and go on with what is new. A reader that is slow gets several
//! samples in one event; nothing queues up for it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Instant;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hillfort_proto::reject::Reject;
use serde_json::json;
use tokio::sync::watch;

use super::admission::Actor;
use super::api::State;
use super::feed::unix_ms;
use super::naming::Threat;
use super::places::Place;
use super::sessions::Token;
use super::{HISTORY_SAMPLES, SAMPLE_EVERY};

/// Readers at a time; each tab is one.
pub(super) const READERS_MAX: usize = 32;
/// Of one operator.
pub(super) const OF_OPERATOR_MAX: usize = 4;
/// Of one who has not signed in: several commands and pages share such a name.
pub(super) const OF_OTHER_MAX: usize = 16;

/// Takes a place for one who looks.
pub(super) fn place(state: &State, actor: &Actor) -> Option<Place<String>> {
    let most = if actor.token.is_some() { OF_OPERATOR_MAX } else { OF_OTHER_MAX };
    state.places.take(actor.name.clone(), most)
}

/// What one reader has been sent.
struct Reader {
    state: State,
    token: Option<Token>,
    changed: watch::Receiver<()>,
    pending: VecDeque<Event>,
    seq: u64,
    tables: u64,
    attack: u64,
    _place: Place<String>,
}

/// Answers `GET /api/live`.
///
/// It ends with the session of who looks.
pub(super) fn respond(state: State, token: Option<Token>, place: Place<String>) -> Response {
    let changed = state.feed.watch();
    // Nobody may have looked so far, so the tables can be old.
    state.feed.set_tables(&*state.source);
    let pending = VecDeque::with_capacity(4);
    let mut reader = Reader { state, token, changed, pending, seq: 0, tables: 0, attack: 0, _place: place };
    reader.pending.push_back(event("hello", &welcome(&reader.state)));
    reader.collect();
    if reader.attack == 0 {
        // No attack yet is also something that the page must know after it came back from a lost connection.
        reader.pending.push_back(event("attack", &reader.state.attack.json().0));
    }
    Sse::new(stream::unfold(reader, |mut reader| async move {
        loop {
            if let Some(event) = reader.pending.pop_front() {
                return Some((Ok::<_, Infallible>(event), reader));
            }
            reader.changed.changed().await.ok()?;
            reader.token.is_none_or(|token| reader.state.sessions.find(&token, Instant::now()).is_some()).then_some(())?;
            reader.collect();
        }
    }))
    .into_response()
}

impl Reader {
    fn collect(&mut self) {
        let (samples, seq) = self.state.feed.samples_after(self.seq);
        if seq != self.seq {
            self.seq = seq;
            self.pending.push_back(event("samples", &samples));
        }
        let (tables, version) = self.state.feed.tables();
        if version != self.tables {
            self.tables = version;
            self.pending.push_back(event("tables", &tables));
        }
        let (attack, version) = self.state.attack.json();
        if version != self.attack {
            self.attack = version;
            self.pending.push_back(event("attack", &attack));
        }
    }
}

/// What does not change while the server runs.
fn welcome(state: &State) -> String {
    let rejects: Vec<_> =
        Reject::ALL.iter().map(|reject| json!([reject.code(), reject.label(), reject.stage().label()])).collect();
    let threats: Vec<_> = Threat::ALL.iter().map(|threat| json!([threat, threat.name(), threat.sign()])).collect();
    json!({
        "version": state.feed.version,
        "development": state.settings.development,
        "attacks": state.attack.offers(),
        "gamePort": state.settings.game_port,
        "uptimeMs": state.feed.uptime_ms(),
        "now": unix_ms(),
        "sampleMs": u64::try_from(SAMPLE_EVERY.as_millis()).unwrap_or(0),
        "historySamples": HISTORY_SAMPLES,
        "rejects": rejects,
        "threats": threats,
    })
    .to_string()
}

fn event(name: &str, json: &str) -> Event {
    Event::default().event(name).data(json)
}

const _: () = assert!(READERS_MAX < 64, "readers leave connections for requests");

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("seq", &self.seq).finish_non_exhaustive()
    }
}
