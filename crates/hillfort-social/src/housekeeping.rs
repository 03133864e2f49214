//! What is done now and then: memory of sign-outs is swept, ended sessions are removed from the store, the filter of people is filled.

use std::sync::Weak;
use std::time::Duration;

use crate::core::Core;

/// How often.
const EVERY: Duration = Duration::from_secs(60);
/// Sessions that are removed in one unit of work.
const PURGE: usize = 1000;

/// Runs until the server is dropped.
pub(crate) async fn run(core: Weak<Core>) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let Some(core) = core.upgrade() else { return };
        core.tidy_up().await;
    }
}

impl Core {
    async fn tidy_up(&self) {
        self.revoked.sweep(self.now_s());
        loop {
            match self.store.sessions.purge(self.now_ms(), PURGE).await {
                Ok(removed) if removed == PURGE as u64 => {}
                Ok(_) => break,
                Err(why) => {
                    tracing::warn!(%why, "ended sessions were not removed");
                    break;
                }
            }
        }
        if self.people.wants_filling() {
            let filled = match self.store.accounts.count().await {
                Ok(count) => self.people.fill(usize::try_from(count).unwrap_or(usize::MAX / 4)).await,
                Err(why) => Err(why),
            };
            if let Err(why) = filled {
                tracing::warn!(%why, "the filter of people was not filled: lookups of unknown ids reach the store");
            }
        }
    }
}
