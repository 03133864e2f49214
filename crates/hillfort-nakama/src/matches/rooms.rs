//! Matches that rooms of the realm run: joining, leaving, data in both directions. Knows nothing of what data mean.

use std::time::{SystemTime, UNIX_EPOCH};

use hillfort_api::error::RealtimeCode;
use hillfort_api::match_id::{MatchId, MatchUuid};
use hillfort_api::matches::{HandlerInput, INPUT_HEADER_BYTES, PlayerFacts};
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Match, MatchDataSend, MatchJoin, MatchPresenceEvent, UserPresence, match_join};
use hillfort_proto::ids::RoomId;
use hillfort_proto::limits::{JOIN_FACTS_BYTES_MAX, NAME_CHARS_MAX, ROOM_INPUT_BYTES_MAX};
use hillfort_proto::message::Wanted;
use hillfort_proto::reject::Reject;
use hillfort_proto::route::Inbound;
use hillfort_proto::time::Time;
use prost::Message as _;

use super::seats::SeatState;
use crate::socket::conn::ConnRef;
use crate::socket::registry::{News, Place, presence, told};
use crate::socket::stats::SocketStats;
use crate::socket::thread::SocketThread;

mod deliver;

/// What the id of a match names.
enum Which {
    Relayed(MatchUuid),
    Room(RoomId),
    /// Of another server, or of nothing.
    Nothing,
}

impl SocketThread {
    pub(crate) fn on_match_join(&mut self, now: Time, at: ConnRef, cid: String, join: MatchJoin) {
        let id = match &join.id {
            Some(match_join::Id::MatchId(id)) => id,
            Some(match_join::Id::Token(_)) => {
                let text = "token: matchmaking is not served yet, so there are no tokens: docs/nakama.md lists what is";
                return self.fail(now, at, cid, RealtimeCode::BadInput, text);
            }
            None => return self.fail(now, at, cid, RealtimeCode::BadInput, "No match ID or token found"),
        };
        match self.which(id) {
            None => self.fail(now, at, cid, RealtimeCode::BadInput, "Invalid match ID"),
            Some(Which::Nothing) => self.fail(now, at, cid, RealtimeCode::MatchNotFound, "Match not found"),
            Some(Which::Relayed(uuid)) => self.join_relayed(now, at, cid, uuid),
            Some(Which::Room(room)) => self.join_room(now, at, cid, room, join),
        }
    }

    pub(crate) fn on_match_leave(&mut self, now: Time, at: ConnRef, cid: String, id: &str) {
        match self.which(id) {
            None => return self.fail(now, at, cid, RealtimeCode::BadInput, "Invalid match ID"),
            Some(Which::Relayed(uuid)) => self.leave_relayed(now, at, uuid),
            Some(Which::Room(room)) => {
                if let Some(seat) = self.seat_in(at, room) {
                    self.leave_seat(now, at, seat);
                }
            }
            Some(Which::Nothing) => {}
        }
        // Who was not in it is not in it now, too.
        self.done(now, at, cid);
    }

    pub(crate) fn on_match_data(&mut self, now: Time, at: ConnRef, cid: String, data: &MatchDataSend) {
        match self.which(&data.match_id) {
            None => self.fail(now, at, cid, RealtimeCode::BadInput, "Invalid match ID"),
            Some(Which::Relayed(uuid)) => self.relay(now, at, uuid, data),
            Some(Which::Room(room)) => match self.seat_in(at, room) {
                Some(seat) => self.input(now, at, cid, seat, data),
                None => self.pass_over(),
            },
            Some(Which::Nothing) => self.pass_over(),
        }
    }

    /// Data of a session that is not in the match: they may have been on their way when it left or was kicked, so nobody is told.
    fn pass_over(&self) {
        SocketStats::count(&self.shared.stats.data_of_others, 1);
    }

