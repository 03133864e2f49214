//! The console of a running server: what it shows, and that what it changes takes effect.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use hillfort_proto::hello::{AppId, HelloKey, KeyId};
use hillfort_proto::reject::Reject;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use serde_json::{Value, json};

use crate::player::Player;
use crate::server::{Server, hillfort, run};
use crate::web::{Live, Metrics, get, post};
use crate::wire::{Door, Wire, development_key, hello};

/// Names, types and labels of all metrics: dashboards and alerts of others are built on them.
const METRICS: &str = include_str!("metrics.txt");

#[test]
fn the_live_feed_goes_on() {
    let server = Server::start(&[]);
    let mut live = Live::open(server.console);
    let (event, welcome) = live.next();
    assert_eq!(event, "hello");
    let flags = (&welcome["version"], &welcome["development"], &welcome["gamePort"]);
    assert_eq!(flags, (&env!("CARGO_PKG_VERSION").into(), &true.into(), &server.http.port().into()));
    assert!(welcome["attacks"].as_array().is_some_and(|offers| offers.len() >= 12), "{welcome}");

    let before = Metrics::read(server.console);
    let mut ann = Player::seated(&Door::websocket(server.http), "Ann", "hilltop");
    ann.state();
    let mut last = 0;
    let mut samples = 0;
    live.wait("samples", |list| {
        for sample in list.as_array().unwrap() {
            let seq = sample["seq"].as_u64().unwrap();
            assert_eq!(seq, last + 1, "no sample is left out or comes twice");
            last = seq;
            samples += 1;
        }
        let newest = list.as_array().unwrap().last().unwrap();
        let plays = newest["connections"]["sessions"] == 1 && newest["frames"][1].as_f64() > Some(10.0);
        (plays && samples >= 3 && newest["rss"].as_u64() > Some(1 << 20)).then_some(())
    });
    let (name, game) = live.wait("tables", |tables| {
        let name = tables["players"][0]["name"].as_str()?.to_owned();
        Some((name, tables["rooms"][0]["game"].as_str()?.to_owned()))
    });
    assert_eq!((name.as_str(), game.as_str()), ("Ann", "hilltop"));

    let after = Metrics::when(server.console, "frames", |metrics| {
        metrics.value("hillfort_frames_total{direction=\"out\"}") > 10.0
            && metrics.value("hillfort_ticks_total{world=\"0\"}") > 10.0
    });
    for (name, value) in before.0.iter().filter(|(name, _)| name.split('{').next().unwrap().ends_with("_total")) {
        assert!(after.value(name) >= *value, "{name} fell");
    }
}

#[test]
fn names_of_metrics_are_stable() {
    let server = Server::start(&[]);
    let text = get(server.console, "/metrics").body;
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(str::to_owned);
    let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let name = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|label| Some(label.split_once('=')?.0));
        format!("{name}{{{}}}", labels.collect::<Vec<_>>().join(","))
    });
    let found: BTreeSet<String> = kinds.chain(series).collect();
    let known: BTreeSet<String> = METRICS.lines().map(str::to_owned).collect();
    assert_eq!(found, known, "tests/it/metrics.txt says otherwise; now it is\n{}", Vec::from_iter(found.clone()).join("\n"));
}

