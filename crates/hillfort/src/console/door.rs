//! Accepts the console's connections: a bounded number, each with a deadline for its request line and headers. Knows nothing of routes.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::gate::Peer;

/// Connections at a time; further ones wait in the kernel's queue. A page needs one for the live feed and up to five for its files.
const CONNECTIONS_MAX: usize = 64;
/// A request's headers must be there by then.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// Pause after an accept that failed, so that a lack of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener`, for ever.
pub(super) async fn run(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "console: accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone().layer(Extension(Peer(peer))));
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
            // A connection that breaks is the browser's business.
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::trace!(%error, "console: connection ended");
            }
            drop(permit);
        });
    }
}
