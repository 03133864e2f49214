//! The console over real sockets: the live part.

use std::net::IpAddr;
use std::sync::Mutex;

use hillfort_proto::reject::Reject;
use serde_json::{Value, json};

use super::*;
use rig::{DEADLINE, ban, script, start};

mod people;
mod play;
mod rig;
mod roles;
mod strangers;

#[test]
fn the_feed_begins_with_the_history_and_goes_on() {
    let rig = start(false, None);
    let mut live = rig.live();
    let hello = live.next("hello");
    assert_eq!(hello["version"], "0.0.0");
    assert_eq!((&hello["development"], &hello["attacks"]), (&json!(false), &Value::Null));
    assert_eq!(hello["rejects"].as_array().unwrap().len(), Reject::ALL.len());
    let tables = live.next("tables");
    assert_eq!(tables["limits"][0]["value"], 3_000);
    let loud = json!({ "name": "192.0.2.9", "attempts": 70, "refused": 60 });
    assert_eq!(tables["top"], json!({ "sources": [loud], "networks": null, "signatures": null }));
    let first = live.next("samples")[0].clone();
    let second = live.next("samples")[0].clone();
    assert_eq!(second["seq"].as_u64().unwrap(), first["seq"].as_u64().unwrap() + 1);
    assert_eq!(first["refused"][0][0], Reject::HelloMac.code());
    assert!(first["frames"][1].as_f64().unwrap() > 0.0, "{first}");
    assert_eq!(first["latency"], json!([1.0, 2.0]));
    let (wall, kernel) = (&first["wall"], &first["wall"]["kernel"]);
    assert_eq!((&wall["posture"], &kernel["rung"], &kernel["mode"]), (&json!("attack"), &json!("generic"), &json!("flood")));
    assert_eq!(kernel["packets"][0][0], "banned");
    assert!(kernel["syns"].as_f64() > kernel["packets"][0][1].as_f64(), "{wall}");
    assert_eq!(hello["threats"].as_array().unwrap().len(), naming::Threat::ALL.len());

    let mut late = rig.live();
    late.next("hello");
    let history = late.next("samples");
    assert!(history.as_array().unwrap().len() >= 2, "{history}");
    assert_eq!(history[0]["seq"], 1);
    rig.console.stop();
}

#[test]
fn bans_are_made_and_lifted() {
    let rig = start(false, None);
    rig.source.bans.lock().unwrap().push(ban("192.0.2.1"));
    let mut live = rig.live();
    let step = &live.next("tables")["steps"][0];
    assert_eq!((&step["evidence"], &step["step"], &step["stage"]), (&json!("40 in 10 s"), &json!("ban"), &json!("hello")));
    assert_eq!((&step["expires_in_ms"], &step["liftable"]), (&json!(60_000), &json!(true)));

    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let (status, answer) = rig.get("/api/address/::ffff:192.0.2.1");
    assert!(status == 200 && answer.contains("\"score\":7") && answer.contains("\"evidence\":\"40 in 10 s\""), "{answer}");
    assert_eq!(rig.get("/api/address/192.0.2.2").0, 503);
    assert_eq!(rig.get("/api/address/192.0.2").0, 400);
    assert_eq!(rig.post("/api/lift", &json!({ "address": address })).0, 202);
    assert_eq!(rig.post("/api/lift", &json!({ "address": address })).0, 404);
    let reason = "typed by hand";
    assert_eq!(rig.post("/api/ban", &json!({ "address": "::ffff:192.0.2.2", "reason": reason, "seconds": 60 })).0, 202);
    let expect =
        [Change::Lift { address }, Change::Ban { address: "192.0.2.2".parse().unwrap(), reason: reason.into(), seconds: 60 }];
    assert_eq!(*rig.source.changes.lock().unwrap(), expect);
    rig.console.stop();
}

