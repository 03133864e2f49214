//! Which matches run: relayed ones from the registry, others from the realm's lists, which are a second old. What one question costs is
//! bounded, however many rooms there are and whatever it looks for in their labels. Knows nothing of sessions.

use std::sync::{Arc, Mutex, PoisonError};

use hillfort_api::api::{ListMatchesRequest, Match};
use hillfort_api::label_query::{Label, Query, Subject, Work};
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
/// Steps that one query may take, and more for each room: those of a few clauses that look for a field.
const STEPS_MAX: u64 = 1 << 20;
const STEPS_A_ROOM: u64 = 128;
/// After so many steps a query lets others have the thread: about a millisecond.
const STEPS_A_TURN: u64 = 1 << 18;
/// Taking a label apart is no query's doing, and done once; it takes so many steps for each of its bytes.
const STEPS_A_BYTE: u64 = 8;

mod index;

use index::Index;

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
    /// Rooms that lists show, a second old at most, the newest first: the same memory for as long as none of them changes.
    fn rooms(&self) -> Arc<[RoomLine]>;

    /// Makes a room of `game` from `params`.
    fn create(&self, game: &'static str, params: Vec<u8>) -> Later<Result<RoomId, Reject>>;

    /// The room as it is now.
    fn look(&self, room: RoomId) -> Later<Option<RoomLine>>;

    /// Passes a signal to a room.
    fn signal(&self, room: RoomId, data: Vec<u8>) -> Later<Result<Vec<u8>, Reject>>;
}

/// See the module.
#[derive(Clone)]
pub struct MatchList {
    sockets: Sockets,
    rooms: Arc<dyn Rooms>,
    cipher: RoomCipher,
    index: Arc<Mutex<Arc<Index>>>,
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
        Self { sockets, rooms, cipher, index: Arc::default() }
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

    /// The rooms as they are listed now. Made anew when the lists are, by whoever comes first.
    fn index(&self) -> Arc<Index> {
        let lines = self.rooms.rooms();
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if !index.is_of(&lines) {
            *index = Arc::new(Index::new(lines, &index));
        }
        Arc::clone(&index)
    }

    /// Rooms that are wanted.
    async fn in_rooms(&self, wanted: &Wanted) -> Result<Vec<Match>, ApiError> {
        let (index, mut found) = (self.index(), Vec::new());
        let work = Work::new(STEPS_MAX + STEPS_A_ROOM * index.lines().len() as u64);
        // Steps since others had the thread: what is left of the work then, and bytes of labels that are new.
        let (mut left, mut bytes) = (work.left(), 0);
        for (at, line) in index.lines().iter().enumerate() {
            if found.len() >= wanted.limit {
                break;
            }
            if !work.take(1) {
                return Err(too_dear(index.lines().len()));
            }
            if left - work.left() + STEPS_A_BYTE * bytes > STEPS_A_TURN {
                (left, bytes) = (work.left(), 0);
                tokio::task::yield_now().await;
            }
            let fits = wanted.sizes.contains(&line.size) && wanted.label.as_ref().is_none_or(|label| **label == *line.label);
            let Some(query) = wanted.query.as_ref().filter(|_| fits) else {
                found.extend(fits.then(|| self.described(line)));
                continue;
            };
            let (label, new_bytes) = index.label(at);
            bytes += new_bytes;
            if self.wants(query, line, label, &work) && work.left() > 0 {
                found.push(self.described(line));
            }
        }
        if work.left() > 0 { Ok(found) } else { Err(too_dear(index.lines().len())) }
    }

    fn wants(&self, query: &Query, line: &RoomLine, label: &Label, work: &Work) -> bool {
        let subject = Subject {
            label,
            label_string: &line.label,
            handler_name: handler_name(line),
            node: self.node(),
            tick_rate: line.tick_rate,
            create_time_ms: line.made_unix_ms,
        };
        query.wants(&subject, work)
    }

    async fn list_now(&self, wanted: Wanted, authoritative: Option<bool>) -> Result<Vec<Match>, ApiError> {
        let mut found = if authoritative == Some(false) { Vec::new() } else { self.in_rooms(&wanted).await? };
        // Relayed matches have no label.
        if authoritative != Some(true) && wanted.query.is_none() && wanted.label.is_none() {
            let fits = |size: usize| u32::try_from(size).is_ok_and(|size| wanted.sizes.contains(&size));
            let relayed = self.sockets.shared().registry.relayed(wanted.limit - found.len(), fits);
            found.extend(relayed.into_iter().map(|(uuid, size)| self.relayed(uuid, size)));
        }
        Ok(found)
    }
}

/// What to do about a query that takes too long.
fn too_dear(rooms: usize) -> ApiError {
    let text = format!(
        "the query looks at too much in {rooms} matches: give it fewer clauses, wildcards and patterns, or ask for a size with min_size and max_size"
    );
    ApiError { field: Some("query"), ..ApiError::new(Code::ResourceExhausted, text) }
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
        let (list, authoritative) = (self.clone(), request.authoritative);
        Box::pin(async move { list.list_now(Wanted::of(&request)?, authoritative).await })
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
