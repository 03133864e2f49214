//! What modules ask about streams and who follows whom, answered by the realtime socket. Everything else goes on to the next backend.

use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use hillfort_api::json::{self, Unknown};
use hillfort_api::realtime::Envelope;
use hillfort_api::{ApiError, Code, SessionId, UserId};
use hillfort_modules::backend::{Answer, Ask, Backend, Fault, Stream, StreamMeta, StreamPresence, StreamTarget};
use hillfort_nakama::socket::{Meta, PresenceOn, Sockets, StreamKey};

/// See the module.
pub(crate) struct StreamBackend {
    /// Where streams are.
    pub(crate) sockets: Sockets,
    /// Name of this server.
    pub(crate) node: String,
    /// Who knows the rest.
    pub(crate) others: Arc<dyn Backend>,
}

impl Backend for StreamBackend {
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        match self.answer(ask) {
            Ok(answer) => {
                Box::pin(ready(answer.map_err(|error| Fault { code: error.code as u8, message: error.message.into_owned() })))
            }
            Err(other) => self.others.ask(*other),
        }
    }
}

impl StreamBackend {
    /// The answer, or the question back when it is for others.
    fn answer(&self, ask: Ask) -> Result<Result<Answer, ApiError>, Box<Ask>> {
        let sockets = &self.sockets;
        Ok(match ask {
            Ask::StatusFollow { session_id, user_ids, follow } => {
                let users: Vec<_> = user_ids.into_iter().map(UserId).collect();
                sockets.follow(SessionId(session_id), &users, follow).map(|()| Answer::Done)
            }
            Ask::StreamUsers { stream, hidden, not_hidden } => {
                let wanted = |on: &PresenceOn| if on.meta.hidden { hidden } else { not_hidden };
                let found = sockets.on_stream(&key(stream)).into_iter().filter(wanted);
                let presence = |on: PresenceOn| StreamPresence {
                    target: StreamTarget { user_id: on.user.0, session_id: on.session.0 },
                    node: self.node.clone(),
                    meta: shown(on),
                };
                Ok(Answer::StreamPresences(found.map(presence).collect()))
            }
            Ask::StreamUser { stream, target } => Ok(Answer::StreamMeta(self.find(&key(stream), target).map(shown))),
            Ask::StreamJoin { stream, target, meta } => self.join(&key(stream), target, meta).map(Answer::Flag),
            Ask::StreamUpdate { stream, target, meta } => {
                let stream = key(stream);
                match self.find(&stream, target) {
                    Some(_) => self.join(&stream, target, meta).map(|_| Answer::Done),
                    None => Err(ApiError::new(Code::NotFound, "the session is not on this stream")),
                }
            }
            Ask::StreamLeave { stream, target } => {
                sockets.leave_stream(&key(stream), SessionId(target.session_id));
                Ok(Answer::Done)
            }
            Ask::StreamCount(stream) => Ok(Answer::Count(sockets.on_stream(&key(stream)).len() as u64)),
            Ask::StreamClose(stream) => {
                let stream = key(stream);
                sockets.on_stream(&stream).into_iter().for_each(|on| sockets.leave_stream(&stream, on.session));
                Ok(Answer::Done)
            }
            Ask::StreamSend { stream, data, sessions, reliable } => {
                let only: Vec<_> = sessions.into_iter().map(SessionId).collect();
                sockets.send_to_stream(&key(stream), &only, String::from_utf8_lossy(&data).into_owned(), reliable);
                Ok(Answer::Done)
            }
            Ask::StreamSendRaw { stream, envelope, sessions, .. } => {
                let only: Vec<_> = sessions.into_iter().map(SessionId).collect();
                match json::read::<Envelope>(envelope.as_bytes(), Unknown::Refuse) {
                    Ok(envelope) => {
                        sockets.send_envelope_to_stream(&key(stream), &only, &envelope);
                        Ok(Answer::Done)
                    }
                    Err(error) => Err(ApiError::invalid("envelope", format!("envelope: {error}"))),
                }
            }
            other => return Err(Box::new(other)),
        })
    }

    fn join(&self, stream: &StreamKey, target: StreamTarget, meta: StreamMeta) -> Result<bool, ApiError> {
        let StreamMeta { hidden, persistence, status, .. } = meta;
        let meta = Meta { hidden, persistence, status: status.into() };
        self.sockets.join_stream(stream, UserId(target.user_id), SessionId(target.session_id), meta)
    }

    fn find(&self, stream: &StreamKey, target: StreamTarget) -> Option<PresenceOn> {
        let found = self.sockets.on_stream(stream).into_iter();
        found.into_iter().find(|on| on.user.0 == target.user_id && on.session.0 == target.session_id)
    }
}

fn key(stream: Stream) -> StreamKey {
    StreamKey {
        mode: stream.mode,
        subject: stream.subject.unwrap_or_default(),
        subcontext: stream.subcontext.unwrap_or_default(),
        label: stream.label.into(),
    }
}

fn shown(on: PresenceOn) -> StreamMeta {
    let Meta { hidden, persistence, status } = on.meta;
    StreamMeta { hidden, persistence, status: status.into(), username: on.username }
}