#[test]
fn bad_requests_change_nothing() {
    let rig = start(true, None);
    let long = "x".repeat(TEXT_CHARS_MAX + 1);
    let check = |path: &str, body: Value, expect: u16| {
        let (status, answer) = rig.post(path, &body);
        assert_eq!(status, expect, "{path} {body}: {answer}");
    };
    check("/api/ban", json!({ "address": "192.0.2.1", "reason": "", "seconds": 60 }), 422);
    check("/api/ban", json!({ "address": "192.0.2.1", "reason": long, "seconds": 60 }), 422);
    check("/api/ban", json!({ "address": "192.0.2.1", "reason": "a\nb", "seconds": 60 }), 422);
    check("/api/ban", json!({ "address": "192.0.2.1", "reason": "x", "seconds": 0 }), 422);
    check("/api/ban", json!({ "address": "192.0.2.1", "reason": "x", "seconds": 86_401 }), 422);
    check("/api/ban", json!({ "address": "192.0.2", "reason": "x", "seconds": 1 }), 422);
    check("/api/ban", json!({ "address": "192.0.2.1", "reason": "x", "seconds": 1, "more": 1 }), 422);
    check("/api/limits", json!({ "key": "guard.connect.rate", "value": 0 }), 422);
    check("/api/limits", json!({ "key": "guard.connect.rate", "value": 100_001 }), 422);
    check("/api/limits", json!({ "key": "guard.unknown", "value": 1 }), 404);
    check("/api/allow", json!({ "address": "192.0.2.1" }), 503);
    check("/api/attack", json!({ "kind": "rm-rf" }), 422);
    check("/api/lift", json!({ "address": "192.0.2.1", "padding": "x".repeat(8 * 1024) }), 413);
    let plain = format!("host: {}\r\n{}content-type: text/plain\r\n", rig.address, rig.who);
    assert_eq!(rig.ask("POST", "/api/lift", &plain, r#"{"address":"192.0.2.1"}"#).0, 415);
    assert!(rig.source.changes.lock().unwrap().is_empty());
    check("/api/limits", json!({ "key": "guard.connect.rate", "value": 100_000 }), 202);
    rig.console.stop();
}

#[test]
fn other_sites_neither_read_nor_change() {
    let rig = start(true, Some(script("echo started")));
    let json = "content-type: application/json\r\n";
    let own = format!("host: {}\r\n{}", rig.address, rig.who);
    assert_eq!(rig.ask("GET", "/metrics", "host: evil.example\r\n", "").0, 403);
    assert_eq!(rig.ask("GET", "/api/live", "host: evil.example:7351\r\n", "").0, 403);
    let lift = r#"{"address":"192.0.2.1"}"#;
    for foreign in ["origin: http://evil.example\r\n", "sec-fetch-site: cross-site\r\n", "origin: http://127.0.0.1:1\r\n"] {
        assert_eq!(rig.ask("POST", "/api/lift", &format!("{own}{json}{foreign}"), lift).0, 403, "{foreign}");
        let attack = r#"{"kind":"bad-hello"}"#;
        assert_eq!(rig.ask("POST", "/api/attack", &format!("{own}{json}{foreign}"), attack).0, 403, "{foreign}");
    }
    let answer = rig.get("/").1;
    assert!(answer.contains("content-security-policy: default-src 'none'"), "{answer}");
    assert!(answer.contains("x-frame-options: DENY"), "{answer}");
    assert!(rig.source.changes.lock().unwrap().is_empty());
    rig.console.stop();
}

#[test]
fn attacks_are_for_development_and_loopback() {
    let bad = json!({ "kind": "bad-hello" });
    let rig = start(false, Some(script("echo started")));
    assert_eq!(rig.post("/api/attack", &bad).0, 403);
    rig.console.stop();
    let rig = start(true, None);
    assert_eq!(rig.post("/api/attack", &bad).0, 403);
    rig.console.stop();
    let abroad = AttackTool { target: "192.0.2.1:7352".parse().unwrap(), ..script("echo started") };
    let rig = start(true, Some(abroad));
    let (status, answer) = rig.post("/api/attack", &bad);
    assert!(status == 403 && answer.contains("loopback"), "{answer}");
    rig.console.stop();
}

#[test]
fn an_attack_that_cannot_run_here_says_so_before_and_after_the_click() {
    let rig = start(true, Some(script("echo started")));
    let hello = rig.live().next("hello");
    let offers = hello["attacks"].as_array().unwrap();
    assert!(offers.contains(&json!({ "kind": "bad-hello", "cannot": null })), "{hello}");
    let tls = offers.iter().find(|offer| offer["kind"] == "tls").unwrap();
    assert_eq!(tls["cannot"], "the doors speak no TLS");
    let (status, answer) = rig.post("/api/attack", &json!({ "kind": "tls" }));
    assert!(status == 501 && answer.contains("speak no TLS"), "{status} {answer}");
    rig.console.stop();
}

#[test]
fn an_attack_shows_its_progress_and_ends_with_a_verdict() {
    let line =
        r#"{"kind":"connect-flood","t_ms":250,"offered":320,"sent":300,"refused":299,"succeeded":1,"open":7,"done":false}"#;
    let rig = start(
        true,
        Some(script(&format!(
            r#"test "$*" = "connect-flood --target 127.0.0.1:7352 --seconds 8 --progress json --nice 15" || exit 3; echo '{line}'; echo noise; sleep 1"#
        ))),
    );
    let mut live = rig.live();
    assert_eq!(live.next("attack")["marks"], json!([]));
    let kind = json!({ "kind": "connect-flood" });
    assert_eq!(rig.post("/api/attack", &kind).0, 202);
    assert_eq!(rig.post("/api/attack", &kind).0, 409);
    let board = live.attack_until(|board| board["progress"]["sent"] == 300);
    assert_eq!((&board["running"], &board["marks"][0]["to"]), (&json!(true), &Value::Null));
    let board = live.attack_until(|board| !board["verdict"].is_null());
    assert_eq!(board["end"]["how"], "finished", "{board}");
    assert_eq!(board["running"], false);
    assert!(board["marks"][0]["to"].as_u64() > board["marks"][0]["from"].as_u64(), "{board}");
    let verdict = &board["verdict"];
    assert_eq!(
        verdict["attacker"],
        json!({ "offered": 320, "sent": 300, "refused": 299, "succeeded": 1, "open": 7, "packets": 0 })
    );
    assert_eq!(verdict["named"], json!(["forged_hellos"]), "what the source counts has its name");
    assert_eq!(verdict["refused"][0][0], Reject::HelloMac.code());
    assert_eq!(verdict["latency_p99"]["during"], 2.0);
    assert_eq!(verdict["ticks_kept"], 1.0);
    rig.console.stop();
}

/// A kernel filter that notes where it was to stand.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<String>>);

impl FilterPost for Noted {
    fn stand(&self, interface: &str) -> Result<Rung, String> {
        self.0.lock().unwrap().push(format!("stand {interface}"));
        if interface == "hfd1" { Ok(Rung::Native) } else { Err("it is off".to_owned()) }
    }

    fn leave(&self) {
        self.0.lock().unwrap().push("leave".to_owned());
    }
}

#[test]
fn an_attack_by_packets_says_where_it_takes_place() {
    let check = |kind: &str, said: Value, ground: Value, stood: &[&str]| {
        let noted = Arc::new(Noted::default());
        let asked = r#"case "$*" in *--own-namespace) ;; *) exit 3;; esac"#;
        let text = format!("{asked}; echo '{said}'; echo '{}'", json!({ "packets": 7 }));
        let rig = start(true, Some(AttackTool { raw_sockets: true, post: Some(noted.clone()), ..script(&text) }));
        let mut live = rig.live();
        assert_eq!(rig.post("/api/attack", &json!({ "kind": kind })).0, 202);
        let board = live.attack_until(|board| !board["verdict"].is_null());
        assert_eq!((&board["ground"], &board["end"]["how"]), (&ground, &json!("finished")), "{board}");
        assert_eq!(board["verdict"]["attacker"]["packets"], 7);
        assert_eq!(*noted.0.lock().unwrap(), stood);
        rig.console.stop();
    };
    let namespace = |interface: &str| json!({ "ground": "namespace", "interface": interface });
    let stands = json!({ "ground": "namespace", "interface": "hfd1", "filter": "native", "why": null });
    check("syn-spoofed", namespace("hfd1"), stands, &["stand hfd1", "leave"]);
    let off = json!({ "ground": "namespace", "interface": "hfd2", "filter": null, "why": "it is off" });
    check("syn-bots", namespace("hfd2"), off, &["stand hfd2", "leave"]);
    let loopback = json!({ "ground": "loopback", "why": "needs root" });
    check("ack", loopback.clone(), loopback, &["leave"]);
}

#[test]
fn an_attack_that_fails_says_why() {
    let rig = start(true, Some(script("echo no such door >&2; exit 3")));
    let mut live = rig.live();
    assert_eq!(rig.post("/api/attack", &json!({ "kind": "slow-hello" })).0, 202);
    let board = live.attack_until(|board| !board["end"].is_null());
    assert_eq!(board["end"], json!({ "how": "failed", "why": "no such door" }));
    rig.console.stop();
}

#[test]
fn an_attack_that_does_not_end_is_killed() {
    let rig = start(true, Some(script("exec sleep 60")));
    let mut live = rig.live();
    assert_eq!(rig.post("/api/attack", &json!({ "kind": "command-flood" })).0, 202);
    let board = live.attack_until(|board| !board["end"].is_null());
    assert_eq!(board["end"]["how"], "killed");
    let lasted = board["marks"][0]["to"].as_u64().unwrap() - board["marks"][0]["from"].as_u64().unwrap();
    assert!((14_900..25_000).contains(&lasted), "{lasted} ms");
    rig.console.stop();
}

#[test]
fn a_console_that_stops_takes_its_attack_along() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    // Written beside and then moved, so that it is never read half written.
    let rig = start(true, Some(script(&format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 60", note.display()))));
    let mut live = rig.live();
    assert_eq!(rig.post("/api/attack", &json!({ "kind": "command-flood" })).0, 202);
    let pid = loop {
        match std::fs::read_to_string(&note) {
            Ok(pid) => break pid.trim().to_owned(),
            Err(_) => drop(live.next("samples")),
        }
    };
    rig.console.stop();
    let deadline = std::time::Instant::now() + DEADLINE;
    // Killed and not waited for, it may stay in the list of processes as a zombie.
    let runs = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while runs() {
        assert!(std::time::Instant::now() < deadline, "process {pid} still runs");
        std::thread::yield_now();
    }
}

#[test]
fn readers_are_bounded() {
    let rig = start(false, None);
    let mut readers: Vec<_> = (0..live::OF_OTHER_MAX).map(|_| rig.live()).collect();
    readers.iter_mut().for_each(|reader| {
        reader.next("hello");
    });
    assert_eq!(rig.get("/api/live").0, 503);
    // An operator has a few, and leaves the others theirs.
    let cookies = ["anna", "ben"].map(|name| rig.cookie(name, &rig.operator(name, "viewer")));
    let looks = |cookie: &String| rig.live_as(&rig.browser(cookie));
    let mut annas: Vec<_> = (0..live::OF_OPERATOR_MAX).map(|_| looks(&cookies[0])).collect();
    annas.iter_mut().for_each(|reader| {
        reader.next("hello");
    });
    assert_eq!(rig.ask("GET", "/api/live", &rig.browser(&cookies[0]), "").0, 503);
    looks(&cookies[1]).next("hello");
    drop(annas.pop());
    let deadline = std::time::Instant::now() + DEADLINE;
    while rig.status_of_live(&rig.browser(&cookies[0])) != 200 {
        assert!(std::time::Instant::now() < deadline, "a place that was given back can be taken");
    }
    rig.console.stop();
}

#[test]
fn metrics_show_the_latest_reading() {
    let rig = start(false, None);
    rig.live().next("samples");
    let (status, answer) = rig.get("/metrics");
    assert_eq!(status, 200);
    assert!(answer.contains("content-type: application/openmetrics-text"), "{answer}");
    let refusals = answer.lines().find(|line| line.starts_with("hillfort_refused_total{reason=\"hello_mac\"")).unwrap();
    assert!(refusals.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() >= 1_000.0, "{refusals}");
    assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
    assert_eq!(rig.get("/no/such/page").0, 404);
    rig.console.stop();
}

#[test]
fn rooms_are_listed_and_recorded() {
    let rig = start(false, None);
    let (status, answer) = rig.get("/api/rooms");
    assert!(status == 200 && answer.contains(r#""rooms":[],"total":0"#), "{answer}");
    let (status, answer) = rig.post("/api/record", &json!({ "room": "0000000100000000" }));
    assert!(status == 200 && answer.contains(r#""file":"a.hillrec""#), "{answer}");
    assert_eq!(rig.post("/api/record", &json!({ "room": "0000000100000001" })).0, 404);
    assert_eq!(rig.post("/api/record", &json!({ "room": "../x" })).0, 404);
    assert_eq!(rig.post("/api/record", &json!({})).0, 422);
}

#[test]
fn a_room_is_shown_and_steered_in_development_alone() {
    let rig = start(true, None);
    let (status, answer) = rig.get("/api/rooms/0000000000000001");
    assert!(status == 200 && answer.contains(r#""id":"0000000000000001""#) && answer.contains(r#""paused":false"#), "{answer}");
    assert_eq!(rig.get("/api/rooms/1?inside").0, 200);
    let (status, answer) = rig.get("/api/rooms/2");
    assert!(status == 410 && answer.contains("it crashed"), "{answer}");
    assert_eq!((rig.get("/api/rooms/4").0, rig.get("/api/rooms/..").0), (404, 404));
    let (status, answer) = rig.post("/api/rooms/1", &json!({ "deed": "pause" }));
    assert!(status == 200 && answer.contains(r#""paused":true"#), "{answer}");
    assert_eq!(rig.post("/api/rooms/1", &json!({ "deed": "step" })).0, 200);
    assert_eq!(rig.post("/api/rooms/1", &json!({ "deed": "explode" })).0, 422);
    assert_eq!(rig.post("/api/rooms/1/move", &json!({ "to": 3 })).0, 202);
    assert_eq!(rig.post("/api/rooms/1/move", &json!({ "to": 4 })).0, 404);
    assert_eq!(rig.post("/api/rooms/x/move", &json!({ "to": 3 })).0, 404);
    assert_eq!(rig.post("/api/rooms/1/move", &json!({ "to": 300 })).0, 422);
    let deeds = rig.source.deeds.lock().unwrap().clone();
    assert_eq!(deeds, [RoomDeed::Look, RoomDeed::LookInside, RoomDeed::Pause, RoomDeed::Step]);

    let rig = start(false, None);
    assert_eq!(rig.get("/api/rooms/1").0, 200);
    let (status, answer) = rig.post("/api/rooms/1", &json!({ "deed": "pause" }));
    assert!(status == 403 && answer.contains("development mode only"), "{answer}");
    assert_eq!(*rig.source.deeds.lock().unwrap(), [RoomDeed::Look]);
}
