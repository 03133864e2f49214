//! Which matches run: relayed ones from the registry, others from the realm's lists, which are a second old. Labels that are JSON are taken
//! apart once, when they are new. Knows nothing of sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hillfort_api::api::{ListMatchesRequest, Match};
use hillfort_api::label_query::{Label, Query, Subject};
use hillfort_api::match_id::{MatchId, MatchUuid, RoomCipher};
use hillfort_api::matches::{HANDLER_GAME, HandlerParams, Later, Matches};
use hillfort_api::{ApiError, Code};
use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use prost::Message as _;

use crate::socket::Sockets;
use crate::socket::registry::StreamKey;

/// Longest data of a signal, in both directions.
const SIGNAL_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of what a handler is created with.
const PARAMS_BYTES_MAX: usize = 64 * 1024;

/// A room as a list shows it.
#[derive(Debug, Clone)]
pub struct RoomLine {
    /// Its number.
    pub room: RoomId,
    /// Its game.
    pub game: Arc<str>,
    /// Which of the game's rules it plays.
    pub handler: Arc<str>,
    /// What it says about itself: the same memory for as long as it does not change.
    pub label: Arc<str>,
    /// Players.
    pub size: u32,
    /// Ticks a second.
    pub tick_rate: u32,
    /// When it was made, milliseconds since 1970.
    pub made_unix_ms: i64,
}

/// Where rooms are: the realm, as far as matches need it.
pub trait Rooms: Send + Sync {
    /// Rooms that lists show, a second old at most.
    fn rooms(&self) -> Vec<RoomLine>;

    /// Makes a room of `game` from `params`.
    fn create(&self, game: &'static str, params: Vec<u8>) -> Later<Result<RoomId, Reject>>;

    /// The room as it is now.
    fn look(&self, room: RoomId) -> Later<Option<RoomLine>>;

    /// Passes a signal to a room.
    fn signal(&self, room: RoomId, data: Vec<u8>) -> Later<Result<Vec<u8>, Reject>>;
}

/// Labels of rooms as text, and taken apart.
type Labels = HashMap<RoomId, (Arc<str>, Arc<Label>)>;

/// See the module.
#[derive(Clone)]
pub struct MatchList {
    sockets: Sockets,
    rooms: Arc<dyn Rooms>,
    cipher: RoomCipher,
    labels: Arc<Mutex<Labels>>,
}

/// What a request asks for, checked.
struct Wanted {
    limit: usize,
    query: Option<Query>,
    label: Option<String>,
    sizes: std::ops::RangeInclusive<u32>,
}

impl MatchList {
    /// Matches of these sockets and rooms. `cipher` is that of the sockets.
    #[must_use]
    pub fn new(sockets: Sockets, rooms: Arc<dyn Rooms>, cipher: RoomCipher) -> Self {
        Self { sockets, rooms, cipher, labels: Arc::default() }
    }

    fn node(&self) -> &str {
        &self.sockets.shared().config.node
    }

    /// The room that an id names.
    fn room(&self, id: &str) -> Result<Option<RoomId>, ApiError> {
        let id = MatchId::parse(id).ok_or_else(|| ApiError::invalid("match_id", "match id invalid"))?;
        Ok((id.node == self.node()).then(|| self.cipher.room(id.uuid)).flatten().map(RoomId))
    }

    fn described(&self, line: &RoomLine) -> Match {
        Match {
            match_id: MatchId { uuid: self.cipher.uuid(line.room.0), node: self.node() }.to_string(),
            authoritative: true,
            label: Some(line.label.to_string()),
            size: line.size as i32,
            tick_rate: line.tick_rate as i32,
            handler_name: handler_name(line).to_owned(),
        }
    }

    fn relayed(&self, uuid: MatchUuid, size: usize) -> Match {
        let match_id = MatchId { uuid, node: "" }.to_string();
        debug_assert!(size > 0, "a relayed match is there while somebody is in it");
        Match { match_id, size: size as i32, ..Match::default() }
    }

    /// Labels taken apart, those that are new anew; those of rooms that are gone are forgotten.
    fn labels(&self, lines: &[RoomLine]) -> Vec<Arc<Label>> {
        let mut known = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = HashMap::with_capacity(lines.len());
        let labels = lines.iter().map(|line| {
            let old = known.remove(&line.room).filter(|(text, _)| Arc::ptr_eq(text, &line.label) || **text == *line.label);
            let (text, label) = old.unwrap_or_else(|| (Arc::clone(&line.label), Arc::new(Label::read(&line.label))));
            now.insert(line.room, (text, Arc::clone(&label)));
            label
        });
        let labels = labels.collect();
        *known = now;
        labels
    }

