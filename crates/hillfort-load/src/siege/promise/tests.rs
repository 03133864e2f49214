//! Promises from bouts with round numbers: costs gross and net, and which of them a slow machine may miss.

use serde_json::json;

use super::*;

/// A bout in which the kernel spent so many nanoseconds for each of 1,000,000 packets.
fn bout(scenario: Scenario, defence: Defence, ns: f64) -> Bout {
    let latency = json!({ "p50_us": 80, "p90_us": 100, "p99_us": 2_000, "p999_us": 3_000, "max_us": 4_000 });
    let half = |made: u64, share: f64| {
        json!({
            "seen": {
                "frames": {
                    "stroke": "ping", "pacing": { "open": { "rate_hz": 50.0 } }, "clients": 200, "seconds": 1.0, "offered": 10_000,
                    "answered": 10_000, "unsent": 0, "lost": 0, "resumed": 0, "latency": latency
                },
                "newcomers": {
                    "came": 100, "let_in": 100, "came_back": 50, "back_in": 50, "refused": {}, "latency": latency
                }
            },
            "spent": {
                "seconds": 1.0, "receiver_share": share, "softirqd_share": 0.0, "server_share": 0.2, "made": made, "completed": 0,
                "received": 20_000 + made, "lost": 0, "kernel": {}, "nft": null, "hillfort": {}, "state": {}
            }
        })
    };
    let (calm, attacked) = (half(0, 0.1), half(1_000_000, 0.1 + ns / 1_000.0));
    let bout =
        json!({ "scenario": scenario, "defence": defence, "round": 1, "calm": calm, "attacked": attacked, "attackers": [] });
    serde_json::from_value(bout).expect("a bout")
}

fn value(figures: &[Figure], name: &str) -> Option<f64> {
    figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
}

#[test]
fn costs_are_given_gross_and_net() {
    let check = |our: f64, floor: Option<f64>, gross: f64, net: Option<f64>| {
        let full = Scenario::SynSpoofedFull;
        let mut bouts = vec![bout(full, Defence::Hillfort, our), bout(full, Defence::Kernel, 700.0)];
        bouts.extend(floor.map(|floor| bout(full, Defence::Floor, floor)));
        let figures = judge(&bouts);
        let near =
            |a: Option<f64>, b: Option<f64>| a.is_some() == b.is_some() && (a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-6;
        assert!(near(value(&figures, "spoofed-cost"), Some(gross)), "{figures:?}");
        assert!(near(value(&figures, "spoofed-cost-net"), net), "{figures:?}");
    };
    check(140.0, Some(70.0), 5.0, Some(9.0));
    check(140.0, None, 5.0, None);
    check(140.0, Some(140.0), 5.0, None);
}

#[test]
fn what_depends_on_speed_is_named_and_exists() {
    let scenarios = [
        Scenario::SynSpoofed,
        Scenario::SynSpoofedPaced,
        Scenario::SynSpoofedFull,
        Scenario::SynBots,
        Scenario::SynBotsFull,
        Scenario::Mixed,
        Scenario::HandshakeIdle,
        Scenario::SlowHello,
        Scenario::Tls,
        Scenario::Nat,
        Scenario::FlashCrowd,
    ];
    let defences = [(Defence::Hillfort, 140.0), (Defence::Nftables, 300.0), (Defence::Kernel, 700.0), (Defence::Floor, 70.0)];
    let bouts: Vec<Bout> =
        scenarios.iter().flat_map(|scenario| defences.map(|(defence, ns)| bout(*scenario, defence, ns))).collect();
    let figures = judge(&bouts);
    for name in SPEED {
        assert!(value(&figures, name).is_some(), "{name} is no promise");
    }
    let steady: Vec<&str> = figures.iter().filter(|figure| !is_of_speed(figure)).map(|figure| &*figure.name).collect();
    assert_eq!(
        steady,
        [
            "spoofed-newcomers",
            "mixed-hostile",
            "tls-refused",
            "tls-newcomers",
            "nat-cut",
            "nat-offended",
            "nat-known",
            "nat-newcomers",
            "crowd-banned"
        ]
    );
}
