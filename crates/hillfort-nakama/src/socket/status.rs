//! What users say about themselves, and who hears of it.

use hillfort_api::api::{GetUsersRequest, Users};
use hillfort_api::error::RealtimeCode;
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Status, StatusFollow};
use hillfort_api::{ApiError, Call, Code, SessionId, UserId};
use hillfort_proto::time::Time;

use super::Sockets;
use super::calls::Then;
use super::conn::ConnRef;
use super::registry::{Meta, StreamKey, StreamPlace};
use super::thread::SocketThread;

/// Most bytes of a status, as in Nakama.
const STATUS_BYTES_MAX: usize = 2048;
/// Users in one request: as many as `nakama.batch_max` and `socket.follows_max` are by default, which bound it, too.
const USERS_MAX: usize = 1024;

impl Sockets {
    /// Has a session hear of the status of users from now on, or no longer. Does nothing when there is no such session.
    ///
    /// # Errors
    /// `ResourceExhausted`: the bound `follows_max`.
    pub fn follow(&self, session: SessionId, users: &[UserId], follow: bool) -> Result<(), ApiError> {
        let registry = &self.shared().registry;
        if !follow {
            registry.unfollow(session, users);
            return Ok(());
        }
        registry.follow(session, users).map_err(|many| ApiError::new(Code::ResourceExhausted, format!("too many {}", many.0)))
    }
}

impl SocketThread {
    pub(crate) fn on_status_follow(&mut self, now: Time, at: ConnRef, cid: String, follow: StatusFollow) {
        let Some(conn) = self.conn(at) else { return };
        let (own, name) = (conn.user.user_id.to_string(), conn.user.username.clone());
        if follow.user_ids.iter().any(|id| UserId::parse(id).is_none()) {
            return self.fail(now, at, cid, RealtimeCode::BadInput, "user_ids: each must be a UUID");
        }
        if follow.usernames.iter().any(String::is_empty) {
            return self.fail(now, at, cid, RealtimeCode::BadInput, "usernames: none may be empty");
        }
        let StatusFollow { user_ids: mut ids, mut usernames } = follow;
        // Nobody follows themselves.
        ids.retain(|id| !id.eq_ignore_ascii_case(&own));
        usernames.retain(|other| *other != name);
        if ids.is_empty() && usernames.is_empty() {
            return self.reply(now, at, cid, Message::Status(Status::default()));
        }
        if ids.len() + usernames.len() > USERS_MAX {
            return self.fail(now, at, cid, RealtimeCode::BadInput, format!("at most {USERS_MAX} users can be followed at once"));
        }
        // Only users that there are can be followed, or the lists would fill with what anybody makes up.
        let request = GetUsersRequest { ids, usernames, ..GetUsersRequest::default() };
        self.call(now, at, cid, Call::GetUsers(request), Then::Follow);
    }

    pub(crate) fn on_users_found(&mut self, now: Time, at: ConnRef, cid: String, users: &Users) {
        let Some(session) = self.conn(at).map(|conn| conn.session) else { return };
        let found: Vec<UserId> = users.users.iter().filter_map(|user| UserId::parse(&user.id)).collect();
        match self.shared.registry.follow(session, &found) {
            Ok(()) => {
                let presences = self.shared.registry.status_of(&found);
                self.reply(now, at, cid, Message::Status(Status { presences }));
            }
            Err(many) => self.fail(now, at, cid, RealtimeCode::BadInput, format!("too many {}", many.0)),
        }
    }

    pub(crate) fn on_status_unfollow(&mut self, now: Time, at: ConnRef, cid: String, ids: &[String]) {
        let Some(session) = self.conn(at).map(|conn| conn.session) else { return };
        let users: Option<Vec<_>> = ids.iter().map(|id| UserId::parse(id)).collect();
        let Some(users) = users else {
            return self.fail(now, at, cid, RealtimeCode::BadInput, "user_ids: each must be a UUID");
        };
        self.shared.registry.unfollow(session, &users);
        self.done(now, at, cid);
    }

    pub(crate) fn on_status_update(&mut self, now: Time, at: ConnRef, cid: String, status: Option<String>) {
        let Some(conn) = self.conn(at) else { return };
        let stream = StreamKey::status(conn.user.user_id);
        let place = StreamPlace { stream: &stream, session: conn.session };
        let news = match status {
            Some(status) if status.len() > STATUS_BYTES_MAX => {
                return self.fail(now, at, cid, RealtimeCode::BadInput, format!("status: at most {STATUS_BYTES_MAX} bytes"));
            }
            Some(status) => match self.shared.registry.join(place, Meta { status: status.into(), ..Meta::default() }) {
                Ok((_, news)) => news,
                Err(many) => return self.fail(now, at, cid, RealtimeCode::BadInput, format!("too many {}", many.0)),
            },
            None => self.shared.registry.leave(place),
        };
        self.done(now, at, cid);
        if let Some(news) = news {
            self.tell(now, &news);
        }
    }
}
