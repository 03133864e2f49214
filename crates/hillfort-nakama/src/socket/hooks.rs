//! Messages of clients between the hooks before and after them. A session whose message a hook looks at says nothing more meanwhile, so that
//! its messages stay in order. Knows nothing of what hooks do.

use hillfort_api::ApiError;
use hillfort_api::error::RealtimeCode;
use hillfort_api::realtime::Envelope;
use hillfort_api::realtime::envelope::Message;
use hillfort_api::service::Hooks;
use hillfort_proto::time::Time;

use super::calls::{Kind, Work};
use super::conn::ConnRef;
use super::stats::SocketStats;
use super::thread::SocketThread;

/// Messages of one session whose answers are waited for, to be shown to a hook.
const AWAITED_MAX: usize = 64;

impl SocketThread {
    /// Handles a message, after the hook before it when there is one.
    pub(crate) fn hear(&mut self, now: Time, at: ConnRef, envelope: Envelope) {
        let hooks = self.hooks(&envelope);
        if !hooks.before {
            return self.handle(now, at, envelope, hooks);
        }
        let Some(caller) = self.caller(at) else { return };
        if self.has_too_many(Kind::Call) {
            SocketStats::count(&self.shared.stats.calls_refused, 1);
            let text = "the server has too many calls under way: wait for answers";
            return self.fail(now, at, envelope.cid, RealtimeCode::RuntimeException, text);
        }
        if let Some(conn) = self.conn(at) {
            conn.held = true;
        }
        let cid = envelope.cid.clone();
        let hook = self.service.before_message(caller, envelope);
        self.fly(now, at, cid, Work::Before(hook));
    }

    /// The hook before a message has spoken.
    pub(crate) fn on_hooked(&mut self, now: Time, at: ConnRef, cid: String, message: Result<Option<Envelope>, ApiError>) {
        // Its session may have ended meanwhile: nothing more is done for it, and no seat taken.
        if self.conn(at).is_none_or(|conn| conn.ending.is_some()) {
            return self.release(at);
        }
        match message {
            Ok(Some(changed)) => {
                let hooks = self.hooks(&changed);
                self.handle(now, at, Envelope { cid, ..changed }, hooks);
            }
            // In Nakama's words.
            Ok(None) => self.fail(now, at, cid, RealtimeCode::UnrecognizedPayload, "Requested resource was not found."),
            Err(error) => self.fail(now, at, cid, RealtimeCode::RuntimeFunctionException, error.message),
        }
        self.release(at);
    }

    fn handle(&mut self, now: Time, at: ConnRef, envelope: Envelope, hooks: Hooks) {
        if !hooks.after {
            return self.dispatch(now, at, envelope.cid, envelope.message);
        }
        let shown = envelope.clone();
        if !envelope.cid.is_empty() && is_answered(&envelope) {
            let Some(conn) = self.conn(at) else { return };
            if conn.awaited.len() < AWAITED_MAX {
                conn.awaited.push(shown);
            } else {
                SocketStats::count(&self.shared.stats.calls_refused, 1);
            }
            return self.dispatch(now, at, envelope.cid, envelope.message);
        }
        let failures = self.failures;
        self.dispatch(now, at, envelope.cid, envelope.message);
        if failures == self.failures {
            self.after(now, at, None, shown);
        }
    }

    /// A client was answered: the hook after its message is shown both.
    pub(crate) fn on_answered(&mut self, now: Time, at: ConnRef, answer: &Envelope) {
        if let Some(message) = self.awaited(at, &answer.cid) {
            let reply = answer.message.is_some().then(|| answer.clone());
            self.after(now, at, reply, message);
        }
    }

    /// A client was told that its message was not done: no hook hears of it.
    pub(crate) fn on_failed(&mut self, at: ConnRef, cid: &str) {
        self.failures = self.failures.wrapping_add(1);
        self.awaited(at, cid);
    }

    fn awaited(&mut self, at: ConnRef, cid: &str) -> Option<Envelope> {
        let awaited = &mut self.conn(at).filter(|conn| !conn.awaited.is_empty())?.awaited;
        let place = awaited.iter().position(|envelope| envelope.cid == cid)?;
        let envelope = awaited.remove(place);
        if awaited.is_empty() {
            // An idle socket holds no memory.
            *awaited = Vec::new();
        }
        Some(envelope)
    }

    fn after(&mut self, now: Time, at: ConnRef, reply: Option<Envelope>, message: Envelope) {
        let Some(caller) = self.caller(at) else { return };
        if self.has_too_many(Kind::After) || self.session_has_too_many(at, Kind::After) {
            return SocketStats::count(&self.shared.stats.calls_refused, 1);
        }
        let hook = self.service.after_message(caller, reply, message);
        self.fly(now, at, String::new(), Work::After(hook));
    }

    fn hooks(&self, envelope: &Envelope) -> Hooks {
        let name = envelope.message.as_ref().and_then(name);
        name.map_or_else(Hooks::default, |name| self.service.message_hooks(name))
    }
}

/// Whether a client that gives a `cid` is answered when all goes well.
const fn is_answered(envelope: &Envelope) -> bool {
    !matches!(envelope.message, Some(Message::MatchDataSend(_) | Message::Pong(_)))
}

/// The envelope's field, of messages that are served.
const fn name(message: &Message) -> Option<&'static str> {
    Some(match message {
        Message::MatchCreate(_) => "match_create",
        Message::MatchDataSend(_) => "match_data_send",
        Message::MatchJoin(_) => "match_join",
        Message::MatchLeave(_) => "match_leave",
        Message::Ping(_) => "ping",
        Message::Pong(_) => "pong",
        Message::Rpc(_) => "rpc",
        Message::StatusFollow(_) => "status_follow",
        Message::StatusUnfollow(_) => "status_unfollow",
        Message::StatusUpdate(_) => "status_update",
        _ => return None,
    })
}
