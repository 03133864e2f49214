//! The kernel filter of the whole product, in network namespaces: how it is attached, and what is left of it.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::lab::{CONSOLE, FRAMES, HEALTH, Lab, key};
use crate::player::{Player, Seen};
use crate::web::{Metrics, post};
use crate::wire::Door;

#[test]
fn kill_9_leaves_no_filter_and_bans_come_back() {
    let Some(lab) = Lab::new("kill") else { return };
    let folder: TempDir = tempfile::tempdir().unwrap();
    let mut server = lab.server(folder.path(), &[]);
    let health = Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
    assert!(health.contains("\"rung\":\"native\"") && health.contains("\"mode\":\"passive\""), "{health}");
    assert!(lab.door().contains("prog/xdp"), "{}", lab.door());

    // A session from before the ban goes on; a new connection gets nowhere.
    let mut ann = lab.inside(&lab.player, || Player::login_with(&Door::frames(FRAMES.into()), "Ann", key()));
    ann.join("hilltop", None);
    ann.state();
    let console = CONSOLE.parse().unwrap();
    let ban = json!({ "address": "10.77.0.2", "reason": "test", "seconds": 600 });
    let answer = lab.inside(&lab.victim, || post(console, "/api/ban", &ban));
    assert_eq!(answer.status, 202, "{}", answer.body);
    Lab::until(&lab.victim, "http://127.0.0.1:7351/metrics", "hillfort_ladder_addresses{step=\"ban\"} 1");
    let (begin, refused) = (Instant::now(), Lab::get(&lab.player, HEALTH));
    assert_eq!(refused, "");
    assert!(begin.elapsed() > Duration::from_secs(1), "dropped, not reset: the kernel never saw it");
    let banned = "hillfort_kernel_packets_total{verdict=\"banned\"}";
    lab.inside(&lab.victim, || Metrics::when(console, "a SYN dropped", |metrics| metrics.value(banned) >= 1.0));
    // Meanwhile: frames there and back, and what the room sends by itself.
    let at_ban = ann.state().0;
    for _ in 0..5 {
        ann.ping(&[7; 32]);
        ann.until("a pong", |seen| matches!(seen, Seen::Pong { .. }).then_some(()));
    }
    assert!(ann.state().0 > at_ban, "the room goes on for it");
    let syns = lab.inside(&lab.victim, || Metrics::read(console).value("hillfort_kernel_syns_total"));
    ann.input(1, &[0; 4]);
    ann.ping(&[]);
    ann.until("a pong", |seen| matches!(seen, Seen::Pong { .. }).then_some(()));
    let after = lab.inside(&lab.victim, || Metrics::read(console).value("hillfort_kernel_syns_total"));
    assert!(after - syns < 1.5, "on the connection that it had: {syns} SYNs, then {after}");

    server.kill();
    assert!(!lab.door().contains("xdp"), "{}", lab.door());

    // Nobody lifted the ban.
    let _second = lab.server(folder.path(), &[]);
    Lab::until(&lab.victim, HEALTH, "\"status\":\"ok\"");
    Lab::until(&lab.victim, "http://127.0.0.1:7351/metrics", "hillfort_ladder_addresses{step=\"ban\"} 1");
    assert_eq!(Lab::get(&lab.player, HEALTH), "");
}

#[test]
fn each_rung_can_be_asked_for_and_is_told() {
    let Some(lab) = Lab::new("rung") else { return };
    for (wish, rung) in [("generic", "generic"), ("socket", "socket"), ("off", "user_space")] {
        let folder = tempfile::tempdir().unwrap();
        let _server = lab.server(folder.path(), &[("kernel.filter", wish)]);
        let health = Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
        assert!(health.contains(&format!("\"rung\":\"{rung}\"")), "{wish}: {health}");
        assert_eq!(lab.door().contains("xdp"), wish == "generic", "{}", lab.door());
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.matches("packets  refused by").count(), 1, "said once: {log}");
    }
}
