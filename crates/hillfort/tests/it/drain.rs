//! The end of a server: in order, at once, or by force; and what players then do.

use std::process::Command;
use std::time::{Duration, Instant};

use hillfort_proto::reject::Reject;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, Signal, pidfd_open};

use crate::PATIENCE;
use crate::nakama::User;
use crate::player::Player;
use crate::server::Server;
use crate::web::{Metrics, Visit};
use crate::wire::Wire;

#[test]
fn sigterm_lets_players_end_and_tells_them() {
    const DRAIN: Duration = Duration::from_millis(1_500);
    let mut server = Server::start(&[("shutdown.drain_ms_max", "1500")]);
    let mut balancer = Visit::begin(server.http);
    assert_eq!(balancer.get("/readyz").status, 200);
    let mut players: Vec<Player> = server.doors().iter().map(|door| Player::seated(door, "Ann", "hilltop")).collect();
    let late: Vec<_> = server.doors().into_iter().collect();

    let begin = Instant::now();
    server.signal(Signal::TERM);
    server.logged("draining");
    let ready = balancer.get("/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (503, "draining"));
    assert_eq!(balancer.get("/healthz").status, 200, "alive it is");
    // Who is in plays on, who is not stays out.
    let (tick, _) = players[0].state();
    assert!(players[0].state().0 > tick);
    for door in &late {
        let refused = Wire::open(door).map(|mut wire| {
            wire.send_hello(&[0; 72]);
            wire.bytes_to_the_end()
        });
        assert!(refused.is_err() || refused.is_ok_and(|bytes| bytes.is_empty()), "nobody new comes in");
    }
    for player in &mut players {
        assert_eq!(player.closed(), (Some(Reject::Shutdown), false));
        player.cut();
    }
    let told = begin.elapsed();
    assert!((DRAIN..DRAIN + Duration::from_secs(1)).contains(&told), "told after {told:?}");
    assert_eq!(server.ended().code(), Some(0));
    let took = begin.elapsed();
    assert!(took < DRAIN + Duration::from_secs(3), "ended after {took:?}");
    server.logged("ended");
}

#[test]
fn nobody_is_waited_for_when_nobody_plays() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[("shutdown.drain_ms_max", "60000")]);
        let ann = Player::seated(&server.doors()[0], "Ann", "hilltop");
        let begin = Instant::now();
        server.signal(signal);
        server.logged("draining");
        assert_eq!(ann.bye(), Some(Reject::Goodbye));
        assert_eq!(server.ended().code(), Some(0));
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(&[("shutdown.drain_ms_max", "60000")]);
    let mut ann = Player::seated(&server.doors()[0], "Ann", "hilltop");
    server.signal(Signal::TERM);
    server.logged("draining");
    ann.state();
    let begin = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

/// The database is held by somebody else: what modules write behind waits for it.
#[test]
fn a_signal_behind_the_drain_ends_at_once_too_and_loses_nothing_that_was_answered() {
    for is_cut in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("modules")).unwrap();
        let module = "local nk = require('nakama')
            nk.register_rpc(function()
                nk.storage_write_behind({{ collection = 'hot', key = 'at', value = { x = 7 } }})
                return 'queued'
            end, 'behind')";
        std::fs::write(folder.path().join("modules/behind.lua"), module).unwrap();
        let mut server = Server::start_in(folder, &[("store.url", ""), ("store.busy_ms_max", "60000")]);
        let ann = User::sign_in(&server, "ann");
        let holder = rusqlite::Connection::open(server.folder().join("data/hillfort.db")).unwrap();
        holder.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(ann.rpc("behind", ""), "queued");
        server.signal(Signal::TERM);
        server.logged("writing what modules write behind");
        let begin = Instant::now();
        if is_cut {
            server.signal(Signal::TERM);
            server.logged("these values are lost");
        } else {
            holder.execute_batch("ROLLBACK").unwrap();
        }
        assert_eq!(server.ended().code(), Some(0));
        assert!(!is_cut || begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        drop(holder);
        let database = rusqlite::Connection::open(server.folder().join("data/hillfort.db")).unwrap();
        let count =
            |table: &str| database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((count("identities"), count("objects")), (1, i64::from(!is_cut)), "cut: {is_cut}");
    }
}

#[test]
fn a_server_that_was_killed_leaves_nothing_behind() {
    let server = Server::start(&[("bots.hilltop", "2")]);
    Metrics::when(server.console, "two bots that play", |metrics| metrics.value("hillfort_seats{world=\"0\"}") == 2.0);
    let bots = server.children();
    assert_eq!(bots.len(), 1, "one process plays for all bots");
    let watched = pidfd_open(bots[0], PidfdFlags::empty()).unwrap();

    // The folder was held by the one that was killed, and is free.
    let folder = server.kill();
    let server = Server::start_in(folder, &[]);
    let mut ann = Player::seated(&server.doors()[0], "Ann", "hilltop");
    ann.state();

    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&watched, PollFlags::IN)], Some(&patience)).unwrap();
    assert_eq!(ended, 1, "the bots end with their server");
}

#[test]
fn bots_end_with_an_orderly_end() {
    let mut server = Server::start(&[("bots.hilltop", "2"), ("shutdown.drain_ms_max", "300")]);
    Metrics::when(server.console, "two bots that play", |metrics| metrics.value("hillfort_seats{world=\"0\"}") == 2.0);
    let bots = server.children();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0));
    let state = Command::new("kill").args(["-0", &bots[0].as_raw_nonzero().to_string()]).output().unwrap();
    assert!(!state.status.success(), "the bots' process is gone");
}
