//! What is scraped: every metric has a field of its own, names and labels stay.

use hillfort_nakama::Count;
use hillfort_nakama::socket::SocketSnapshot;

use super::*;
use crate::console::{Behind, Connections, KernelReading, KnownPlayers, Packets, Refreshes, Rejects, Top, Traffic, Wall};

/// Every field of a reading has its own value, so that a metric that nothing feeds, or that is fed twice, shows.
fn everything() -> Reading {
    let mut rejects = Rejects::default();
    for reject in Reject::ALL {
        rejects.add(*reject, u64::from(reject.code()) * 1_000);
    }
    let quantiles = |n| Quantiles { p50: n, p99: n + 1 };
    let world = |n| World {
        ticks: n,
        skipped: n + 1,
        tick_us: quantiles(n + 2),
        late_us: quantiles(n + 4),
        rooms: n + 6,
        seats: n + 7,
        asleep: n + 8,
        overload: n + 9,
        cost_ns: n + 10,
        thinned: n + 11,
        saved: n + 12,
        saved_late: n + 13,
        moved: n + 14,
        overload_changes: n + 15,
        slowed: n + 16,
        scene_packets: n + 17,
        scene_bytes: n + 18,
        scene_records: n + 19,
        scene_held: n + 20,
        scene_waiting: n + 21,
    };
    Reading {
        connections: Connections { open: 1_007, unproven: 1_004, sessions: 2_008, detached: 2_003 },
        traffic: Traffic { accepted: 11, proven: 12, frames_in: 13, frames_out: 14, bytes_in: 15, bytes_out: 16 },
        rejects,
        latency_us: quantiles(21),
        worlds: vec![world(31), world(131)],
        joins_shed: 161,
        wall: wall(),
        calls: vec![
            Count { call: CallName::GetAccount, code: Code::Ok, times: 301 },
            Count { call: CallName::GetAccount, code: Code::NotFound, times: 302 },
        ],
        sockets: sockets(),
        refreshes: Refreshes { given: 431, again: 432, reused: 433 },
        behind: Behind { waiting: 434, refused: 435 },
    }
}

fn sockets() -> SocketSnapshot {
    SocketSnapshot {
        open: 401,
        tokens_refused: 402,
        full: 403,
        opened: 404,
        turned_away: 405,
        left: 406,
        lost: 407,
        slow: 408,
        malformed: 409,
        flooded: 410,
        closed: 411,
        messages_in: 412,
        bytes_in: 413,
        messages_out: 414,
        bytes_out: 415,
        rate_refused: 416,
        inputs_refused: 417,
        data_of_others: 422,
        inputs: 418,
        relayed: 419,
        calls: 420,
        calls_refused: 421,
    }
}

fn wall() -> Wall {
    let (mut packets, mut would_refuse) = (Packets::default(), Rejects::default());
    for (n, verdict) in (71..).zip(PacketVerdict::ALL) {
        packets.add(*verdict, n);
    }
    for reject in Reject::ALL {
        would_refuse.add(*reject, u64::from(reject.code()) * 1_000 + 1);
    }
    let kernel = KernelReading {
        rung: Rung::Generic,
        why_not_higher: Some("the driver has no XDP".into()),
        mode: Mode::Flood,
        syns: 80,
        packets,
        orders_lost: 81,
        top: Top::default(),
    };
    Wall {
        kernel: Some(kernel),
        posture: Some(Posture::Attack),
        would_refuse,
        known: KnownPlayers { bans_spared: 87, tickets_given: 88, tickets_good: 89, tickets_revoked: 90 },
        logins: 82,
        sessions_shed: 83,
        stale_keys: 84,
        pause_us_max: 85,
        pauses_too_long: 86,
        steps: [91, 92, 93, 94],
    }
}

/// Metrics of which one label has 1 and the others 0.
fn is_a_choice(name: &str) -> bool {
    ["hillfort_wall_rung", "hillfort_wall_mode", "hillfort_wall_posture"].iter().any(|choice| name.starts_with(choice))
}

fn lines() -> Vec<(String, f64)> {
    lines_of(&everything())
}

