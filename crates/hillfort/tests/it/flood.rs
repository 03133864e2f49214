//! A flood of SYNs from forged addresses over a cable: the server notices by itself, nothing of it makes any state, players get in, and
//! when it is over the server is as before. Needs root; without it these tests say that they showed nothing.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use hillfort_proto::message::{ClientBody, ClientView, ServerBody};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::lab::{CONSOLE, FRAMES, HEALTH, Lab, key};
use crate::player::Player;
use crate::web::{Live, Metrics};
use crate::wire::{Door, Wire, hello};

/// Flood begins at 2,000 SYNs a second and ends after a second with less than half of that.
const SETTINGS: [(&str, &str); 2] = [("kernel.flood_syn_per_s", "2000"), ("kernel.calm_s", "1")];

fn console() -> SocketAddr {
    CONSOLE.parse().unwrap()
}

/// Waits for a mode in the console's live feed and then finds it in `/metrics` and, over the cable, in `/healthz`.
fn meets(lab: &Lab, mode: &str, other: &str) {
    let metrics = lab.inside(&lab.victim, || {
        let kernel = Live::open(console()).wait("samples", |samples| {
            let kernel = samples.as_array()?.last()?["wall"]["kernel"].clone();
            (kernel["mode"] == mode).then_some(kernel)
        });
        assert_eq!(kernel["rung"], "native", "{kernel}");
        Metrics::read(console())
    });
    let of = |mode: &str| metrics.value(&format!("hillfort_wall_mode{{mode=\"{mode}\"}}"));
    assert_eq!((of(mode), of(other)), (1.0, 0.0));
    let health: Value = serde_json::from_str(&Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"")).unwrap();
    assert_eq!(health["wall"]["mode"], mode, "{health}");
}

/// Packets with this verdict of the filter, when there are so many.
fn packets(lab: &Lab, verdict: &str, at_least: f64) -> f64 {
    let name = format!("hillfort_kernel_packets_total{{verdict=\"{verdict}\"}}");
    lab.inside(&lab.victim, || Metrics::when(console(), verdict, |metrics| metrics.value(&name) >= at_least).value(&name))
}

fn log(folder: &tempfile::TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap()
}

/// Nobody sets the mode: the flood does, and its end does.
#[test]
fn the_mode_follows_the_flood_by_itself() {
    let Some(lab) = Lab::new("mode") else { return };
    let folder = tempfile::tempdir().unwrap();
    let _server = lab.server(folder.path(), &SETTINGS);
    Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
    meets(&lab, "passive", "flood");
    assert!(!log(&folder).contains("kernel filter: flood mode"));

    let flood = lab.flood(u64::MAX);
    // With `/healthz` asked over the cable, in the middle of it.
    meets(&lab, "flood", "passive");
    // More than the queue for new connections holds: from then on the filter answers.
    packets(&lab, "cookie", 1_000.0);
    let mut ann = lab.inside(&lab.player, || Player::login_with(&Door::frames(FRAMES.into()), "Ann", key()));
    ann.join("hilltop", None);
    ann.state();
    meets(&lab, "flood", "passive");
    drop(flood);

    meets(&lab, "passive", "flood");
    ann.state();
    for mode in ["flood", "passive"] {
        assert_eq!(log(&folder).matches(&format!("kernel filter: {mode} mode")).count(), 1, "{}", log(&folder));
    }
}

/// Forged SYNs, as many as make a queue overflow many times over: not one leaves a socket half open or is counted as lost by a listener.
#[test]
fn in_flood_mode_forged_syns_make_no_state() {
    const FORGED: f64 = 60_000.0;
    let Some(lab) = Lab::new("state") else { return };
    // What they do to a server without a filter, or this test would show nothing.
    let folder = tempfile::tempdir().unwrap();
    let unprotected = lab.server(folder.path(), &[("kernel.filter", "off")]);
    Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
    assert_eq!(lab.half_open().sockets, 0);
    assert_eq!(lab.flood(100).all_sent(), 100);
    let half_open = lab.half_open();
    assert!(half_open.sockets > 80, "{half_open:?}");
    drop(unprotected);

    // Cookies from the first SYN on.
    lab.sysctl("net/ipv4/tcp_syncookies", 2);
    let folder = tempfile::tempdir().unwrap();
    let _server = lab.server(folder.path(), &SETTINGS);
    Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
    let flood = lab.flood(u64::MAX);
    meets(&lab, "flood", "passive");
    let (before, answered) = (lab.half_open(), packets(&lab, "cookie", 0.0));
    let mut now = answered;
    while now < answered + FORGED {
        // In steps, each with the usual deadline.
        now = packets(&lab, "cookie", now + FORGED / 8.0);
    }
    assert_eq!((before.sockets, lab.half_open()), (0, before));
    assert_eq!(packets(&lab, "no_cookie", 0.0), 0.0, "the kernel was given none of them");
    println!("{} cookies of {} forged SYNs: {before:?}", now - answered, flood.sent());
    let health: Value = serde_json::from_str(&Lab::get(&lab.player, HEALTH)).unwrap();
    assert_eq!(health["wall"]["mode"], "flood", "{health}");
}

