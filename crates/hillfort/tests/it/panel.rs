//! Attacks that are started in the console's panel: as root, where packets come from a namespace and meet the kernel filter, and without any
//! privilege, where those that need a raw socket say so and the others run over loopback.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::lab::Lab;
use crate::server::Server;
use crate::web::{Live, Metrics, get, post};

/// Eight seconds, and what a busy machine adds before, meanwhile and afterwards.
const ATTACK_MAX: Duration = Duration::from_secs(60);

/// What the console says of attacks now.
fn board(server: &Server) -> Value {
    Live::open(server.console).wait("attack", |board| Some(board.clone()))
}

/// Starts an attack and waits for all that the console says of it at its end. `seen` is asked of each board of the wall meanwhile, and must have
/// been true.
fn attack(server: &Server, kind: &str, seen: impl Fn(&Value) -> bool) -> Value {
    let mut samples = Live::open(server.console);
    let started = post(server.console, "/api/attack", &json!({ "kind": kind }));
    assert_eq!(started.status, 202, "{started:?}");
    let (deadline, mut was_seen) = (Instant::now() + ATTACK_MAX, false);
    let board = loop {
        samples.wait("samples", |list| {
            was_seen |= list.as_array()?.iter().any(|sample| seen(&sample["wall"]));
            Some(())
        });
        let board = board(server);
        if !board["verdict"].is_null() {
            break board;
        }
        assert!(Instant::now() < deadline, "it does not end: {board}");
    };
    assert_eq!(board["end"], json!({ "how": "finished" }), "{board}");
    assert_eq!((&board["verdict"]["kind"], board["running"].as_bool()), (&json!(kind), Some(false)), "{board}");
    assert!(was_seen, "the wall did not show it: {board}");
    board
}

/// Interfaces of a namespace that attacks have made.
fn made(lab: &Lab) -> Vec<String> {
    lab.inside(&lab.victim, || {
        let list = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        let names = list.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
        names.filter(|name| name.starts_with("hfd")).collect()
    })
}

/// Waits until it is so.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + ATTACK_MAX;
    while !is() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// What cannot run here, with the reason.