fn lines_of(reading: &Reading) -> Vec<(String, f64)> {
    let usage = Usage { rss_bytes: 61, cpu_ns: 62_000_000_000 };
    let text = text(reading, usage, "9.8.7", 63_000);
    assert!(text.ends_with("# EOF\n"), "{text}");
    let values = text.lines().filter(|line| !line.starts_with('#'));
    values.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn every_metric_is_fed_by_a_field_of_its_own() {
    let lines: Vec<_> = lines().into_iter().filter(|(name, _)| !is_a_choice(name)).collect();
    let mut values: Vec<f64> = lines.iter().map(|(_, value)| *value).collect();
    assert!(values.iter().all(|value| *value > 0.0), "{lines:?}");
    values.sort_by(f64::total_cmp);
    assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "two metrics show the same field: {lines:?}");
}

#[test]
fn names_labels_and_units() {
    let lines = lines();
    let check = |name: &str, expect: f64| {
        let found = lines.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name} in {lines:?}"));
        assert_eq!(found.1, expect, "{name}");
    };
    check("hillfort_build_info{version=\"9.8.7\"}", 1.0);
    check("hillfort_uptime_seconds", 63.0);
    check("hillfort_cpu_seconds_total", 62.0);
    check("hillfort_connections{state=\"proven\"}", 3.0);
    check("hillfort_sessions{state=\"attached\"}", 5.0);
    check("hillfort_connections_accepted_total", 11.0);
    check("hillfort_frames_total{direction=\"out\"}", 14.0);
    check("hillfort_refused_total{reason=\"hello_mac\",stage=\"hello\"}", 203_000.0);
    check("hillfort_latency_seconds{quantile=\"0.99\"}", 22e-6);
    check("hillfort_ticks_total{world=\"1\"}", 131.0);
    check("hillfort_tick_late_seconds{world=\"0\",quantile=\"0.5\"}", 35e-6);
    check("hillfort_overload_changes_total{world=\"0\"}", 46.0);
    check("hillfort_rooms_slowed{world=\"1\"}", 147.0);
    check("hillfort_joins_shed_total", 161.0);
    check("hillfort_scene_packets_held_total{world=\"0\"}", 51.0);
    check("hillfort_kernel_packets_total{verdict=\"cookie\"}", 76.0);
    check("hillfort_kernel_syns_total", 80.0);
    check("hillfort_ladder_addresses{step=\"ban\"}", 94.0);
    check("hillfort_would_refuse_total{reason=\"region\",stage=\"connect\"}", 109_001.0);
    check("hillfort_sessions_shed_total", 83.0);
    check("hillfort_bans_spared_total", 87.0);
    check("hillfort_tickets_revoked_total", 90.0);
    check("hillfort_stale_keys_total", 84.0);
    check("hillfort_own_pause_max_seconds", 85e-6);
    check("hillfort_own_pauses_too_long_total", 86.0);
    check("hillfort_calls_total{call=\"GetAccount\",code=\"5\"}", 302.0);
    check("hillfort_session_refreshes_total{event=\"reused\"}", 433.0);
    check("hillfort_socket_messages_total{direction=\"out\"}", 414.0);
    check("hillfort_socket_events_total{event=\"turned_away\"}", 405.0);
    assert_eq!(lines.iter().filter(|(name, _)| name.starts_with("hillfort_refused_total")).count(), Reject::ALL.len());
}

#[test]
fn the_wall_says_how_it_stands() {
    let choices = |reading: &Reading| -> Vec<String> {
        let all = lines_of(reading).into_iter().filter(|(name, value)| is_a_choice(name) && *value == 1.0);
        all.map(|(name, _)| name).collect()
    };
    let attacked = ["rung{rung=\"generic\"}", "mode{mode=\"flood\"}", "posture{posture=\"attack\"}"];
    assert_eq!(choices(&everything()), attacked.map(|choice| format!("hillfort_wall_{choice}")));
    let bare = Reading { wall: Wall::default(), ..everything() };
    assert_eq!(choices(&bare), ["rung{rung=\"user_space\"}", "mode{mode=\"passive\"}"].map(|c| format!("hillfort_wall_{c}")));
    assert_eq!(lines_of(&bare).len(), lines().len(), "a machine without a filter has the same series");
}
