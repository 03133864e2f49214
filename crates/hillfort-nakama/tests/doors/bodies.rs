//! Bodies that do not come: their bytes are bounded in sum, and whoever holds nothing finds room.

use std::time::Duration;

use hillfort_nakama::Settings;

use crate::rig::{Begun, Open, Rig, TOKEN, no_body, no_body_of, request, settings};

/// A quarter is for short bodies, and an eighth of each kind for one address.
const MOST: usize = 1 << 20;
const SHORT: usize = 16 * 1024;

fn rig() -> Rig {
    Rig::with(Settings { requests_bytes_max: MOST, request_bytes_max: MOST / 2, wait_max: Duration::from_secs(10), ..settings() })
}

/// A body of so many bytes, of which none comes.
fn begin(rig: &Rig, open: &Open<Begun>, address: u8, bytes: usize) {
    let request = request("POST", "/v2/rpc/echo", Some(TOKEN), no_body_of(Some(bytes as u64)));
    open.begin(request, |request| rig.begun([192, 0, 2, address], request));
}

#[test]
fn whoever_holds_nothing_finds_room_for_a_short_body() {
    let (rig, open) = (rig(), Open::new());
    for at in 0..MOST / 4 / SHORT {
        begin(&rig, &open, 11 + (at % 3) as u8, SHORT);
    }
    let ask = |address| {
        let charged = rig.charged();
        let asked = request("POST", "/v2/rpc/echo", Some(TOKEN), "\"hello\"");
        (rig.unread([192, 0, 2, address], asked).status().as_u16(), rig.charged() - charged)
    };
    assert_eq!((ask(11), open.ended()), ((503, 0), vec![]), "whoever holds some ends nobody, and is not charged");
    assert_eq!((ask(21), open.ended()), ((200, 1), vec![0]));
    assert_eq!((ask(22), open.ended()), ((200, 1), vec![0]), "what came is not kept");
    // Without a body none is needed.
    begin(&rig, &open, 23, SHORT);
    assert_eq!(rig.unread([192, 0, 2, 11], request("GET", "/v2/rpc/echo", Some(TOKEN), "")).status(), 200);
    open.leave();
    assert_eq!(ask(11), (200, 1));
}

#[test]
fn one_address_has_its_share_and_always_one_body() {
    let (rig, open) = (rig(), Open::new());
    begin(&rig, &open, 1, MOST / 4);
    let long = request("POST", "/v2/rpc/echo", Some(TOKEN), "x".repeat(SHORT + 1));
    assert_eq!(rig.unread([192, 0, 2, 1], long).status(), 429);
    let other = request("POST", "/v2/rpc/echo", Some(TOKEN), format!("\"{}\"", "x".repeat(SHORT)));
    assert_eq!(rig.unread([192, 0, 2, 2], other).status(), 200);
}

#[test]
fn a_body_of_which_nothing_is_known_counts_as_it_comes() {
    let (rig, open) = (rig(), Open::new());
    // As many as there are claimed nothing yet.
    for address in 0..60 {
        let request = request("POST", "/v2/rpc/echo", Some(TOKEN), no_body());
        open.begin(request, |request| rig.begun([192, 0, 2, address], request));
    }
    for address in 100..103 {
        begin(&rig, &open, address, MOST / 4);
    }
    assert!(open.ended().is_empty());
    let long = request("POST", "/v2/rpc/echo", Some(TOKEN), "x".repeat(SHORT + 1));
    assert_eq!(rig.unread([192, 0, 2, 9], long).status(), 503, "nobody has been too slow yet");
}
