//! Streams and the presences on them.

use hillfort_api::match_id::{MatchId, MatchUuid};
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{MatchPresenceEvent, StatusPresenceEvent, Stream, StreamPresenceEvent, UserPresence};
use hillfort_api::{SessionId, SessionUser, UserId};

use super::{Here, News, Place as SessionPlace, Registry, TooMany, presence, told};

/// Mode of the streams that tell what users do.
pub(crate) const STATUS: u8 = 1;
/// Mode of relayed matches.
pub(crate) const RELAYED: u8 = 5;

/// Names a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StreamKey {
    /// Kind of stream: Nakama's numbers below 10, a game's own from there.
    pub mode: u8,
    /// What it is about; zeroes: nothing.
    pub subject: [u8; 16],
    /// In which context; zeroes: none.
    pub subcontext: [u8; 16],
    /// Tells streams of one subject apart.
    pub label: Box<str>,
}

/// How a session is on a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    /// Others do not see it.
    pub hidden: bool,
    /// What it says is kept, where a stream keeps anything.
    pub persistence: bool,
    /// What the user says about themselves.
    pub status: Box<str>,
}

/// A session on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceOn {
    /// The user.
    pub user: UserId,
    /// The socket.
    pub session: SessionId,
    /// The user's name.
    pub username: String,
    /// How.
    pub meta: Meta,
}

/// Which session on which stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Where.
    pub(crate) stream: &'a StreamKey,
    /// Who.
    pub(crate) session: SessionId,
}

#[derive(Debug)]
pub(super) struct Member {
    session: SessionId,
    user: UserId,
    meta: Meta,
}

impl Member {
    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    pub(super) fn status(&self) -> &str {
        &self.meta.status
    }
}

impl StreamKey {
    pub(crate) fn status(user: UserId) -> Self {
        Self { mode: STATUS, subject: user.0, ..Self::default() }
    }

    /// The stream of the sessions in a relayed match.
    #[must_use]
    pub fn relayed(uuid: MatchUuid) -> Self {
        Self { mode: RELAYED, subject: uuid.0, ..Self::default() }
    }
}

impl Registry {
    /// Puts a session on a stream, or changes how it is there. Returns whether it was not there before, and what others are to be told.
    pub(crate) fn join(&self, place: Place<'_>, meta: Meta) -> Result<(bool, Option<News>), TooMany> {
        let (bounds, mut here) = (self.bounds, self.here());
        let Some(user) = here.sessions.get(&place.session).map(|entry| entry.user.clone()) else { return Ok((false, None)) };
        let members = here.streams.get(place.stream);
        if let Some(at) = members.and_then(|members| members.iter().position(|member| member.session == place.session)) {
            let members = here.streams.get_mut(place.stream);
            let old = members.map(|members| std::mem::replace(&mut members[at].meta, meta.clone())).unwrap_or_default();
            let (joins, leaves) = (shown(&user, place, &meta), shown(&user, place, &old));
            return Ok((false, here.news(place.stream, user.user_id, joins, leaves)));
        }
        if members.map_or(0, Vec::len) >= bounds.sessions {
            return Err(TooMany("sessions on one stream"));
        }
        let Some(entry) = here.sessions.get_mut(&place.session) else { return Ok((false, None)) };
        if entry.streams.len() >= bounds.streams {
            return Err(TooMany("streams of one session"));
        }
        entry.streams.push(place.stream.clone());
        let joins = shown(&user, place, &meta);
        let member = Member { session: place.session, user: user.user_id, meta };
        here.streams.entry(place.stream.clone()).or_default().push(member);
        Ok((true, here.news(place.stream, user.user_id, joins, None)))
    }

    /// Takes a session off a stream. Returns what others are to be told; `None`: nothing, or it was not there.
    pub(crate) fn leave(&self, place: Place<'_>) -> Option<News> {
        let mut here = self.here();
        let entry = here.sessions.get_mut(&place.session)?;
        let at = entry.streams.iter().position(|stream| stream == place.stream)?;
        entry.streams.swap_remove(at);
        let user = entry.user.clone();
        here.leave(place.stream, place.session, &user)
    }

    /// Streams of this mode that a session is on.
    pub(crate) fn streams_of(&self, session: SessionId, mode: u8) -> Vec<StreamKey> {
        let here = self.here();
        let streams = here.sessions.get(&session).map(|entry| entry.streams.as_slice()).unwrap_or_default();
        streams.iter().filter(|stream| stream.mode == mode).cloned().collect()
    }

