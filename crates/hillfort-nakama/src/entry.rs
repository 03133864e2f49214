//! One request that was let in, from there to its answer: what its body and its answer hold, and what it is given back when its call is not
//! begun. Knows nothing of bytes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use hillfort_api::{ApiError, Call, CallName, Caller, Code, Reply, Who, source};
use hillfort_stream::Line;

use crate::answers::Answer;
use crate::body::{self, Keep};
use crate::gate::Gate;
use crate::holds::{For, Hold, SHORT_BYTES_MAX};

/// What the shortest answer counts as: what is kept beside its bytes.
const LEAST: usize = 512;
/// How long the answer of a call that was carried out waits for room at least.
const DONE_PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) gate: &'a Gate,
    pub(crate) call: CallName,
    /// Who was charged.
    pub(crate) who: Who,
    pub(crate) peer: SocketAddr,
    /// What the request came by.
    pub(crate) line: Option<Line>,
    /// What its body holds, until there is an answer.
    pub(crate) body: Option<Hold>,
}

impl Entry<'_> {
    /// All of the body.
    ///
    /// # Errors
    /// Those of [`body::read`].
    pub(crate) async fn read(&mut self, body: Body, most: usize, patience: Duration) -> Result<Bytes, ApiError> {
        let (holds, wait_max) = (&self.gate.bodies, self.gate.settings.wait_max);
        let keep = Keep { holds, source: source(self.peer.ip()), line: self.line.clone(), wait_max };
        match body::read(body, most, patience, keep).await {
            Ok((bytes, hold)) => {
                self.body = hold;
                Ok(bytes)
            }
            Err(refused) => Err(self.refused(refused).await),
        }
    }

    /// The body, which has as many bytes as these now that it is unpacked.
    ///
    /// # Errors
    /// There is no room for them.
    pub(crate) async fn unpacked(&mut self, bytes: Bytes) -> Result<Bytes, ApiError> {
        if let Some(hold) = self.body.take() {
            match self.gate.bodies.fit(hold, bytes.len(), For::Begin, self.gate.settings.wait_max).await {
                Ok(hold) => self.body = Some(hold),
                Err(refused) => {
                    drop(bytes);
                    return Err(self.refused(refused).await);
                }
            }
        }
        Ok(bytes)
    }

    /// Has the call answered, in the bytes that `write` makes of it: on the threads that answer, as a long one would keep everybody at its door
    /// waiting. Room for the answer is made before the call is begun, so that one that is refused for want of it has changed nothing. The answer
    /// holds its room until it is written, and the body its own until the call has ended, whoever waits for it.
    ///
    /// # Errors
    /// What the call says, or why it was not begun. `ResourceExhausted` after it was carried out, which the text says: the answer turned out
    /// to be longer than anybody could know, and all room is taken by calls that are under way.
    pub(crate) async fn call(
        mut self,
        caller: Caller,
        call: Call,
        patience: Duration,
        write: impl FnOnce(Reply) -> Result<Vec<u8>, ApiError> + Send + 'static,
    ) -> Result<Answer, ApiError> {
        if call.name() == CallName::Healthcheck {
            return write(Reply::Empty(())).map(|bytes| Answer::new(bytes, None));
        }
        let (answers, wait_max, line) = (self.gate.answers.clone(), self.gate.settings.wait_max, self.line.clone());
        let most = self.gate.service.answer_max(&call).max(SHORT_BYTES_MAX);
        let room = answers.take(source(self.peer.ip()), most, For::Begin, wait_max).await;
        let room = match room {
            Ok(room) => room,
            Err(refused) => {
                drop((caller, call));
                return Err(self.refused(refused).await);
            }
        };
        let body = self.body.take();
        let then = async move |reply| {
            let bytes = write(reply)?;
            drop(body);
            let hold = answers.fit(room, bytes.len().max(LEAST), For::Done, wait_max.max(DONE_PATIENCE)).await;
            let mut hold = hold.map_err(|_| unanswered())?;
            hold.wait(Instant::now(), line);
            Ok(Answer::new(bytes, Some(hold)))
        };
        match self.gate.carry_out(caller, call, patience, then).await {
            Ok(answer) => answer,
            Err(_not_begun) => Err(self.busy().await),
        }
    }

    /// The refusal of a call for which there is no time or place, after a pause.
    pub(crate) async fn busy(&self) -> ApiError {
        let refused = self.gate.busy().await;
        self.put_back(refused)
    }

    /// The refusal of a request for which there is no room, after a pause where others have taken it: whoever is not charged cannot ask again at
    /// once. What came of the request is to be dropped before.
    async fn refused(&mut self, refused: ApiError) -> ApiError {
        self.body = None;
        if refused.code == Code::Unavailable {
            self.gate.pause().await;
        }
        self.put_back(refused)
    }

    /// Puts a call that was not begun back into the budgets when that is not its caller's fault.
    fn put_back(&self, refused: ApiError) -> ApiError {
        if refused.code == Code::Unavailable && self.call != CallName::Healthcheck {
            self.gate.service.put_back(self.call, &self.who, self.peer.ip());
        }
        refused
    }
}

/// The error of a call that was carried out. Not one that says to come again.
fn unanswered() -> ApiError {
    ApiError::new(
        Code::ResourceExhausted,
        "the call was carried out, but there is no room for its answer: look before you repeat it",
    )
}
