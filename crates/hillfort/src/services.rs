//! What answers calls of the client API: the store, the handlers over it, and threads of their own for both. Owns the order in which
//! they start and end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hillfort_api::Service;
use hillfort_nakama::Gate;
use hillfort_social::passwords::PasswordCost;
use hillfort_social::{Social, system_clock};
use hillfort_store::Store;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::config;
use crate::console::{Office, Play};

/// Time for calls that are under way at the end.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Everything that answers calls, and the way to it.
#[derive(Debug)]
pub(crate) struct Services {
    /// What doors ask.
    pub(crate) gate: Arc<Gate>,
    /// The handlers.
    pub(crate) social: Social,
    store: Store,
    /// What the hash of a password costs.
    passwords: PasswordCost,
    threads: Threads,
}

/// The threads; there until they end.
#[derive(Debug)]
struct Threads(Option<Runtime>);

/// Why there is nothing that answers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("the system refuses threads")]
    Threads(#[source] io::Error),
    #[error("the store cannot be used: look at store.url")]
    Store(#[source] hillfort_store::StoreError),
    #[error("accounts cannot be served: {0}")]
    Social(String),
}

impl Services {
    /// Opens the store, which may make its tables first, and starts the handlers.
    ///
    /// # Errors
    /// [`StartError`].
    pub(crate) fn start(settings: &config::Services, store: &config::Store) -> Result<Self, StartError> {
        let threads = Builder::new_multi_thread()
            .worker_threads(settings.threads)
            .thread_name("services")
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        let threads = Threads(Some(threads));
        let (opened, social) = threads.handle().block_on(async {
            let opened = Store::open(&store.url, store.options.clone()).await.map_err(StartError::Store)?;
            let social = Social::start(settings.social.clone(), opened.clone(), settings.mail.clone(), system_clock()).await;
            Ok((opened, social.map_err(StartError::Social)?))
        })?;
        if store.url == "memory:" {
            tracing::info!("accounts are kept in memory and end with the server: store.url says where they last");
        }
        let service = Arc::new(social.clone()) as Arc<dyn Service>;
        let gate = Arc::new(Gate::new(service, threads.handle().clone(), settings.doors.clone()));
        Ok(Self { gate, social, store: opened, passwords: settings.social.passwords.clone(), threads })
    }

    /// What the console asks.
    pub(crate) fn office(&self, play: Play) -> Office {
        Office {
            social: self.social.clone(),
            store: self.store.clone(),
            gate: Arc::clone(&self.gate),
            play,
            threads: self.handle(),
            passwords: self.passwords.clone(),
        }
    }

    /// The same, for a door that asks them by itself.
    pub(crate) fn service(&self) -> Arc<dyn Service> {
        Arc::new(self.social.clone())
    }

    /// The threads that answer.
    pub(crate) fn handle(&self) -> Handle {
        self.threads.handle().clone()
    }

    /// Ends, after the doors: what modules write behind is written, and calls that are under way have some seconds, unless `cut` comes first.
    /// What was answered is safe either way.
    pub(crate) async fn stop(mut self, cut: impl Future<Output = ()>) {
        let Some(threads) = self.threads.0.take() else { return };
        let mut cut = pin!(cut);
        let waiting = || self.social.written_behind().waiting();
        if waiting() > 0 {
            tracing::info!(objects = waiting(), "writing what modules write behind; a signal ends at once");
        }
        let social = self.social.clone();
        let closing = threads.spawn(async move { tokio::time::timeout(END_PATIENCE, social.close()).await });
        let was_cut = tokio::select! {
            _ended = closing => false,
            () = &mut cut => true,
        };
        if waiting() > 0 {
            tracing::warn!(objects = waiting(), "the database did not take what modules write behind: these values are lost");
        }
        if was_cut {
            return threads.shutdown_background();
        }
        // On a thread of its own, which may be left behind: the runtime of this one would wait for it.
        let (ended, threads_ended) = oneshot::channel();
        std::thread::spawn(move || {
            threads.shutdown_timeout(END_PATIENCE);
            let _nobody_waits = ended.send(());
        });
        tokio::select! {
            _ = threads_ended => {}
            () = cut => {}
        }
    }
}

impl Threads {
    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("there until they end").handle()
    }
}

impl Drop for Threads {
    /// Waits for nothing: who has time calls [`Services::stop`].
    fn drop(&mut self) {
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}
