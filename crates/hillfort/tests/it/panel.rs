//! Attacks that are started in the console's panel: in a network namespace, where packets meet the kernel filter, and on loopback without any privilege,
//! where those that need a raw socket say so and the others run.

use std::process::Command;

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::server::Server;
use crate::web::{Live, Metrics, get, post};

/// Starts an attack and waits for what the console says of it at its end. `meanwhile` is asked of each board of the wall until it has seen enough.
fn attack(server: &Server, kind: &str, mut meanwhile: impl FnMut(&Value) -> bool) -> Value {
    let (mut attacks, mut samples) = (Live::open(server.console), Live::open(server.console));
    let started = post(server.console, "/api/attack", &json!({ "kind": kind }));
    assert_eq!(started.status, 202, "{started:?}");
    samples.wait("samples", |list| list.as_array()?.iter().any(|sample| meanwhile(&sample["wall"])).then_some(()));
    attacks.wait("attack", |board| (!board["end"].is_null()).then_some(()));
    let board = attacks.wait("attack", |board| (!board["verdict"].is_null()).then(|| board.clone()));
    assert_eq!(board["end"], json!({ "how": "finished" }), "{board}");
    let verdict = board["verdict"].clone();
    assert_eq!((&verdict["kind"], board["running"].as_bool()), (&json!(kind), Some(false)), "{board}");
    verdict
}

/// What cannot run here, with the reason.
fn cannot(server: &Server) -> Vec<(String, String)> {
    let (_, welcome) = Live::open(server.console).next();
    let offers = welcome["attacks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    offers.filter_map(|offer| Some((text(&offer["kind"]).unwrap(), text(&offer["cannot"])?))).collect()
}

/// With root: the filter stands on the loopback of a namespace of the server's own, the rest of the machine does not notice.
#[test]
fn in_a_namespace_a_flood_of_packets_meets_the_filter() {
    let Some(lab) = Lab::new("panel") else { return };
    println!("attacks of the panel: in a network namespace");
    lab.sysctl("net/ipv4/tcp_syncookies", 2);
    let settings = [("kernel.interfaces", "[\"lo\"]"), ("kernel.flood_syn_per_s", "1000"), ("kernel.calm_s", "1")];
    let server = Server::start_behind(&["ip", "netns", "exec", &lab.victim], &settings);
    lab.inside(&lab.victim, || {
        assert_eq!(cannot(&server), [("tls".to_owned(), "the doors speak no TLS".to_owned())]);
        let (mut flooded, mut named) = (false, false);
        let verdict = attack(&server, "syn-spoofed", |wall| {
            flooded |= wall["kernel"]["mode"] == "flood" && wall["kernel"]["rung"] == "generic";
            named |= wall["named"].as_array().is_some_and(|names| names.contains(&json!("forged_syns")));
            flooded && named
        });
        let packets: Vec<(String, u64)> = serde_json::from_value(verdict["packets"].clone()).unwrap();
        let cookies = packets.iter().find(|(verdict, _)| verdict == "cookie").map_or(0, |(_, n)| *n);
        assert!(cookies > 1_000 && verdict["attacker"]["packets"].as_u64() > Some(cookies / 2), "{verdict}");
        assert_eq!(verdict["refused"], json!([]), "no door has seen anything of it: {verdict}");
        assert_eq!(get(server.http, "/healthz").status, 200);
        Metrics::when(server.console, "calm", |metrics| metrics.value("hillfort_wall_mode{mode=\"passive\"}") == 1.0);
    });
}

/// Without any privilege, whoever runs this test.
#[test]
fn on_loopback_attacks_need_no_privilege() {
    println!("attacks of the panel: on loopback, without privileges");
    let drop_all = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    let server = match Command::new("setpriv").arg("--version").output() {
        Ok(_) if rustix::process::geteuid().is_root() => Server::start_behind(&drop_all, &[]),
        Err(_) if rustix::process::geteuid().is_root() => {
            println!("NOT RUN: there is no setpriv to give up root by");
            return;
        }
        _ => Server::start(&[]),
    };
    let kinds: Vec<(String, String)> = cannot(&server);
    let needs = |kind: &str| (kind.to_owned(), "needs root or CAP_NET_RAW".to_owned());
    assert_eq!(kinds[..3], [needs("syn-spoofed"), needs("syn-bots"), needs("ack")]);
    let refused = post(server.console, "/api/attack", &json!({ "kind": "syn-spoofed" }));
    assert!(refused.status == 501 && refused.body.contains("CAP_NET_RAW"), "{refused:?}");

    let verdict = attack(&server, "bad-hello", |wall| {
        wall["named"].as_array().is_some_and(|names| names.contains(&json!("forged_hellos")))
    });
    assert!(verdict["attacker"]["refused"].as_u64() > Some(100), "{verdict}");
    assert!(verdict["named"].as_array().unwrap().contains(&json!("forged_hellos")), "{verdict}");
    assert!(verdict["refused"].as_array().is_some_and(|reasons| !reasons.is_empty()), "{verdict}");
}