fn cannot(server: &Server) -> Vec<(String, String)> {
    let (_, welcome) = Live::open(server.console).next();
    let offers = welcome["attacks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    offers.filter_map(|offer| Some((text(&offer["kind"]).unwrap(), text(&offer["cannot"])?))).collect()
}

/// As a newcomer who is root: nothing is set but how many packets are a flood. The server is in a namespace of the test, so that no two
/// tests meet and the rest of the machine does not notice; it knows nothing of that.
#[test]
fn as_root_a_flood_of_packets_comes_by_an_interface_and_meets_the_filter() {
    let Some(lab) = Lab::new("panel") else { return };
    println!("attacks of the panel: by packets from a namespace");
    // Cookies from the first SYN on, and few of them: a machine that does other things as well sends few.
    lab.sysctl("net/ipv4/tcp_syncookies", 2);
    let settings = [("kernel.flood_syn_per_s", "100"), ("kernel.calm_s", "1")];
    let server = Server::start_behind(&["ip", "netns", "exec", &lab.victim], &settings);
    let rung = |rung: &str| format!("hillfort_wall_rung{{rung=\"{rung}\"}}");
    lab.inside(&lab.victim, || {
        assert_eq!(cannot(&server), [("tls".to_owned(), "the doors speak no TLS".to_owned())]);
        assert_eq!(Metrics::read(server.console).value(&rung("user_space")), 1.0, "loopback has none");
        let board =
            attack(&server, "syn-spoofed", |wall| wall["kernel"]["mode"] == "flood" && wall["kernel"]["rung"] == "native");
        let (verdict, ground) = (&board["verdict"], &board["ground"]);
        assert_eq!((&ground["ground"], &ground["filter"]), (&json!("namespace"), &json!("native")), "{ground}");
        let packets: Vec<(String, u64)> = serde_json::from_value(verdict["packets"].clone()).unwrap();
        let cookies = packets.iter().find(|(verdict, _)| verdict == "cookie").map_or(0, |(_, n)| *n);
        assert!(cookies > 100 && verdict["attacker"]["packets"].as_u64() > Some(cookies / 2), "{verdict}");
        assert_eq!(verdict["refused"], json!([]), "no door has seen anything of it: {verdict}");
        assert_eq!(get(server.http, "/healthz").status, 200);
        Metrics::when(server.console, "calm", |metrics| metrics.value("hillfort_wall_mode{mode=\"passive\"}") == 1.0);
        Metrics::when(server.console, "no filter", |metrics| metrics.value(&rung("user_space")) == 1.0);
        // The program is loaded still. What the kernel answers by resets comes to nothing that it stands at.
        let mut samples = Live::open(server.console);
        for _ in 0..4 {
            (0..500).for_each(|_| assert!(TcpStream::connect(("127.0.0.1", 1)).is_err()));
            let modes = samples.wait("samples", |list| {
                let modes = list.as_array()?.iter().map(|sample| sample["wall"]["kernel"]["mode"].clone());
                Some(modes.collect::<Vec<_>>())
            });
            assert_eq!(modes.last(), Some(&json!("passive")));
        }
    });
    assert_eq!(made(&lab), [""; 0]);

    // The program is loaded by now. What belongs to no connection is dropped by it, where the kernel would answer each by a reset.
    lab.inside(&lab.victim, || {
        let board = attack(&server, "ack", |wall| wall["kernel"]["mode"] == "flood");
        let packets: Vec<(String, u64)> = serde_json::from_value(board["verdict"]["packets"].clone()).unwrap();
        assert!(packets.iter().any(|(verdict, n)| verdict == "stray" && *n > 100), "{board}");
    });
    println!("both attacks met the filter, and nothing of them stands");
}

/// The server and the attacker are killed in the middle of it; what they have made goes all the same.
#[test]
fn kill_9_leaves_nothing_of_an_attack() {
    let Some(lab) = Lab::new("gone") else { return };
    let server = Server::start_behind(&["ip", "netns", "exec", &lab.victim], &[]);
    let interface = lab.inside(&lab.victim, || {
        assert_eq!(post(server.console, "/api/attack", &json!({ "kind": "syn-bots" })).status, 202);
        until("a ground", || !board(&server)["ground"].is_null());
        let ground = board(&server)["ground"].clone();
        assert_eq!(ground["filter"], "native", "{ground}");
        ground["interface"].as_str().unwrap().to_owned()
    });
    assert_eq!(made(&lab), [&*interface]);
    let attacker: i32 = interface.strip_prefix("hfd").unwrap().parse().unwrap();
    let _folder = server.kill();
    // It may have noticed by itself.
    let _gone = kill_process(Pid::from_raw(attacker).unwrap(), Signal::KILL);
    until("the end of its interface", || made(&lab).is_empty());
    let namespace = format!("/run/netns/hillfort-siege-{attacker}-outside");
    until("the end of its namespace", || !Path::new(&namespace).exists());
}

/// What even that could not remove, because who should have done it was killed, too.
#[test]
fn the_next_start_removes_what_is_left() {
    // No process has this number.
    let name = "hillfort-siege-4194305-outside";
    match Command::new("ip").args(["netns", "add", name]).output() {
        Ok(output) if output.status.success() => {}
        cannot => {
            println!("NOT RUN: what is left of an attack needs root and `ip`: {cannot:?}");
            return;
        }
    }
    let _server = Server::start(&[]);
    // Another server that starts now may have done it as well.
    assert!(!Path::new("/run/netns").join(name).exists());
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

    let board = attack(&server, "bad-hello", |wall| {
        wall["named"].as_array().is_some_and(|names| names.contains(&json!("forged_hellos")))
    });
    let verdict = &board["verdict"];
    assert_eq!(board["ground"], Value::Null, "connections come over loopback, and nobody is asked");
    assert!(verdict["attacker"]["refused"].as_u64() > Some(100), "{verdict}");
    assert!(verdict["named"].as_array().unwrap().contains(&json!("forged_hellos")), "{verdict}");
    assert!(verdict["refused"].as_array().is_some_and(|reasons| !reasons.is_empty()), "{verdict}");
}
