//! Who is here: sessions and their users, the streams that sessions are on, and who follows whom. Shared by the loop and by other threads,
//! behind one lock that is held for look-ups and small changes. Says who is to be told what; sends nothing.
//!
//! A stream is what Nakama calls so: a mode, a subject, and the presences on it. Status is a stream of the user's, a relayed match is one
//! with the match's UUID as subject. Everything here is bounded by the sessions there are: each has so many streams and follows so many.

mod follow;
mod streams;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hillfort_api::realtime::{Envelope, UserPresence, envelope};
use hillfort_api::{SessionId, SessionUser, UserId};

pub use streams::{Meta, PresenceOn, StreamKey};
pub(crate) use streams::{Place as StreamPlace, RELAYED, described};

use crate::socket::Config;
use crate::socket::conn::{ConnRef, Format};

/// See the module.
#[derive(Debug)]
pub(crate) struct Registry {
    bounds: Bounds,
    here: Mutex<Here>,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    streams: usize,
    sessions: usize,
    follows: usize,
}

#[derive(Debug, Default)]
struct Here {
    sessions: HashMap<SessionId, Entry>,
    users: HashMap<UserId, Vec<SessionId>>,
    streams: HashMap<StreamKey, Vec<streams::Member>>,
    followers: HashMap<UserId, Vec<SessionId>>,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    user: Arc<SessionUser>,
    streams: Vec<StreamKey>,
    follows: Vec<UserId>,
}

/// Where a session's socket is, and how it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: ConnRef,
    pub(crate) format: Format,
}

/// Something that sessions are to be told.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) to: Vec<Place>,
    pub(crate) envelope: Envelope,
}

/// A bound was reached; says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany(pub(crate) &'static str);

impl Registry {
    pub(crate) fn new(config: &Config) -> Self {
        let bounds =
            Bounds { streams: config.session_streams_max, sessions: config.stream_sessions_max, follows: config.follows_max };
        Self { bounds, here: Mutex::default() }
    }

    pub(crate) fn open(&self, session: SessionId, user: Arc<SessionUser>, place: Place) {
        let mut here = self.here();
        here.users.entry(user.user_id).or_default().push(session);
        here.sessions.insert(session, Entry { place, user, streams: Vec::new(), follows: Vec::new() });
    }

    /// Forgets a session. Returns what others are to be told.
    pub(crate) fn close(&self, session: SessionId) -> Vec<News> {
        let mut here = self.here();
        let Some(entry) = here.sessions.remove(&session) else { return Vec::new() };
        for followed in &entry.follows {
            here.forget_follower(*followed, session);
        }
        let news = entry.streams.iter().filter_map(|stream| here.leave(stream, session, &entry.user)).collect();
        let user = entry.user.user_id;
        if let Some(sessions) = here.users.get_mut(&user) {
            sessions.retain(|other| *other != session);
            if sessions.is_empty() {
                here.users.remove(&user);
            }
        }
        news
    }

    /// Open sessions.
    pub(crate) fn len(&self) -> usize {
        self.here().sessions.len()
    }

    pub(crate) fn place(&self, session: SessionId) -> Option<Place> {
        self.here().sessions.get(&session).map(|entry| entry.place)
    }

    /// Where those of `to` are that are here.
    pub(crate) fn places(&self, to: &[SessionId]) -> Vec<Place> {
        let here = self.here();
        to.iter().filter_map(|session| here.sessions.get(session)).map(|entry| entry.place).collect()
    }

    /// Sessions of a user, oldest first.
    pub(crate) fn of_user(&self, user: UserId) -> Vec<SessionId> {
        self.here().users.get(&user).cloned().unwrap_or_default()
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        // What is behind the lock stays whole when a holder panics.
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Here {
    fn places_of<'a>(&'a self, sessions: impl IntoIterator<Item = &'a SessionId>) -> Vec<Place> {
        sessions.into_iter().filter_map(|session| self.sessions.get(session)).map(|entry| entry.place).collect()
    }
}

/// A session as others see it.
pub(crate) fn presence(user: &SessionUser, session: SessionId) -> UserPresence {
    UserPresence {
        user_id: user.user_id.to_string(),
        session_id: session.to_string(),
        username: user.username.clone(),
        ..UserPresence::default()
    }
}

/// An envelope that nobody asked for.
pub(crate) fn told(message: envelope::Message) -> Envelope {
    Envelope { cid: String::new(), message: Some(message) }
}

#[cfg(test)]
mod tests;
