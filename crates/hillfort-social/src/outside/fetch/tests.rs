//! Requests to a stand-in: answers, sizes, trust, and what cannot be reached.

use std::time::Duration;

use super::{ANSWER_MAX, Fetch, FetchFault, escape};
use crate::outside::stand_in::{StandIn, block_on, fetch};

#[test]
fn an_answer_comes_with_its_status_and_age() {
    block_on(async {
        let server = StandIn::plain(|path| if path == "/a?b=c" { (200, "body".into()) } else { (404, path.into()) }).await;
        let answer = fetch("").get(&server.url("/a?b=c")).await.unwrap();
        assert_eq!((answer.status, answer.max_age_s, &answer.body[..]), (200, Some(600), &b"body"[..]));
        assert_eq!(fetch("").get(&server.url("/other")).await.unwrap().status, 404);
    });
}

#[test]
fn tls_is_checked() {
    block_on(async {
        let server = StandIn::tls(|_| (200, "secret".into())).await;
        let answer = fetch(&server.pem).get(&server.https("/")).await.unwrap();
        assert_eq!(&answer.body[..], b"secret");
        let stranger = fetch("").get(&server.https("/")).await.unwrap_err();
        assert!(matches!(stranger, FetchFault::Connection(..)), "{stranger}");
        let other = StandIn::tls(|_| (200, String::new())).await;
        let stranger = fetch(&other.pem).get(&server.https("/")).await.unwrap_err();
        assert!(matches!(stranger, FetchFault::Connection(..)), "{stranger}");
    });
}

#[test]
fn authorities_are_read_with_the_first_request_that_needs_them() {
    block_on(async {
        let server = StandIn::plain(|_| (200, String::new())).await;
        let fetch = fetch("");
        fetch.get(&server.url("/")).await.unwrap();
        assert!(fetch.tls.get().is_none(), "nobody was to be trusted yet");
        let server = StandIn::tls(|_| (200, String::new())).await;
        fetch.get(&server.https("/")).await.unwrap_err();
        assert!(fetch.tls.get().is_some());
    });
    assert!(
        Fetch::new(&super::Trust { extra_pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".into() }).is_err()
    );
}

#[test]
fn an_endless_answer_is_not_read() {
    block_on(async {
        let server = StandIn::plain(|path| (200, "x".repeat(path[1..].parse().unwrap()))).await;
        let most = fetch("").get(&server.url(&format!("/{ANSWER_MAX}"))).await.unwrap();
        assert_eq!(most.body.len(), ANSWER_MAX);
        let more = fetch("").get(&server.url(&format!("/{}", ANSWER_MAX + 1))).await.unwrap_err();
        assert_eq!(more, FetchFault::TooLarge("127.0.0.1".into()));
    });
}

#[test]
fn a_silent_neighbour_is_not_waited_for() {
    block_on(async {
        // It takes connections and says nothing.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let hasty = Fetch { patience: Duration::from_millis(20), ..fetch("") };
        assert_eq!(hasty.get(&address).await, Err(FetchFault::Slow("127.0.0.1".into())));
    });
}

#[test]
fn what_is_no_address_is_said_without_its_secrets() {
    block_on(async {
        for address in ["", "x", "ftp://example.org/?key=secret", "http:///x", "https://", "file:///etc/passwd?secret"] {
            let fault = fetch("").get(address).await.unwrap_err();
            assert!(matches!(fault, FetchFault::Address(_)), "{address}: {fault}");
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fault = fetch("").get(&format!("http://{closed}/?key=secret")).await.unwrap_err();
        assert!(matches!(fault, FetchFault::Connection(..)) && !fault.to_string().contains("secret"), "{fault}");
    });
    assert_eq!(escape("a b&c=d/é%~"), "a%20b%26c%3Dd%2F%C3%A9%25~");
}
