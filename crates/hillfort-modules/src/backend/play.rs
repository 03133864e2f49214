//! Matches and streams as modules see them. Owns the fields, named as Nakama's where nothing else is said; their bounds are the backend's.

use crate::id::Id;

/// A match that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchInfo {
    pub match_id: String,
    pub authoritative: bool,
    pub label: Option<String>,
    pub size: u32,
    /// Nothing for relayed matches.
    pub tick_rate: Option<u32>,
    /// Nothing for relayed matches.
    pub handler_name: Option<String>,
}

/// Which matches are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchQuery {
    /// At most so many, at least 1.
    pub limit: u32,
    pub authoritative: Option<bool>,
    pub label: Option<String>,
    pub min_size: Option<i32>,
    pub max_size: Option<i32>,
    pub query: Option<String>,
}

/// Names a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Stream {
    pub mode: u8,
    pub subject: Option<Id>,
    pub subcontext: Option<Id>,
    pub label: String,
}

/// A user's session, for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTarget {
    pub user_id: Id,
    pub session_id: Id,
}

/// How somebody is on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMeta {
    pub hidden: bool,
    pub persistence: bool,
    pub status: String,
    /// Filled by the backend.
    pub username: String,
}

/// Who is on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPresence {
    pub target: StreamTarget,
    pub node: String,
    pub meta: StreamMeta,
}