    fn join_room(&mut self, now: Time, at: ConnRef, cid: String, room: RoomId, join: MatchJoin) {
        if let Some(key) = self.seat_in(at, room) {
            return match self.seats.get(key).map(|seat| &seat.state) {
                Some(SeatState::In { .. }) => self.reply_match(now, at, cid, key, "", true),
                _ => self.fail(now, at, cid, RealtimeCode::BadInput, "a join or leave of this match is under way"),
            };
        }
        let most = self.shared.config.session_streams_max;
        let Some(conn) = self.conn(at) else { return };
        if conn.seats.len() >= most {
            return self.fail(
                now,
                at,
                cid,
                RealtimeCode::MatchJoinRejected,
                format!("this session is in {most} matches already"),
            );
        }
        let (session, user, peer) = (conn.session, conn.user.clone(), conn.peer);
        let facts = PlayerFacts {
            username: user.username.clone(),
            expires_s: user.expires_s,
            vars: user.vars.clone(),
            client_ip: peer.ip().to_canonical().to_string(),
            client_port: peer.port().to_string(),
            metadata: join.metadata,
            ..PlayerFacts::of(user.user_id, session)
        };
        let facts = facts.encode_to_vec();
        if facts.len() > JOIN_FACTS_BYTES_MAX {
            let text = format!("metadata: with the session's vars at most {JOIN_FACTS_BYTES_MAX} bytes");
            return self.fail(now, at, cid, RealtimeCode::BadInput, text);
        }
        let name = display_name(&user.username);
        let Some(key) = self.seats.ask(at, session, user, room, cid.clone()) else {
            return self.fail(now, at, cid, RealtimeCode::RuntimeException, "no more seats on this server");
        };
        let id = self.seats.get(key).map(|seat| seat.id).expect("was just made");
        let entry = Inbound::Join { session: id, room: Wanted::Room(room), game: "", name: &name, facts: &facts };
        if self.push(room, entry) {
            if let Some(conn) = self.conn(at) {
                conn.seats.push(key);
            }
        } else {
            self.seats.release(key);
            self.fail(now, at, cid, RealtimeCode::RuntimeException, "the match's server has too much to do: try again");
        }
    }

