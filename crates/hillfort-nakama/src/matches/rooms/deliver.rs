//! What rooms say, to the sessions that sit in them.
//!
//! A socket that is full gets events all the same, up to its bound; of states only the newest waits for it, and of a scene it gets everything
//! anew when it has room again.

use bytes::Bytes;
use hillfort_api::matches::{HANDLER_GAME, HandlerEvent, SCENE_ANEW_OP, SCENE_OP, STATE_OP};
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Envelope, MatchData, UserPresence};
use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{Inbound, Outbound, OutboundBatch};
use hillfort_proto::time::Time;

use super::super::seats::{Seat, SeatState};
use super::refusal;
use crate::socket::conn::{ConnRef, Format};
use crate::socket::orders::encode;
use crate::socket::registry::{presence, told};
use crate::socket::thread::SocketThread;

impl SocketThread {
    pub(crate) fn deliver(&mut self, now: Time, batch: &OutboundBatch) {
        for entry in batch.iter() {
            match entry {
                Outbound::Joined { session, room, game, label, .. } => self.on_joined(now, session, room, game, label),
                Outbound::JoinRefused { session, reject, reason } => self.on_refused(now, session, reject, reason),
                Outbound::Left { session, room, reject } => self.on_left(now, session, room, reject),
                Outbound::Event { to, room, op, data } => self.on_event(now, to, room, op, data),
                Outbound::State { to, room, data, .. } => self.on_state(now, to, room, data),
                Outbound::Scene { session, room, anew, data } => self.on_scene(now, session, room, anew, data),
            }
        }
    }

    fn on_joined(&mut self, now: Time, id: SessionId, room: RoomId, game: &str, label: &str) {
        let Some(key) = self.seats.find(id) else { return };
        let Some(seat) = self.seats.get(key) else { return };
        // Given up while the room thought: it is told, or was.
        let SeatState::Asking(cid) = seat.state.clone() else { return };
        let (at, own) = (seat.at, presence(&seat.user, seat.session));
        // Nobody sits there any more.
        if self.conn(at).is_none_or(|conn| conn.ending.is_some()) {
            return self.abandon(now, key);
        }
        if self.shared.config.single_match {
            self.leave_other_matches(now, at, None, Some(key));
            // What it is told of that may have ended it.
            if !self.seats.get(key).is_some_and(|seat| matches!(seat.state, SeatState::Asking(_))) {
                return;
            }
        }
        self.seats.take(key, game == HANDLER_GAME);
        self.reply_match(now, at, cid, key, label, false);
        self.tell_presences(now, room, self.places_in(room), vec![own], Vec::new());
    }

    fn on_refused(&mut self, now: Time, id: SessionId, reject: Reject, reason: &str) {
        let Some(seat) = self.forget(id) else { return };
        if let SeatState::Asking(cid) = seat.state {
            let (code, text) = refusal(reject, reason);
            self.fail(now, seat.at, cid, code, text);
        }
    }

    fn on_left(&mut self, now: Time, id: SessionId, room: RoomId, reject: Option<Reject>) {
        let Some(seat) = self.forget(id) else { return };
        if seat.state == SeatState::Leaving {
            return;
        }
        // The room let it go. It is told, too; those who stay are, unless the room ends for all.
        let left = vec![presence(&seat.user, seat.session)];
        let mut to = Vec::new();
        if matches!(reject, None | Some(Reject::RoomKicked | Reject::SlowConsumer | Reject::RoomAway)) {
            to = self.places_in(room);
        }
        to.extend(self.place(seat.at));
        self.tell_presences(now, room, to, Vec::new(), left);
    }

    /// Takes a seat out of the tables.
    fn forget(&mut self, id: SessionId) -> Option<Seat> {
        let key = self.seats.find(id)?;
        let seat = self.seats.release(key)?;
        if let Some(conn) = self.conn(seat.at) {
            conn.seats.retain(|other| *other != key);
        }
        Some(seat)
    }

