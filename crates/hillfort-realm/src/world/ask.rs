//! What rooms are asked and may answer later: joins that wait, signals, and rooms that are made before anybody joins. Knows nothing of who asks.

use std::fmt;

use hillfort_proto::ids::{RoomId, SessionId};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_world::{ASKING_MAX, Overload, RoomFault, Who};

use super::World;
use crate::directory::Listed;
use crate::slab::Hosted;
use crate::wall;

/// Where an answer goes. Called once, on the world thread, so it must be quick; dropped when there is none.
pub(crate) struct Reply<T>(Box<dyn FnOnce(T) + Send>);

/// Where the answer to a signal goes.
pub(crate) type SignalReply = Reply<Result<Vec<u8>, Reject>>;

/// Who waits for an answer of one room.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    /// For a seat: at most [`ASKING_MAX`].
    pub(crate) joins: Vec<(SessionId, Box<str>)>,
    /// For the answer to a signal, by number: at most [`ASKING_MAX`].
    signals: Vec<(u32, SignalReply)>,
}

impl Asking {
    /// Whether nobody waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.joins.is_empty() && self.signals.is_empty()
    }
}

/// What a room said to one who waits for a seat.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) session: SessionId,
    pub(super) reject: Option<Reject>,
    pub(super) reason: Box<str>,
}

impl<T> Reply<T> {
    pub(crate) fn new(to: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(to))
    }

    pub(crate) fn send(self, answer: T) {
        (self.0)(answer);
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

impl World {
    pub(super) fn create(&mut self, now: Time, game: usize, params: &[u8]) -> Result<RoomId, Reject> {
        if self.drain_until.is_some() {
            return Err(Reject::Draining);
        }
        if self.ladder.step() >= Overload::NoJoins {
            return Err(self.placement.shed_join());
        }
        if game >= self.games.len() {
            return Err(Reject::RoomGame);
        }
        let index = self.create_room(now, game, "", params)?;
        // One that ended itself at once is gone.
        self.rooms.get(index).map(|hosted| hosted.id).ok_or(Reject::RoomClosed)
    }

    pub(super) fn look(&mut self, room: RoomId) -> Option<Listed> {
        let index = self.rooms.find(room)?;
        self.listed(index)
    }

    pub(super) fn signal(&mut self, now: Time, room: RoomId, data: &[u8], reply: SignalReply) {
        let Some(mut hosted) = self.rooms.find(room).and_then(|index| self.rooms.take(index)) else {
            return reply.send(Err(Reject::RoomUnknown));
        };
        if hosted.leaving {
            self.rooms.put(hosted);
            return reply.send(Err(Reject::WorldBusy));
        }
        let mut answer = Vec::new();
        let result = wall::behind(|| hosted.cell.on_signal(data, &mut answer, &mut self.out));
        match &result {
            Ok(None) => reply.send(Ok(answer)),
            Ok(Some(number)) => {
                let signals = &mut hosted.asking.get_or_insert_default().signals;
                if signals.len() < ASKING_MAX { signals.push((*number, reply)) } else { reply.send(Err(Reject::WorldBusy)) }
            }
            Err(fault) => reply.send(Err(fault.reject())),
        }
        if result.is_ok() {
            self.deliver(&mut hosted);
        }
        self.settle(now, hosted, result.map(drop));
    }

    /// The room answers a signal that it was asked before.
    pub(super) fn on_reply(hosted: &mut Hosted, number: u32, data: &[u8]) {
        let Some(signals) = hosted.asking.as_mut().map(|asking| &mut asking.signals) else { return };
        if let Some(at) = signals.iter().position(|(other, _)| *other == number) {
            signals.swap_remove(at).1.send(Ok(data.to_vec()));
        }
    }

    /// The room does not know yet whether `who` gets a seat.
    pub(super) fn let_wait(&mut self, hosted: &mut Hosted, who: Who<'_>) -> Result<(), Reject> {
        let joins = &mut hosted.asking.get_or_insert_default().joins;
        if joins.len() >= ASKING_MAX {
            return Err(Reject::RoomFull);
        }
        joins.push((who.session, who.name.into()));
        self.asking.insert(who.session, hosted.index);
        Ok(())
    }

    /// The room knows now.
    pub(super) fn on_answer(&mut self, hosted: &mut Hosted, answer: &Answer) -> Result<(), RoomFault> {
        let Some(joins) = hosted.asking.as_mut().map(|asking| &mut asking.joins) else { return Ok(()) };
        let Some(at) = joins.iter().position(|(session, _)| *session == answer.session) else { return Ok(()) };
        let (session, name) = joins.swap_remove(at);
        self.asking.remove(&session);
        let seated = match answer.reject {
            Some(reject) => Err(reject),
            None => self.give_seat(hosted, Who { session, name: &name, facts: &[] })?,
        };
        if let Err(reject) = seated {
            self.meter.totals.joins_refused += 1;
            self.outbox.refused(session, reject, &answer.reason);
        }
        Ok(())
    }

    /// The session does not want a seat any more. `false`: it did not wait for one.
    pub(super) fn stop_asking(&mut self, session: SessionId) -> bool {
        let Some(index) = self.asking.remove(&session) else { return false };
        if let Some(asking) = self.rooms.get_mut(index).and_then(|hosted| hosted.asking.as_mut()) {
            asking.joins.retain(|(other, _)| *other != session);
        }
        true
    }

    /// The room ends: nobody waits for it any more.
    pub(super) fn end_asking(&mut self, hosted: &mut Hosted, reject: Reject) {
        let Some(asking) = hosted.asking.take() else { return };
        for (session, _) in asking.joins {
            self.asking.remove(&session);
            self.meter.totals.joins_refused += 1;
            self.outbox.refused(session, reject, "");
        }
        for (_, reply) in asking.signals {
            reply.send(Err(reject));
        }
    }
}
