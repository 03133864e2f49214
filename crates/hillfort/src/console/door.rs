//! Accepts the console's connections: a bounded number in all and of one address, each with a deadline for its request line and headers. Strangers
//! make room for newcomers, those who were admitted do not. Knows nothing of routes.

use std::net::IpAddr;
use std::time::Duration;

use axum::{Extension, Router};
use hillfort_guard::IpNet;
use hillfort_social::limits::source;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use super::client::is_in;
use super::gate::Peer;
use super::guests::Guests;

/// Connections at a time. A page needs one for the live feed and up to five for its files.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// Of one address, or one /64 of IPv6: two browsers with two tabs each.
const OF_ADDRESS_MAX: usize = 16;
/// Of a proxy that is listed. Whoever is behind one leaves some for those who come by themselves.
const OF_PROXY_MAX: usize = CONNECTIONS_MAX - OF_ADDRESS_MAX;
/// A request's headers must be there by then.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// Pause after an accept that failed, so that a lack of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener`, for ever.
pub(super) async fn run(listener: TcpListener, router: Router, proxies: &[IpNet]) {
    let guests = Guests::new(CONNECTIONS_MAX);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "console: accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let address = peer.ip().to_canonical();
        // Whoever sits at the machine is no stranger.
        let is_known = is_of_this_machine(address, proxies);
        let Some(seat) = guests.enter(source(address), share(address, proxies), is_known) else { continue };
        let router = router.clone().layer(Extension(Peer(peer))).layer(Extension(seat.guest.clone()));
        let service = TowerToHyperService::new(router);
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
            // A connection that breaks is the browser's business.
            tokio::select! {
                ended = http.serve_connection(TokioIo::new(stream), service) => if let Err(error) = ended {
                    tracing::trace!(%error, "console: connection ended");
                },
                () = seat.guest.shown_out() => {}
            }
            drop(seat);
        });
    }
}

/// Connections that an address may have. This machine's own are all for people and commands on it, unless proxies are listed: then strangers
/// may come from it, too.
fn share(address: IpAddr, proxies: &[IpNet]) -> usize {
    if is_in(proxies, address) {
        OF_PROXY_MAX
    } else if is_of_this_machine(address, proxies) {
        CONNECTIONS_MAX
    } else {
        OF_ADDRESS_MAX
    }
}

/// Whether nobody but people and commands on this machine can come from there.
fn is_of_this_machine(address: IpAddr, proxies: &[IpNet]) -> bool {
    address.is_loopback() && proxies.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_share_of_the_connections() {
        let check = |address: &str, proxies: &[&str], expect| {
            let proxies: Vec<IpNet> = proxies.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(share(address.parse().unwrap(), &proxies), expect, "{address} {proxies:?}");
        };
        check("192.0.2.1", &[], OF_ADDRESS_MAX);
        check("127.0.0.1", &[], CONNECTIONS_MAX);
        check("::1", &[], CONNECTIONS_MAX);
        check("127.0.0.1", &["10.0.0.0/8"], OF_ADDRESS_MAX);
        check("127.0.0.1", &["127.0.0.1/32"], OF_PROXY_MAX);
        check("10.1.1.1", &["10.0.0.0/8"], OF_PROXY_MAX);
        check("192.0.2.1", &["10.0.0.0/8"], OF_ADDRESS_MAX);
    }
}
