//! Answers that nobody reads: their bytes are bounded in sum and for each address, whoever finds no room is told so and has changed nothing,
//! and whoever holds nothing finds room.

use std::time::{Duration, Instant};

use axum::response::Response;
use hillfort_nakama::Settings;

use crate::grpc::{asking, status_of};
use crate::rig::{Open, PATIENT, Rig, TOKEN, request, settings};

/// A quarter is for short answers, and an eighth of each kind for one address.
const MOST: usize = 1 << 20;
const SHORT: usize = 16 * 1024;
const LONG: usize = 96 * 1024;
/// What the shortest answer counts as.
const LEAST: usize = 512;
/// How long the answer of a call that was carried out waits for room at least.
const DONE_PATIENCE: Duration = Duration::from_secs(2);

fn rig() -> Rig {
    Rig::with(Settings { answers_bytes_max: MOST, ..settings() })
}

/// An answer of so many bytes to this address.
fn ask(rig: &Rig, address: u8, bytes: usize) -> Response {
    rig.unread([192, 0, 2, address], request("GET", &path(bytes), Some(TOKEN), ""))
}

fn path(bytes: usize) -> String {
    format!("/v2/rpc/long?unwrap&payload={bytes}")
}

/// One that nobody reads.
fn leave_unread(rig: &Rig, open: &Open<Response>, address: u8, bytes: usize) {
    open.begin(request("GET", &path(bytes), Some(TOKEN), ""), |request| rig.unread([192, 0, 2, address], request));
}

/// Three addresses take all room for short answers, and none of them its whole share.
fn fill_short(rig: &Rig, open: &Open<Response>) {
    for at in 0..MOST / 4 / SHORT {
        leave_unread(rig, open, 11 + (at % 3) as u8, SHORT);
    }
}

#[test]
fn whoever_is_refused_for_want_of_room_has_changed_nothing_and_is_not_charged() {
    let (rig, open) = (rig(), Open::new());
    fill_short(&rig, &open);
    let before = (rig.asked(), rig.charged());
    let refused = ask(&rig, 11, 1);
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!((rig.asked(), rig.charged(), open.ended()), (before.0, before.1, vec![]));
    assert_eq!(rig.rest(request("GET", "/healthcheck", None, "")).status, 200);
    open.leave();
    assert_eq!(ask(&rig, 11, 1).status(), 200);
}

#[test]
fn whoever_holds_nothing_gets_a_short_answer_for_the_stalest_one() {
    let (rig, open) = (rig(), Open::new());
    fill_short(&rig, &open);
    for (n, address) in (21..25).enumerate() {
        leave_unread(&rig, &open, address, SHORT);
        assert_eq!(open.ended(), (0..=n).collect::<Vec<_>>());
    }
    // What is read keeps no room.
    assert_eq!(rig.rest(request("POST", "/v2/rpc/echo", Some(TOKEN), "\"hello\"")).json()["payload"], "hello");
    assert_eq!(rig.rest(request("POST", "/v2/rpc/echo", Some(TOKEN), "\"hello\"")).json()["payload"], "hello");
    assert_eq!(open.ended(), [0, 1, 2, 3, 4]);
}

#[test]
fn one_address_has_its_share() {
    // So long is waited for a share.
    let rig = Rig::with(Settings { answers_bytes_max: MOST, wait_max: Duration::from_secs(10), ..settings() });
    let mut unread: Vec<_> = (0..MOST / 8 / SHORT).map(|_| ask(&rig, 1, SHORT)).collect();
    assert!(unread.iter().all(|answer| answer.status() == 200));
    let before = rig.asked();
    assert_eq!((ask(&rig, 1, 1).status().as_u16(), rig.asked()), (429, before), "it was not carried out");
    assert_eq!(ask(&rig, 2, SHORT).status(), 200, "others have theirs");
    unread.pop();
    assert_eq!(ask(&rig, 1, 1).status(), 200);
}

#[test]
fn an_answer_that_nobody_could_know_to_be_long_is_given_all_the_same() {
    let (rig, open) = (rig(), Open::new());
    for address in 11..=18 {
        leave_unread(&rig, &open, address, LONG);
    }
    assert_eq!(ask(&rig, 11, LONG).status(), 200, "the function has run");
    assert_eq!(open.ended(), [0]);
    assert_eq!(status_of(&rig, "long", &(LONG - 32).to_string()), 0, "by gRPC as well");
    assert_eq!(open.ended(), [0], "the one before was not kept");
    open.leave();
    for address in 11..=18 {
        let request = asking("long", &(LONG - 32).to_string());
        open.begin(request, |request| rig.unread_grpc([192, 0, 2, address], request));
    }
    assert_eq!((open.ended(), ask(&rig, 9, LONG).status().as_u16(), open.ended()), (vec![], 200, vec![0]), "it holds as much");
}

/// What is kept beside the bytes of an answer is no less for a short one.
#[test]
fn the_shortest_answers_count_as_what_is_kept_for_them() {
    let rig = Rig::with(Settings { answers_bytes_max: MOST, wait_max: Duration::from_secs(1), ..settings() });
    // Each is begun as one whose length is not known.
    let fit = (MOST / 8 - SHORT) / LEAST + 1;
    let unread: Vec<_> = (0..fit).map(|_| ask(&rig, 1, 1)).collect();
    assert!(unread.iter().all(|answer| answer.status() == 200));
    let before = rig.asked();
    assert_eq!((ask(&rig, 1, 1).status().as_u16(), rig.asked()), (429, before), "it was not carried out");
    drop(unread);
    assert_eq!(ask(&rig, 1, 1).status(), 200);
}

/// By the clock, which is the one of the threads that answer.
#[test]
fn a_call_that_was_carried_out_waits_for_room_and_says_so_when_there_is_none() {
    // Less than is waited for after the call.
    let rig = Rig::with(Settings { answers_bytes_max: MOST, wait_max: Duration::from_secs(1), ..settings() });
    // Nobody can end these: they came by no line.
    let mut unread: Vec<_> = (11..=18).map(|address| ask(&rig, address, LONG)).collect();
    assert!(unread.iter().all(|answer| answer.status() == 200));
    let (asked, begun) = (rig.asked(), Instant::now());
    let refused = rig.rest(request("GET", &path(LONG), Some(TOKEN), ""));
    assert!(begun.elapsed() >= DONE_PATIENCE, "{:?}", begun.elapsed());
    assert_eq!((refused.status, rig.asked()), (429, asked + 1));
    let said = refused.json()["message"].to_string();
    assert!(said.contains("the call was carried out") && said.contains("look before you repeat it"), "{said}");
    std::thread::scope(|scope| {
        let (asked, begun) = (rig.asked(), Instant::now());
        let answer = scope.spawn(|| ask(&rig, 11, LONG));
        while rig.asked() == asked {
            assert!(begun.elapsed() < PATIENT, "it is not carried out");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        unread.pop();
        assert_eq!(answer.join().unwrap().status(), 200, "room that comes free is given to it");
    });
}

/// By the clock: what looks for such has no other.
#[test]
fn who_reads_nothing_for_ten_seconds_is_ended() {
    let (rig, open, begun) = (rig(), Open::new(), Instant::now());
    leave_unread(&rig, &open, 11, LONG);
    leave_unread(&rig, &open, 12, 1);
    while open.ended().len() < 2 {
        assert!(begun.elapsed() < PATIENT, "{:?} ended", open.ended());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert!(begun.elapsed() >= Duration::from_secs(10), "{:?}", begun.elapsed());
}