    fn on_event(&mut self, now: Time, to: &[SessionId], room: RoomId, op: u32, data: &[u8]) {
        let mut payloads = [None, None];
        for id in to {
            let Some((at, handler)) = self.sits(*id) else { continue };
            let Some(format) = self.conn(at).map(|conn| conn.format) else { continue };
            let payload = &mut payloads[usize::from(format == Format::Protobuf)];
            if payload.is_none() {
                let event = if handler { HandlerEvent::read(data) } else { None };
                let event = event.unwrap_or_else(|| HandlerEvent { op_code: op.into(), reliable: true, sender: None, data });
                *payload = Some(self.encode_data(room, format, &event));
            }
            if let Some(payload) = payload {
                self.put(now, at, payload);
            }
        }
    }

    fn on_state(&mut self, now: Time, to: &[SessionId], room: RoomId, data: &[u8]) {
        let mut payloads = [None, None];
        for id in to {
            let Some((at, _)) = self.sits(*id) else { continue };
            let Some((format, blocked)) = self.conn(at).map(|conn| (conn.format, conn.blocked)) else { continue };
            if blocked {
                if let Some(seat) = self.seats.find(*id).and_then(|key| self.seats.get_mut(key)) {
                    seat.held = Some(data.to_vec());
                }
                continue;
            }
            let payload = &mut payloads[usize::from(format == Format::Protobuf)];
            if payload.is_none() {
                let event = HandlerEvent { op_code: STATE_OP, reliable: false, sender: None, data };
                *payload = Some(self.encode_data(room, format, &event));
            }
            if let Some(payload) = payload {
                self.put(now, at, payload);
            }
        }
    }

    fn on_scene(&mut self, now: Time, id: SessionId, room: RoomId, anew: bool, data: &[u8]) {
        let Some((at, _)) = self.sits(id) else { return };
        let Some((format, blocked)) = self.conn(at).map(|conn| (conn.format, conn.blocked)) else { return };
        let Some(seat) = self.seats.find(id).and_then(|key| self.seats.get_mut(key)) else { return };
        seat.scene_lost = blocked || (seat.scene_lost && !anew);
        if seat.scene_lost {
            return;
        }
        let op_code = if anew { SCENE_ANEW_OP } else { SCENE_OP };
        let payload = self.encode_data(room, format, &HandlerEvent { op_code, reliable: true, sender: None, data });
        self.put(now, at, &payload);
    }

    /// The socket has room again: the newest states go out, and scenes are asked for anew.
    pub(crate) fn release_held(&mut self, now: Time, at: ConnRef) {
        let Some((format, seats)) = self.conn(at).map(|conn| (conn.format, conn.seats.clone())) else { return };
        for key in seats {
            let Some(seat) = self.seats.get_mut(key) else { continue };
            let (session, room, held, lost) = (seat.id, seat.room, seat.held.take(), seat.scene_lost);
            if let Some(data) = held {
                let event = HandlerEvent { op_code: STATE_OP, reliable: false, sender: None, data: &data };
                let payload = self.encode_data(room, format, &event);
                self.put(now, at, &payload);
            }
            if lost {
                // One that does not fit is asked for at the next time the socket has room.
                let _tried = self.push(room, Inbound::Resync { session, room });
            }
        }
    }

    /// The socket of a seat that is taken, and whether a handler runs its room.
    fn sits(&self, id: SessionId) -> Option<(ConnRef, bool)> {
        let seat = self.seats.get(self.seats.find(id)?)?;
        match seat.state {
            SeatState::In { handler } => Some((seat.at, handler)),
            _ => None,
        }
    }

    fn encode_data(&self, room: RoomId, format: Format, event: &HandlerEvent<'_>) -> Vec<u8> {
        let sender = event.sender.map(|sender| UserPresence {
            user_id: sender.user_id.to_string(),
            session_id: sender.session_id.to_string(),
            username: sender.username.to_owned(),
            ..UserPresence::default()
        });
        let data = MatchData {
            match_id: self.match_id(room),
            presence: sender,
            op_code: event.op_code,
            data: Bytes::copy_from_slice(event.data),
            reliable: event.reliable,
        };
        let envelope: Envelope = told(Message::MatchData(data));
        encode(&envelope, format)
    }
}