#[test]
fn a_ban_that_an_attack_earned_can_be_lifted() {
    let server = Server::start(&[]);
    let target = server.frames.to_string();
    let mut attack = hillfort(Path::new("."));
    attack.args(["load", "attack", "bad-hello", "--seconds", "0.5", "--sockets", "64", "--target", &target]);
    assert!(run(&mut attack).status.success());

    let mut live = Live::open(server.console);
    let address: Ipv4Addr = live.wait("tables", |tables| tables["steps"][0]["address"].as_str()?.parse().ok());
    assert_eq!(address.octets()[..2], [127, 6]);
    assert!(is_cut(address, server.frames), "who is banned is cut");
    Metrics::when(server.console, "a ban", |metrics| metrics.refused().contains_key("banned"));

    let lifted = post(server.console, "/api/lift", &json!({ "address": address }));
    assert_eq!(lifted.status, 202, "{lifted:?}");
    let is_listed = |tables: &Value| tables["steps"].as_array().unwrap().iter().any(|ban| ban["address"] == address.to_string());
    live.wait("tables", |tables| (!is_listed(tables)).then_some(()));
    let mut back = from(address, server.frames).unwrap();
    back.send(&hello(&development_key()));
    assert!(back.log_in("Sorry"), "it has to work for it, as under any attack");

    let typed = json!({ "address": "127.6.6.77", "reason": "rude", "seconds": 60 });
    assert_eq!(post(server.console, "/api/ban", &typed).status, 202);
    live.wait("tables", |tables| {
        tables["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|ban| ban["reason"] == "rude" && ban["address"] == "127.6.6.77")
            .then_some(())
    });
    assert!(is_cut(Ipv4Addr::new(127, 6, 6, 77), server.frames));
    let own = json!({ "address": "127.0.0.1", "reason": "rude", "seconds": 60 });
    assert_eq!(post(server.console, "/api/ban", &own).status, 422, "guard.unbannable holds");
}

#[test]
fn a_limit_takes_effect_while_running() {
    let server = Server::start(&[]);
    let door = Door::frames(server.frames);
    let mut ann = Player::seated(&door, "Ann", "hilltop");
    let limit = |key: &str, value: u64| post(server.console, "/api/limits", &json!({ "key": key, "value": value })).status;
    let in_force = |key: &str, value: u64| {
        Live::open(server.console).wait("tables", |tables| {
            let row = tables["limits"].as_array().unwrap().iter().find(|row| row["key"] == key)?;
            (row["value"] == value).then_some(())
        });
    };
    assert_eq!((limit("guard.connect_burst", 30), limit("guard.connect_per_s", 1)), (202, 202));
    in_force("guard.connect_per_s", 1);
    let mut knocks = 0;
    while !Metrics::read(server.console).refused().contains_key("connect_rate") {
        Wire::is_let_in(&door);
        knocks += 1;
    }
    assert!(knocks > 30, "the burst is not refused");
    ann.state();

    assert_eq!((limit("guard.connect_burst", 5_000), limit("guard.connect_per_s", 3_000)), (202, 202));
    in_force("guard.connect_per_s", 3_000);
    // The bucket is empty, and fills up at the new rate: the half minute that the old one would have taken is not waited for. So many
    // refusals were an attack, so these players work for their logins.
    let (begin, mut let_in) = (Instant::now(), 0);
    while let_in < 30 {
        let_in += u32::from(Wire::is_let_in(&door));
        assert!(begin.elapsed() < Duration::from_secs(25), "{let_in} of 30 players were let in");
    }

    for (key, value, status) in
        [("guard.connect_per_s", 0, 422), ("guard.connect_per_s", 200_001, 422), ("guard.nothing", 1, 404)]
    {
        assert_eq!(limit(key, value), status, "{key} = {value}");
    }
}

#[test]
fn own_keys_end_development_mode() {
    let folder = tempfile::tempdir().unwrap();
    let own = "[[keys]]\napp = 7\nkey = 2\nsecret_file = \"own.key\"\n";
    std::fs::write(folder.path().join("hillfort.toml"), own).unwrap();
    std::fs::write(folder.path().join("own.key"), "00112233445566778899aabbccddeeff\n").unwrap();
    // Bots that are asked for do not play: they know the development key alone.
    let server = Server::start_in(folder, &[("bots.hilltop", "4")]);
    assert!(!server.log().iter().any(|line| line.contains("DEVELOPMENT")), "{:?}", server.log());
    let client: Value = serde_json::from_str(&get(server.http, "/client.json").body).unwrap();
    assert!(client["now_ms"].is_u64() && client.get("secret").is_none() && client.get("server_key").is_none(), "{client}");

    let attack = post(server.console, "/api/attack", &json!({ "kind": "bad-hello" }));
    assert_eq!(attack.status, 403, "{attack:?}");
    assert!(attack.body.contains("development mode only"), "{attack:?}");
    let (_, welcome) = Live::open(server.console).next();
    assert_eq!((&welcome["development"], &welcome["attacks"]), (&false.into(), &Value::Null));

    assert_eq!(Wire::proven(&Door::websocket(server.http)).closed(), Some(Reject::HelloKey));
    let secret: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
    let key = HelloKey::new(AppId(7), KeyId(2), &secret).unwrap();
    let mut ann = Player::login_with(&Door::frames(server.frames), "Ann", key);
    // No echo room either: it is for measuring.
    ann.ask_to_join("echo", None);
    assert_eq!(ann.left(), Some(Reject::RoomGame));
    ann.join("hilltop", None);
    ann.state();
}

#[test]
fn one_attack_at_a_time_and_only_from_this_console() {
    let server = Server::start(&[]);
    let start = || post(server.console, "/api/attack", &json!({ "kind": "slow-hello" })).status;
    assert_eq!((start(), start()), (202, 409));
    Live::open(server.console).wait("attack", |board| (board["running"] == true).then_some(()));
    assert_eq!(post(server.console, "/api/attack", &json!({ "kind": "nuke" })).status, 422);
    server.logged("attack started from the console");
}

/// A connection from an address of one's own.
fn from(source: Ipv4Addr, to: SocketAddr) -> std::io::Result<Wire> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(source, 0))?;
    connect(&socket, &to)?;
    Ok(Wire::over(TcpStream::from(socket)))
}

/// Whether a connection from there is cut without a word; the kernel may tell so while it connects.
fn is_cut(source: Ipv4Addr, to: SocketAddr) -> bool {
    from(source, to).map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |wire| wire.bytes_to_the_end().is_empty())
}
