//! What a call waits for: the backend, or a thread for what takes long. Owns the starting of such work; knows nothing of who waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::backend::{Answer, Ask, Backend, FAULT_BYTES_MAX, Fault};
use crate::http::Http;

/// bcrypt's cost, as in Nakama.
const COST: u32 = 10;

#[derive(Debug)]
pub(crate) enum Work {
    Ask(Ask),
    Hash { secret: Vec<u8> },
    Compare { hash: String, secret: Vec<u8> },
    Http(Box<HttpRequest>),
}

#[derive(Debug)]
pub(crate) struct HttpRequest {
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout_ms: u64,
}

#[derive(Debug)]
pub(crate) enum Done {
    Answer(Answer),
    Response { code: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8> },
}

/// Starts work. The futures must be polled by a thread of Tokio's.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) http: Arc<Http>,
    pub(crate) wait_max: Duration,
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Hands").field("wait_max", &self.wait_max).finish_non_exhaustive()
    }
}

impl Hands {
    /// Does `work`, and gives up after the longest time that a call may take. A panic in it is a bug of ours: it ends the work, and not the thread
    /// that waits for it.
    pub(crate) fn start(&self, work: Work) -> BoxFuture<'static, Result<Done, Fault>> {
        let wait_max = self.wait_max;
        let lost = || internal("the server failed: its log says more".to_owned());
        let Ok(work) = catch_unwind(AssertUnwindSafe(|| self.begin(work))) else {
            return Box::pin(std::future::ready(Err(lost())));
        };
        Box::pin(async move {
            match tokio::time::timeout(wait_max, AssertUnwindSafe(work).catch_unwind()).await {
                Ok(Ok(result)) => result.map_err(bounded),
                Ok(Err(_)) => Err(lost()),
                Err(_) => Err(Fault { code: 4, message: format!("no answer for {} s", wait_max.as_secs()) }),
            }
        })
    }

    fn begin(&self, work: Work) -> BoxFuture<'static, Result<Done, Fault>> {
        match work {
            Work::Ask(ask) => {
                let answer = self.backend.ask(ask);
                Box::pin(async move { answer.await.map(Done::Answer) })
            }
            Work::Hash { secret } => blocking(move || {
                bcrypt::hash(&secret, COST)
                    .map(|hash| Done::Answer(Answer::Text(hash)))
                    .map_err(|error| format!("error hashing input: {error}"))
            }),
            Work::Compare { hash, secret } => blocking(move || {
                let same = match bcrypt::verify(&secret, &hash) {
                    Ok(same) => same,
                    Err(bcrypt::BcryptError::InvalidHash(_)) => false,
                    Err(error) => return Err(format!("error comparing hash and plaintext: {error}")),
                };
                Ok(Done::Answer(Answer::Flag(same)))
            }),
            Work::Http(request) => {
                let http = Arc::clone(&self.http);
                Box::pin(
                    async move { http.send(*request).await.map_err(|error| internal(format!("HTTP request error: {error}"))) },
                )
            }
        }
    }
}

fn internal(message: String) -> Fault {
    Fault { code: 13, message }
}

fn bounded(mut fault: Fault) -> Fault {
    let mut end = fault.message.len().min(FAULT_BYTES_MAX);
    while !fault.message.is_char_boundary(end) {
        end -= 1;
    }
    fault.message.truncate(end);
    fault
}

fn blocking(work: impl FnOnce() -> Result<Done, String> + Send + 'static) -> BoxFuture<'static, Result<Done, Fault>> {
    Box::pin(async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(internal),
            Err(_) => Err(internal("the work was given up".to_owned())),
        }
    })
}
