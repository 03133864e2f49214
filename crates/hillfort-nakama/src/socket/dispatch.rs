//! Envelopes of clients to what answers them. Knows nothing of how it is answered.

use hillfort_api::error::RealtimeCode;
use hillfort_api::json::{self, Unknown};
use hillfort_api::realtime::Envelope;
use hillfort_api::realtime::Pong;
use hillfort_api::realtime::envelope::Message;
use hillfort_api::{Call, Close};
use hillfort_guard::{Class, Verdict};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use prost::Message as _;
use std::time::Duration;

use super::calls::Then;
use super::conn::{ConnRef, Format};
use super::stats::SocketStats;
use super::thread::SocketThread;

/// A client that did not ask is told that it says too much this often at most.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Bytes that are no envelope.
#[derive(Debug)]
pub(crate) struct NoEnvelope;

impl SocketThread {
    /// Reads one message of a client and has it answered.
    pub(crate) fn on_envelope(&mut self, now: Time, at: ConnRef, format: Format, bytes: &[u8]) -> Result<(), NoEnvelope> {
        let envelope: Envelope = match format {
            Format::Json => json::read(bytes, Unknown::Refuse).map_err(|_| NoEnvelope)?,
            Format::Protobuf => Envelope::decode(bytes).map_err(|_| NoEnvelope)?,
        };
        let class = match &envelope.message {
            Some(Message::MatchDataSend(data)) => Class::input(data.op_code as u32),
            _ => Class::CONTROL,
        };
        if self.charge(now, at, &envelope.cid, class) {
            self.hear(now, at, envelope);
        }
        Ok(())
    }

    /// Whether the session may say this now. If not it is told, and closed when it goes on.
    fn charge(&mut self, now: Time, at: ConnRef, cid: &str, class: Class) -> bool {
        let rates = self.shared.config.rates;
        let Some(conn) = self.conn(at) else { return false };
        match conn.buckets.on_input(&rates, now, class, 1) {
            Verdict::Pass => return true,
            Verdict::Drop(_) => {
                let tell = !cid.is_empty() || now.since(conn.told) >= TOLD_EVERY;
                conn.told = if tell { now } else { conn.told };
                SocketStats::count(&self.shared.stats.rate_refused, 1);
                if tell {
                    self.fail(now, at, cid.to_owned(), RealtimeCode::RuntimeException, "too many messages: this one was refused");
                }
            }
            Verdict::Close(reject) => {
                conn.permit.charge(reject);
                SocketStats::count(&self.shared.stats.flooded, 1);
                self.end(now, at, Close::PolicyViolation, "too many messages, also after they were refused");
            }
        }
        false
    }

    /// Handles one message.
    pub(crate) fn dispatch(&mut self, now: Time, at: ConnRef, cid: String, message: Option<Message>) {
        match message {
            Some(Message::MatchDataSend(data)) => self.on_match_data(now, at, cid, &data),
            Some(Message::Ping(_)) => self.reply(now, at, cid, Message::Pong(Pong {})),
            Some(Message::Pong(_)) => {}
            Some(Message::Rpc(rpc)) => self.call(now, at, cid, Call::RpcFunc(rpc), Then::Rpc),
            Some(Message::MatchCreate(create)) => self.on_match_create(now, at, cid, &create.name),
            Some(Message::MatchJoin(join)) => self.on_match_join(now, at, cid, join),
            Some(Message::MatchLeave(leave)) => self.on_match_leave(now, at, cid, &leave.match_id),
            Some(Message::StatusFollow(follow)) => self.on_status_follow(now, at, cid, follow),
            Some(Message::StatusUnfollow(unfollow)) => self.on_status_unfollow(now, at, cid, &unfollow.user_ids),
            Some(Message::StatusUpdate(update)) => self.on_status_update(now, at, cid, update.status),
            Some(message) => self.on_unserved(now, at, cid, &message),
            None => {
                self.fail(now, at, cid, RealtimeCode::MissingPayload, "the envelope has no message");
                self.misused(now, at);
            }
        }
    }

    /// What Nakama has and is not served here yet is told so; what only servers send ends the session, as there: the client is of
    /// another version, or no client.
    fn on_unserved(&mut self, now: Time, at: ConnRef, cid: String, message: &Message) {
        let code = RealtimeCode::UnrecognizedPayload;
        match not_yet(message) {
            Some(name) => self.fail(now, at, cid, code, format!("{name} is not served yet: docs/nakama.md lists what is")),
            None => {
                self.fail(now, at, cid, code, "this message is the server's to send");
                self.misused(now, at);
            }
        }
    }

    fn misused(&mut self, now: Time, at: ConnRef) {
        SocketStats::count(&self.shared.stats.malformed, 1);
        if let Some(conn) = self.conn(at) {
            conn.permit.charge(Reject::Message);
        }
        self.end(now, at, Close::Malformed, "the envelope has no message that a client may send");
    }
}

/// Messages that clients send, and that nothing answers yet.
fn not_yet(message: &Message) -> Option<&'static str> {
    Some(match message {
        Message::ChannelJoin(_) => "channel_join",
        Message::ChannelLeave(_) => "channel_leave",
        Message::ChannelMessageSend(_) => "channel_message_send",
        Message::ChannelMessageUpdate(_) => "channel_message_update",
        Message::ChannelMessageRemove(_) => "channel_message_remove",
        Message::MatchmakerAdd(_) => "matchmaker_add",
        Message::MatchmakerRemove(_) => "matchmaker_remove",
        Message::PartyCreate(_) => "party_create",
        Message::PartyJoin(_) => "party_join",
        Message::PartyLeave(_) => "party_leave",
        Message::PartyPromote(_) => "party_promote",
        Message::PartyAccept(_) => "party_accept",
        Message::PartyRemove(_) => "party_remove",
        Message::PartyClose(_) => "party_close",
        Message::PartyJoinRequestList(_) => "party_join_request_list",
        Message::PartyMatchmakerAdd(_) => "party_matchmaker_add",
        Message::PartyMatchmakerRemove(_) => "party_matchmaker_remove",
        Message::PartyDataSend(_) => "party_data_send",
        Message::PartyUpdate(_) => "party_update",
        _ => return None,
    })
}