    fn list_now(&self, request: &ListMatchesRequest) -> Result<Vec<Match>, ApiError> {
        let wanted = Wanted::of(request)?;
        let mut found = Vec::new();
        if request.authoritative != Some(false) {
            let mut lines = self.rooms.rooms();
            lines.retain(|line| {
                wanted.sizes.contains(&line.size) && wanted.label.as_ref().is_none_or(|label| **label == *line.label)
            });
            // The newest first, as in Nakama.
            lines.sort_unstable_by_key(|line| std::cmp::Reverse((line.made_unix_ms, line.room)));
            let labels = if wanted.query.is_some() { self.labels(&lines) } else { Vec::new() };
            let fits = |at: usize, line: &RoomLine| {
                let Some(query) = &wanted.query else { return true };
                query.wants(&Subject {
                    label: &labels[at],
                    label_string: &line.label,
                    handler_name: handler_name(line),
                    node: self.node(),
                    tick_rate: line.tick_rate,
                    create_time_ms: line.made_unix_ms,
                })
            };
            let fitting = lines.iter().enumerate().filter(|(at, line)| fits(*at, line));
            found.extend(fitting.take(wanted.limit).map(|(_, line)| self.described(line)));
        }
        // Relayed matches have no label.
        if request.authoritative != Some(true) && wanted.query.is_none() && wanted.label.is_none() {
            let fits = |size: usize| u32::try_from(size).is_ok_and(|size| wanted.sizes.contains(&size));
            let relayed = self.sockets.shared().registry.relayed(wanted.limit - found.len(), fits);
            found.extend(relayed.into_iter().map(|(uuid, size)| self.relayed(uuid, size)));
        }
        Ok(found)
    }
}

impl Wanted {
    fn of(request: &ListMatchesRequest) -> Result<Self, ApiError> {
        let query = request.query.as_deref().map(Query::read).transpose();
        let size = |size: Option<i32>, otherwise| size.map_or(otherwise, |size| u32::try_from(size).unwrap_or(0));
        Ok(Self {
            limit: request.limit.map_or(1, |limit| usize::try_from(limit).unwrap_or(0)),
            query: query.map_err(|error| ApiError::invalid("query", format!("query: {error}")))?,
            // An empty query is one for everything, so a label beside it means nothing.
            label: request.label.clone().filter(|_| request.query.is_none()),
            sizes: size(request.min_size, 0)..=size(request.max_size, u32::MAX),
        })
    }
}

impl Matches for MatchList {
    fn create(&self, handler: String, params: Option<String>) -> Later<Result<String, ApiError>> {
        if params.as_ref().is_some_and(|params| params.len() > PARAMS_BYTES_MAX) {
            return refuse(ApiError::invalid("params", format!("params: at most {PARAMS_BYTES_MAX} bytes")));
        }
        let params = HandlerParams { handler, params }.encode_to_vec();
        let (made, list) = (self.rooms.create(HANDLER_GAME, params), self.clone());
        Box::pin(async move {
            let room = made.await.map_err(|reject| refused("the match was not made", reject))?;
            Ok(MatchId { uuid: list.cipher.uuid(room.0), node: list.node() }.to_string())
        })
    }

    fn get(&self, match_id: String) -> Later<Result<Option<Match>, ApiError>> {
        let room = match self.room(&match_id) {
            Ok(room) => room,
            Err(error) => return refuse(error),
        };
        let list = self.clone();
        Box::pin(async move {
            if let Some(id) = MatchId::parse(&match_id).filter(|id| id.node.is_empty()) {
                let size = list.sockets.shared().registry.count_on(&StreamKey::relayed(id.uuid));
                return Ok((size > 0).then(|| list.relayed(id.uuid, size)));
            }
            let Some(room) = room else { return Ok(None) };
            Ok(list.rooms.look(room).await.map(|line| list.described(&line)))
        })
    }

    fn list(&self, request: ListMatchesRequest) -> Later<Result<Vec<Match>, ApiError>> {
        let found = self.list_now(&request);
        Box::pin(std::future::ready(found))
    }

    fn signal(&self, match_id: String, data: String) -> Later<Result<String, ApiError>> {
        if data.len() > SIGNAL_BYTES_MAX {
            return refuse(ApiError::invalid("data", format!("data: at most {SIGNAL_BYTES_MAX} bytes")));
        }
        let room = match self.room(&match_id) {
            Ok(Some(room)) => room,
            Ok(None) => return refuse(ApiError::new(Code::NotFound, "match not found")),
            Err(error) => return refuse(error),
        };
        let answer = self.rooms.signal(room, data.into_bytes());
        Box::pin(async move {
            let answer = answer.await.map_err(|reject| refused("the match did not answer", reject))?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        })
    }
}

/// Rooms of other games are named after them.
fn handler_name(line: &RoomLine) -> &str {
    if line.handler.is_empty() { &line.game } else { &line.handler }
}

fn refused(what: &str, reject: Reject) -> ApiError {
    let code = match reject {
        Reject::RoomUnknown | Reject::RoomClosed | Reject::RoomGame => Code::NotFound,
        Reject::WorldBusy | Reject::RoomsFull | Reject::Draining | Reject::Shutdown => Code::Unavailable,
        _ => Code::Internal,
    };
    ApiError::new(code, format!("{what}: {}", reject.label()))
}

fn refuse<T: Send + 'static>(error: ApiError) -> Later<Result<T, ApiError>> {
    Box::pin(std::future::ready(Err(error)))
}

impl std::fmt::Debug for MatchList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MatchList").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