/// Framing: the flood carries the addresses of players. Nobody is banned, refused or slowed for what was sent in their names: not while it
/// lasts, not afterwards, and not by the part of the flood that came before the filter answered.
#[test]
fn a_flood_in_the_names_of_players_bans_none_of_them() {
    const FORGED: f64 = 30_000.0;
    let Some(lab) = Lab::new("frame") else { return };
    let players: Vec<Ipv4Addr> = (10..18).map(|last| Ipv4Addr::new(10, 77, 0, last)).collect();
    lab.add_players(&players);
    // The machines of the players reset what they have not begun, so that no queue overflows: cookies from the first SYN on.
    lab.sysctl("net/ipv4/tcp_syncookies", 2);
    let folder = tempfile::tempdir().unwrap();
    let _server = lab.server(folder.path(), &SETTINGS);
    Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
    let enter = |from: Ipv4Addr, name: &str| {
        lab.inside(&lab.player, || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddrV4::new(from, 0).into()).unwrap();
            socket.connect(&SocketAddr::from(FRAMES).into()).unwrap();
            let mut wire = Wire::over(socket.into());
            wire.send_hello(&hello(&key()));
            assert!(wire.log_in(name), "{from} does not get in");
            wire
        })
    };
    let lives = |wire: &mut Wire| {
        wire.say(ClientView::unsequenced(ClientBody::Ping { echo: 7, pad: &[] }));
        wire.wait("a pong", |body| matches!(body, ServerBody::Pong { echo: 7, .. }).then_some(()));
    };
    let mut wires: Vec<Wire> = players.iter().map(|from| enter(*from, "before")).collect();

    let forged = players.clone();
    // Ports from 40,000 on are nobody's; the players' own come from below.
    let range = "net/ipv4/ip_local_port_range";
    lab.inside(&lab.player, || std::fs::write(std::path::Path::new("/proc/sys").join(range), "1024 39999").unwrap());
    let flood = lab.flood_as(u64::MAX, move |number| {
        SocketAddrV4::new(forged[number as usize % forged.len()], 40_000 + (number / 8 % 25_000) as u16)
    });
    meets(&lab, "flood", "passive");
    packets(&lab, "cookie", 1_000.0);
    wires.extend(players.iter().map(|from| enter(*from, "meanwhile")));
    wires.iter_mut().for_each(lives);
    let mut answered = 0.0;
    while answered < FORGED {
        // In steps, each with the usual deadline.
        answered = packets(&lab, "cookie", answered + FORGED / 8.0);
        lives(&mut wires[0]);
    }
    println!("{} forged SYNs in the names of {} players", flood.sent(), players.len());
    drop(flood);
    wires.extend(players.iter().map(|from| enter(*from, "afterwards")));
    wires.iter_mut().for_each(lives);

    let metrics = lab.inside(&lab.victim, || Metrics::read(console()));
    for step in ["slow_down", "fingerprint", "challenge", "ban"] {
        assert_eq!(metrics.value(&format!("hillfort_ladder_addresses{{step=\"{step}\"}}")), 0.0, "{step}");
    }
    assert_eq!(metrics.value("hillfort_kernel_packets_total{verdict=\"banned\"}"), 0.0);
    let refused: Vec<_> = metrics.refused().into_iter().filter(|(_, n)| *n > 0).collect();
    assert_eq!(refused, [], "nobody was refused anything");
}