    /// Hands match data to a room.
    fn input(&mut self, now: Time, at: ConnRef, cid: String, key: u32, data: &MatchDataSend) {
        let Some((id, room, state)) = self.seats.get(key).map(|seat| (seat.id, seat.room, seat.state.clone())) else { return };
        let SeatState::In { handler } = state else {
            return self.pass_over();
        };
        let most = if handler { ROOM_INPUT_BYTES_MAX - INPUT_HEADER_BYTES } else { ROOM_INPUT_BYTES_MAX };
        if data.data.len() > most {
            return self.fail(now, at, cid, RealtimeCode::BadInput, format!("data: at most {most} bytes in this match"));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let op = if handler {
            let input = HandlerInput { op_code: data.op_code, reliable: data.reliable, received_ms: unix_ms(), data: &data.data };
            input.write(&mut scratch);
            data.op_code as u32
        } else if let Ok(op) = u32::try_from(data.op_code) {
            scratch.extend_from_slice(&data.data);
            op
        } else {
            self.scratch = scratch;
            return self.fail(now, at, cid, RealtimeCode::BadInput, "op_code: 0 to 4294967295 in this match");
        };
        let taken = self.push(room, Inbound::Input { session: id, room, op, data: &scratch });
        self.scratch = scratch;
        let stats = &self.shared.stats;
        SocketStats::count(if taken { &stats.inputs } else { &stats.inputs_refused }, 1);
        if !taken {
            self.fail(
                now,
                at,
                cid,
                RealtimeCode::RuntimeException,
                "the match's server has too much to do: this message was refused",
            );
        }
    }

    /// Gives a seat up, and tells those who stay.
    pub(crate) fn leave_seat(&mut self, now: Time, at: ConnRef, key: u32) {
        if let Some(conn) = self.conn(at) {
            conn.seats.retain(|other| *other != key);
        }
        self.abandon(now, key);
    }

    /// The same when its socket has forgotten it.
    pub(crate) fn abandon(&mut self, now: Time, key: u32) {
        let Some(seat) = self.seats.get_mut(key) else { return };
        let was = std::mem::replace(&mut seat.state, SeatState::Leaving);
        if was == SeatState::Leaving {
            return;
        }
        let (room, left) = (seat.room, presence(&seat.user, seat.session));
        self.seats.leave_room(key);
        self.seats.owe(key);
        if matches!(was, SeatState::In { .. }) {
            self.tell_presences(now, room, self.places_in(room), Vec::new(), vec![left]);
        }
    }

    /// Tells rooms of seats that were given up; what a full lane does not take is tried again.
    pub(crate) fn pay_leaves(&mut self) {
        for key in self.seats.take_owed() {
            let Some((session, room)) = self.seats.get(key).map(|seat| (seat.id, seat.room)) else { continue };
            if !self.push(room, Inbound::Leave { session, room }) {
                self.seats.owe(key);
            }
        }
    }

    /// `false`: the world thread has no place for it now.
    fn push(&mut self, room: RoomId, entry: Inbound<'_>) -> bool {
        self.inbound.get_mut(usize::from(self.rooms.owner(room))).is_some_and(|batch| batch.push(entry).is_ok())
    }

    fn which(&self, id: &str) -> Option<Which> {
        let MatchId { uuid, node } = MatchId::parse(id)?;
        Some(match node {
            "" => Which::Relayed(uuid),
            _ if node == self.shared.config.node => {
                self.cipher.room(uuid).map_or(Which::Nothing, |room| Which::Room(RoomId(room)))
            }
            _ => Which::Nothing,
        })
    }

    fn match_id(&self, room: RoomId) -> String {
        MatchId { uuid: self.cipher.uuid(room.0), node: &self.shared.config.node }.to_string()
    }

    /// The session's seat in a room.
    fn seat_in(&mut self, at: ConnRef, room: RoomId) -> Option<u32> {
        let seats = &self.seats;
        let conn = self.conns.get(at.key as usize).filter(|conn| conn.at == at)?;
        conn.seats.iter().copied().find(|key| seats.get(*key).is_some_and(|seat| seat.room == room))
    }

    pub(crate) fn place(&self, at: ConnRef) -> Option<Place> {
        self.conns.get(at.key as usize).filter(|conn| conn.at == at).map(|conn| Place { at, format: conn.format })
    }

    /// Sockets in a room.
    fn places_in(&self, room: RoomId) -> Vec<Place> {
        let seats = self.seats.of_room(room).iter().filter_map(|key| self.seats.get(*key));
        seats.filter_map(|seat| self.place(seat.at)).collect()
    }

    fn tell_presences(&mut self, now: Time, room: RoomId, to: Vec<Place>, joins: Vec<UserPresence>, leaves: Vec<UserPresence>) {
        if to.is_empty() {
            return;
        }
        let event = MatchPresenceEvent { match_id: self.match_id(room), joins, leaves };
        self.tell(now, &News { to, envelope: told(Message::MatchPresenceEvent(event)) });
    }

    /// Answers a join: the match, and who is in it; a session that was in it before is among them.
    fn reply_match(&mut self, now: Time, at: ConnRef, cid: String, key: u32, label: &str, with_self: bool) {
        let Some(seat) = self.seats.get(key) else { return };
        let (room, own) = (seat.room, presence(&seat.user, seat.session));
        let others = self.seats.of_room(room).iter().filter(|other| with_self || **other != key);
        let presences: Vec<_> =
            others.filter_map(|other| self.seats.get(*other)).map(|seat| presence(&seat.user, seat.session)).collect();
        let found = Match {
            match_id: self.match_id(room),
            authoritative: true,
            label: Some(label.to_owned()),
            size: presences.len() as i32,
            presences,
            self_: Some(own),
        };
        self.reply(now, at, cid, Message::Match(found));
    }
}

/// What a refused join is told.
fn refusal(reject: Reject, reason: &str) -> (RealtimeCode, String) {
    let (code, text) = match reject {
        Reject::RoomUnknown | Reject::RoomClosed => (RealtimeCode::MatchNotFound, "Match not found"),
        Reject::RoomFull => (RealtimeCode::MatchJoinRejected, "Match is full"),
        Reject::RoomRefused | Reject::AlreadyJoined => (RealtimeCode::MatchJoinRejected, "Match join rejected"),
        Reject::WorldBusy => (RealtimeCode::RuntimeException, "the match's server has too much to do: try again"),
        Reject::Draining | Reject::Shutdown => (RealtimeCode::RuntimeException, "the server stops"),
        _ => (RealtimeCode::RuntimeException, "the match ended by an error"),
    };
    (code, if reason.is_empty() { text.to_owned() } else { reason.to_owned() })
}

/// A username as rooms show names: short, and without control characters.
fn display_name(username: &str) -> String {
    let name: String = username.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect();
    if name.trim().is_empty() { "player".to_owned() } else { name }
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
