//! What the console asks beside the [`super::Source`]: accounts, what is kept, and calls of the client API. Owns the way to their threads;
//! knows nothing of who asks.

use std::future::Future;
use std::sync::Arc;

use axum::http::StatusCode;
use hillfort_nakama::Gate;
use hillfort_social::Social;
use hillfort_social::passwords::{PasswordCost, Passwords};
use hillfort_store::Store;
use tokio::runtime::Handle;

use super::operators::new_password;
use super::play::Play;
use super::sign_in::now_ms;
use super::told::Refusal;

/// Name of the operator that the first start makes.
pub(crate) const FIRST: &str = "admin";

/// Everything that is behind the live figures.
#[derive(Debug, Clone)]
pub struct Office {
    /// What is done to people: bans, erasure.
    pub social: Social,
    /// What is kept.
    pub store: Store,
    /// Calls of the client API.
    pub gate: Arc<Gate>,
    /// Modules and matches.
    pub play: Play,
    /// Where all of these run.
    pub threads: Handle,
    /// What the hash of an operator's password costs. Threads of its own compute them, so that a flood of players' sign-ins keeps no
    /// operator out.
    pub passwords: PasswordCost,
}

impl Office {
    /// Makes the first administrator where there is no operator yet; its password, which is shown once.
    ///
    /// # Errors
    /// The store cannot be reached, or the system gives no thread or randomness; says which.
    pub(crate) async fn first_administrator(&self) -> Result<Option<String>, String> {
        let operators = &self.store.operators;
        if !operators.list().await.map_err(|why| why.to_string())?.is_empty() {
            return Ok(None);
        }
        let password = new_password().map_err(|why| why.to_string())?;
        let passwords = Passwords::start(&PasswordCost { threads: 1, ..self.passwords.clone() })?;
        let hash = passwords.hash(&password).await.map_err(|why| why.to_string())?;
        let made = operators.create_first(FIRST.to_owned(), hash, now_ms()).await.map_err(|why| why.to_string())?;
        Ok(made.map(|_| password))
    }

    /// Has `work` done on the threads of the services: connections to a database belong to the runtime that opened them, and what has
    /// begun is finished when the asker goes.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Refusal> {
        let failed = |_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer: its log says more");
        self.threads.spawn(work).await.map_err(failed)
    }
}
