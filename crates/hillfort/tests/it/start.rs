//! From the command to a server that is ready: how long it takes, what it weighs, what it says.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{Server, hillfort, run};
use crate::web::get;

#[test]
fn ready_soon_and_small() {
    // Of a debug build, some 35 MiB are its own code.
    let (start_max, rss_max) = if cfg!(debug_assertions) { (3_000, 90) } else { (1_000, 30) };
    let begin = Instant::now();
    // With the database of the default.
    let server = Server::start(&[("store.url", "")]);
    let ready = get(server.http, "/readyz");
    let took = begin.elapsed();
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready"));

    let health = get(server.http, "/healthz");
    let health: Value = serde_json::from_str(&health.body).unwrap();
    assert_eq!((&health["status"], &health["version"]), (&"ok".into(), &env!("CARGO_PKG_VERSION").into()));
    let (wall, rungs) = (&health["wall"], ["native", "generic", "socket", "user_space"]);
    assert!(rungs.iter().any(|rung| wall["rung"] == *rung), "{wall}");
    assert_eq!(wall["mode"], "passive", "{wall}");
    assert_eq!(wall.get("why_not_higher").is_none(), wall["rung"] == "native", "who is not on the highest rung says why: {wall}");

    let mib = server.rss_bytes() as f64 / f64::from(1 << 20);
    println!("ready after {} ms, {mib:.1} MiB resident", took.as_millis());
    assert!(took < Duration::from_millis(start_max), "ready after {took:?}");
    assert!(mib < f64::from(rss_max), "{mib:.1} MiB without a player");
}

#[test]
fn development_mode_says_so_and_shows_the_game() {
    let server = Server::start(&[]);
    server.logged("DEVELOPMENT MODE");
    let client: Value = serde_json::from_str(&get(server.http, "/client.json").body).unwrap();
    assert_eq!((&client["app"], &client["key"], &client["game"]), (&1.into(), &1.into(), &"hilltop".into()));
    assert_eq!(client["server_key"], "defaultkey");
    for (path, status) in [("/", 307), ("/hilltop/", 200), ("/sdk/js/hello.js", 200), ("/ws", 401), ("/v2/account", 401)] {
        assert_eq!(get(server.http, path).status, status, "{path}");
    }
    assert_eq!(get(server.console, "/").status, 200);
}

#[test]
fn version() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(hillfort(folder.path()).arg("version"));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("hillfort {}\n", env!("CARGO_PKG_VERSION")));
}