    /// Who is on a stream.
    pub(crate) fn on_stream(&self, stream: &StreamKey) -> Vec<PresenceOn> {
        let here = self.here();
        let members = here.streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        let on = |member: &Member| {
            let username = here.sessions.get(&member.session)?.user.username.clone();
            Some(PresenceOn { user: member.user, session: member.session, username, meta: member.meta.clone() })
        };
        members.iter().filter_map(on).collect()
    }

    /// Sessions on a stream.
    pub(crate) fn count_on(&self, stream: &StreamKey) -> usize {
        self.here().streams.get(stream).map_or(0, Vec::len)
    }

    /// Where those on a stream are that `wanted` says yes to. `None`: `from` is not among them.
    pub(crate) fn others_on(&self, from: Place<'_>, wanted: impl Fn(SessionId) -> bool) -> Option<Vec<SessionPlace>> {
        let here = self.here();
        let members = here.streams.get(from.stream)?;
        members
            .iter()
            .any(|member| member.session == from.session)
            .then(|| here.places_of(members.iter().map(|member| &member.session).filter(|session| wanted(**session))))
    }

    /// Relayed matches with the number of sessions in each, at most `most`.
    pub(crate) fn relayed(&self, most: usize, fits: impl Fn(usize) -> bool) -> Vec<(MatchUuid, usize)> {
        let here = self.here();
        let matches = here.streams.iter().filter(|(stream, members)| stream.mode == RELAYED && fits(members.len()));
        matches.take(most).map(|(stream, members)| (MatchUuid(stream.subject), members.len())).collect()
    }
}

impl Here {
    /// Takes a member off a stream; the session's own list is the caller's.
    pub(super) fn leave(&mut self, stream: &StreamKey, session: SessionId, user: &SessionUser) -> Option<News> {
        let members = self.streams.get_mut(stream)?;
        let at = members.iter().position(|member| member.session == session)?;
        let member = members.remove(at);
        if members.is_empty() {
            self.streams.remove(stream);
        }
        let leaves = shown(user, Place { stream, session }, &member.meta);
        self.news(stream, user.user_id, None, leaves)
    }

    /// Who is to be told that presences came and went: those on the stream, or for a status the followers and the user.
    fn news(&self, stream: &StreamKey, about: UserId, joins: Option<UserPresence>, leaves: Option<UserPresence>) -> Option<News> {
        let (joins, leaves) = (Vec::from_iter(joins), Vec::from_iter(leaves));
        if joins.is_empty() && leaves.is_empty() {
            return None;
        }
        let to = if stream.mode == STATUS {
            let followers = self.followers.get(&about).into_iter().flatten();
            self.places_of(followers.chain(self.users.get(&about).into_iter().flatten()))
        } else {
            self.places_of(self.streams.get(stream).into_iter().flatten().map(|member| &member.session))
        };
        if to.is_empty() {
            return None;
        }
        let message = match stream.mode {
            STATUS => Message::StatusPresenceEvent(StatusPresenceEvent { joins, leaves }),
            RELAYED => {
                let match_id = MatchId { uuid: MatchUuid(stream.subject), node: "" }.to_string();
                Message::MatchPresenceEvent(MatchPresenceEvent { match_id, joins, leaves })
            }
            _ => Message::StreamPresenceEvent(StreamPresenceEvent { stream: Some(described(stream)), joins, leaves }),
        };
        Some(News { to, envelope: told(message) })
    }
}

/// The stream as clients see it.
pub(crate) fn described(stream: &StreamKey) -> Stream {
    let text = |id: [u8; 16]| if id == [0; 16] { String::new() } else { MatchUuid(id).to_string() };
    Stream {
        mode: i32::from(stream.mode),
        subject: text(stream.subject),
        subcontext: text(stream.subcontext),
        label: stream.label.to_string(),
    }
}

/// A presence as others see it; `None`: they do not.
fn shown(user: &SessionUser, place: Place<'_>, meta: &Meta) -> Option<UserPresence> {
    if meta.hidden {
        return None;
    }
    let status = (place.stream.mode == STATUS).then(|| meta.status.to_string());
    Some(UserPresence { persistence: meta.persistence, status, ..presence(user, place.session) })
}
