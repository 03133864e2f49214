//! Relayed matches: what one session sends goes to the others. There is one for as long as somebody is in it.

use hillfort_api::SessionId;
use hillfort_api::error::RealtimeCode;
use hillfort_api::match_id::{MatchId, MatchUuid};
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Match, MatchData, MatchDataSend, UserPresence};
use hillfort_proto::time::Time;
use sha1::{Digest as _, Sha1};

use crate::socket::conn::ConnRef;
use crate::socket::registry::{Meta, News, RELAYED, StreamKey, StreamPlace, presence, told};
use crate::socket::stats::SocketStats;
use crate::socket::thread::SocketThread;

/// Names' namespace for UUIDs of version 5: that of DNS (RFC 9562 §6.6), as in Nakama.
const NAMESPACE: [u8; 16] = [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
/// Most bytes of a match's name.
const NAME_BYTES_MAX: usize = 256;

impl SocketThread {
    pub(crate) fn on_match_create(&mut self, now: Time, at: ConnRef, cid: String, name: &str) {
        if name.len() > NAME_BYTES_MAX {
            return self.fail(now, at, cid, RealtimeCode::BadInput, format!("name: at most {NAME_BYTES_MAX} bytes"));
        }
        let uuid = if name.is_empty() { random_uuid() } else { Some(named_uuid(name)) };
        let Some(uuid) = uuid else {
            return self.fail(now, at, cid, RealtimeCode::RuntimeException, "the system gives no randomness");
        };
        self.enter_relayed(now, at, cid, uuid, true);
    }

    pub(crate) fn join_relayed(&mut self, now: Time, at: ConnRef, cid: String, uuid: MatchUuid) {
        // It is there as long as somebody is in it.
        if self.shared.registry.count_on(&StreamKey::relayed(uuid)) == 0 {
            return self.fail(now, at, cid, RealtimeCode::MatchNotFound, "Match not found");
        }
        self.enter_relayed(now, at, cid, uuid, false);
    }

    fn enter_relayed(&mut self, now: Time, at: ConnRef, cid: String, uuid: MatchUuid, creates: bool) {
        let Some(conn) = self.conn(at) else { return };
        let (session, own) = (conn.session, presence(&conn.user, conn.session));
        let stream = StreamKey::relayed(uuid);
        let place = StreamPlace { stream: &stream, session };
        let (is_new, news) = match self.shared.registry.join(place, Meta::default()) {
            Ok(joined) => joined,
            Err(many) => return self.fail(now, at, cid, RealtimeCode::MatchJoinRejected, format!("too many {}", many.0)),
        };
        if is_new && self.shared.config.single_match {
            self.leave_other_matches(now, at, Some(uuid), None);
        }
        // Who was in it before sees itself in the list, who is new does not.
        let all = self.shared.registry.on_stream(&stream);
        let count = all.len();
        let presences: Vec<_> = all
            .into_iter()
            .filter(|other| !(is_new && other.session == session))
            .map(|other| UserPresence {
                user_id: other.user.to_string(),
                session_id: other.session.to_string(),
                username: other.username,
                ..UserPresence::default()
            })
            .collect();
        // As in Nakama, who creates is counted, and who joins is told of those who were there.
        let size = if creates { count } else { presences.len() } as i32;
        let match_id = MatchId { uuid, node: "" }.to_string();
        self.reply(now, at, cid, Message::Match(Match { match_id, size, presences, self_: Some(own), ..Match::default() }));
        if let Some(news) = news.filter(|_| is_new) {
            self.tell(now, &news);
        }
    }

    pub(crate) fn leave_relayed(&mut self, now: Time, at: ConnRef, uuid: MatchUuid) {
        let Some(session) = self.conn(at).map(|conn| conn.session) else { return };
        if let Some(news) = self.shared.registry.leave(StreamPlace { stream: &StreamKey::relayed(uuid), session }) {
            self.tell(now, &news);
        }
    }

    /// Leaves all matches but one, which is relayed or a seat in a room.
    pub(crate) fn leave_other_matches(&mut self, now: Time, at: ConnRef, but: Option<MatchUuid>, but_seat: Option<u32>) {
        let Some(conn) = self.conn(at) else { return };
        let (session, seats) = (conn.session, conn.seats.clone());
        for stream in self.shared.registry.streams_of(session, RELAYED) {
            let uuid = MatchUuid(stream.subject);
            if but != Some(uuid) {
                self.leave_relayed(now, at, uuid);
            }
        }
        for seat in seats.into_iter().filter(|seat| but_seat != Some(*seat)) {
            self.leave_seat(now, at, seat);
        }
    }

    /// Hands data on to the others in a match, or to those of them that are named. The sender gets it only when it names itself. Of a session
    /// that is not in the match nothing is handed on, and nothing said: it may have left while they were on their way.
    pub(crate) fn relay(&mut self, now: Time, at: ConnRef, uuid: MatchUuid, data: &MatchDataSend) {
        let Some(conn) = self.conn(at) else { return };
        let (session, own) = (conn.session, presence(&conn.user, conn.session));
        let named: Option<Vec<_>> = data.presences.iter().map(|other| SessionId::parse(&other.session_id)).collect();
        let Some(named) = named else {
            return self.fail(now, at, String::new(), RealtimeCode::BadInput, "presences: each must have a session_id");
        };
        let wanted = |other: SessionId| if named.is_empty() { other != session } else { named.contains(&other) };
        let stream = StreamKey::relayed(uuid);
        let Some(to) = self.shared.registry.others_on(StreamPlace { stream: &stream, session }, wanted) else {
            return SocketStats::count(&self.shared.stats.data_of_others, 1);
        };
        if to.is_empty() {
            return;
        }
        SocketStats::count(&self.shared.stats.relayed, to.len() as u64);
        let message = Message::MatchData(MatchData {
            match_id: data.match_id.clone(),
            presence: Some(own),
            op_code: data.op_code,
            data: data.data.clone(),
            reliable: data.reliable,
        });
        self.tell(now, &News { to, envelope: told(message) });
    }
}

fn random_uuid() -> Option<MatchUuid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(of_version(bytes, 4))
}

fn named_uuid(name: &str) -> MatchUuid {
    let hash = Sha1::new().chain_update(NAMESPACE).chain_update(name).finalize();
    of_version(*hash.first_chunk().expect("SHA-1 has 20 bytes"), 5)
}

fn of_version(mut bytes: [u8; 16], version: u8) -> MatchUuid {
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    MatchUuid(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_uuids_as_everywhere() {
        // RFC 9562, appendix A.4.
        assert_eq!(named_uuid("www.example.com").to_string(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }
}
