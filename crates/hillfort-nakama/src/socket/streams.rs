//! Streams for other threads: who is on one, putting sessions on it, sending to it. Knows nothing of who asks, and of no permission: it is
//! the server itself that does.

use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Envelope, StreamData};
use hillfort_api::{ApiError, Code, SessionId, Sessions as _, UserId};

use super::Sockets;
use super::registry::{Meta, News, PresenceOn, StreamKey, StreamPlace, described, told};

/// Longest label of a stream.
const LABEL_BYTES_MAX: usize = 128;

impl Sockets {
    /// Puts a session of a user on a stream, or changes how it is there. Whether it was not there before. Others are told.
    ///
    /// # Errors
    /// `NotFound`: the user has no such session. `ResourceExhausted`: a bound of `session_streams_max` or `stream_sessions_max`.
    /// `InvalidArgument`: the label is too long.
    pub fn join_stream(&self, stream: &StreamKey, user: UserId, session: SessionId, meta: Meta) -> Result<bool, ApiError> {
        if stream.label.len() > LABEL_BYTES_MAX {
            return Err(ApiError::invalid("label", format!("label: at most {LABEL_BYTES_MAX} bytes")));
        }
        if !self.of_user(user).contains(&session) {
            return Err(ApiError::new(Code::NotFound, "session id does not exist"));
        }
        let (is_new, news) = self
            .shared()
            .registry
            .join(StreamPlace { stream, session }, meta)
            .map_err(|many| ApiError::new(Code::ResourceExhausted, format!("too many {}", many.0)))?;
        self.tell(news);
        Ok(is_new)
    }

    /// Takes a session off a stream; one that is not on it is not on it now, too. Others are told.
    pub fn leave_stream(&self, stream: &StreamKey, session: SessionId) {
        self.tell(self.shared().registry.leave(StreamPlace { stream, session }));
    }

    /// Who is on a stream.
    #[must_use]
    pub fn on_stream(&self, stream: &StreamKey) -> Vec<PresenceOn> {
        self.shared().registry.on_stream(stream)
    }

    /// Sends data to a stream, or to those of `only` that are on it. How many took it.
    pub fn send_to_stream(&self, stream: &StreamKey, only: &[SessionId], data: String, reliable: bool) -> usize {
        let data = StreamData { stream: Some(described(stream)), sender: None, data, reliable };
        self.send_envelope_to_stream(stream, only, &told(Message::StreamData(data)))
    }

    /// The same with an envelope as it is.
    pub fn send_envelope_to_stream(&self, stream: &StreamKey, only: &[SessionId], envelope: &Envelope) -> usize {
        let on = self.on_stream(stream).into_iter().map(|presence| presence.session);
        let to: Vec<_> = on.filter(|session| only.is_empty() || only.contains(session)).collect();
        self.send(&to, envelope)
    }

    fn tell(&self, news: Option<News>) {
        if let Some(News { to, envelope }) = news {
            self.shared().orders.send(to, &envelope);
            self.shared().wake();
        }
    }
}
