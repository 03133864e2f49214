//! The realm as matches see it: rooms as lines of a list, made and asked without waiting. Knows nothing of sockets.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hillfort_api::matches::Later;
use hillfort_nakama::matches::{RoomLine, Rooms};
use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_realm::{Listed, RealmHandle};
use tokio::sync::oneshot;

#[derive(Debug, Default)]
struct Seen {
    lists: Vec<Arc<[Listed]>>,
    lines: Arc<[RoomLine]>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct RealmRooms {
    realm: Arc<RealmHandle>,
    /// The newest lists of the world threads, and what is made of them.
    seen: Arc<Mutex<Seen>>,
    /// Where the realm's clock begins, milliseconds since 1970.
    origin_ms: i64,
}

impl RealmRooms {
    /// Rooms of a realm that was started just now.
    pub(crate) fn new(realm: Arc<RealmHandle>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { realm, seen: Arc::default(), origin_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
    }

    /// `None`: of a game that is not there, which no room is.
    fn line(&self, room: &Listed) -> Option<RoomLine> {
        Some(RoomLine {
            room: room.room,
            game: Arc::clone(self.realm.game(room.game)?),
            handler: Arc::clone(&room.handler),
            label: Arc::clone(&room.label),
            size: u32::from(room.seats_taken),
            tick_rate: room.hz,
            made_unix_ms: self.origin_ms.saturating_add(i64::try_from(room.made.0 / 1_000_000).unwrap_or(i64::MAX)),
        })
    }
}

impl Rooms for RealmRooms {
    fn rooms(&self) -> Arc<[RoomLine]> {
        let lists = self.realm.rooms();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_seen = seen.lists.len() == lists.len() && seen.lists.iter().zip(&lists).all(|(old, new)| Arc::ptr_eq(old, new));
        if !is_seen {
            let mut lines: Vec<_> = lists.iter().flat_map(|list| list.iter()).filter_map(|room| self.line(room)).collect();
            // As in Nakama.
            lines.sort_unstable_by_key(|line| Reverse((line.made_unix_ms, line.room)));
            *seen = Seen { lists, lines: lines.into() };
        }
        Arc::clone(&seen.lines)
    }

    fn create(&self, game: &'static str, params: Vec<u8>) -> Later<Result<RoomId, Reject>> {
        let (tell, told) = oneshot::channel();
        // Whoever asked may have stopped waiting.
        let asked = self.realm.create_then(game, params, move |made| _ = tell.send(made));
        Box::pin(async move {
            asked?;
            told.await.unwrap_or(Err(Reject::Shutdown))
        })
    }

    fn look(&self, room: RoomId) -> Later<Option<RoomLine>> {
        let (tell, told) = oneshot::channel();
        let rooms = self.clone();
        let asked = self.realm.look_then(room, move |seen| _ = tell.send(seen.and_then(|room| rooms.line(&room))));
        Box::pin(async move {
            asked.ok()?;
            told.await.unwrap_or_default()
        })
    }

    fn signal(&self, room: RoomId, data: Vec<u8>) -> Later<Result<Vec<u8>, Reject>> {
        let (tell, told) = oneshot::channel();
        let asked = self.realm.signal_then(room, data, move |answer| _ = tell.send(answer));
        Box::pin(async move {
            asked?;
            told.await.unwrap_or(Err(Reject::Shutdown))
        })
    }
}
