//! A report from a fixed sample says what is in it, once in each form.

use serde_json::json;

use super::*;

/// One bout with round numbers.
fn bout(scenario: Scenario, defence: Defence, answered: u64, made: u64) -> Bout {
    let half = |answered: u64, made: u64, share: f64| {
        json!({
            "seen": {
                "frames": {
                    "stroke": "ping", "pacing": { "open": { "rate_hz": 50.0 } }, "clients": 200, "seconds": 2.0, "offered": 20_000,
                    "answered": answered, "unsent": 0, "lost": 0, "resumed": 0,
                    "latency": { "p50_us": 80, "p90_us": 100, "p99_us": 2_000, "p999_us": 3_000, "max_us": 4_000 }
                },
                "newcomers": {
                    "came": 200, "let_in": 200, "came_back": 100, "back_in": 100, "refused": {},
                    "latency": { "p50_us": 80, "p90_us": 100, "p99_us": 2_000, "p999_us": 3_000, "max_us": 4_000 }
                }
            },
            "spent": {
                "seconds": 2.0, "receiver_share": share, "softirqd_share": 0.0, "server_share": 0.2, "made": made, "completed": 0,
                "received": 40_000 + made, "lost": 0, "kernel": { "SyncookiesSent": 10 }, "nft": null,
                "hillfort": { "kernel_packets cookie": made, "refused banned": 2, "logins": 5 }, "state": {}
            }
        })
    };
    let bout = json!({
        "scenario": scenario, "defence": defence, "round": 1, "calm": half(20_000, 0, 0.1), "attacked": half(answered, made, 0.4),
        "attackers": []
    });
    serde_json::from_value(bout).expect("a bout")
}

fn report() -> Report {
    let bouts = vec![
        bout(Scenario::SynSpoofed, Defence::Hillfort, 19_990, 1_800_000),
        bout(Scenario::SynSpoofed, Defence::Kernel, 10_000, 1_800_000),
        bout(Scenario::SynSpoofed, Defence::Hillfort, 19_900, 1_800_000),
    ];
    Report {
        schema: 1,
        date: "2026-11-26T120000Z".into(),
        version: "0".into(),
        machine: Machine::read(),
        separate_cores: true,
        short: false,
        seconds: 2.0,
        generator: Sample::default(),
        left_out: vec!["nftables: it is missing".into()],
        promises: super::super::promise::judge(&bouts),
        bouts,
    }
}

#[test]
fn rounds_become_rows() {
    let rows = report().rows();
    assert_eq!(rows.len(), 2);
    let row = &rows[0];
    assert_eq!((row.scenario, row.defence), (Scenario::SynSpoofed, Defence::Hillfort));
    let check = |value: f64, expect: f64| assert!((value - expect).abs() < 1e-6, "{value} is not {expect}");
    check(row.kept, 99.5);
    check(row.offered_hz, 900_000.0);
    check(row.core, 60.0);
    check(row.calm_core, 30.0);
    // 0.3 of a core for 900,000 packets a second.
    check(row.ns_per_packet.expect("there was an attack"), 1e9 * 0.3 / 900_000.0);
    assert_eq!(row.fates[0], ("filter: cookie".to_owned(), 900_000.0));
    assert!(row.fates.iter().all(|(name, _)| !name.contains("logins")), "what was let in did not end");
}

#[test]
fn promises_are_judged_by_our_defence_alone_and_only_when_shown() {
    let promises = report().promises;
    let names: Vec<_> = promises.iter().map(|promise| (promise.name.as_str(), promise.met)).collect();
    let expect = [("spoofed-offered", true), ("spoofed-frames", true), ("spoofed-newcomers", true), ("spoofed-p99", true)];
    assert_eq!(names, expect);
}

#[test]
fn all_forms_speak_of_all_rows() {
    let report = report();
    let markdown = report.markdown("x.svg");
    for part in [
        "| syn-spoofed | hillfort | 900,000 | 920,000 | 0.00 | 99.50 %",
        "| syn-spoofed | kernel |",
        "![Chart of all attacks and defences](x.svg)",
        "filter: cookie 900,000",
        "| ≥ 99.50 % | met |",
        "- nftables: it is missing",
        "never was one",
    ] {
        assert!(markdown.contains(part), "{part:?} is not in\n{markdown}");
    }
    let back: Report = serde_json::from_str(&serde_json::to_string(&report).expect("JSON")).expect("the same");
    assert_eq!(back.rows(), report.rows());
    let svg = chart::draw(&report.rows());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<rect").count(), 2 * 2 * 4, "two rows of four bars on their ground");
    assert!(svg.contains("prefers-color-scheme:dark") && svg.contains(">syn-spoofed<"));
}
