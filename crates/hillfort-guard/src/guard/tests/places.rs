//! Networks, regions, fingerprints: what is refused for where somebody is or how he speaks.

use super::*;
use crate::fingerprint::{Action, ClientHelloFacts, FingerprintList};
use crate::regions::{Places, RegionRules, Regions};
use std::sync::Arc;

const JA4: [u8; 36] = *b"t13d1516h2_8daaf6152771_e5627efa2ab1";
const OTHER: [u8; 36] = *b"t13d1517h2_8daaf6152771_e5627efa2ab1";

fn facts(ja4: [u8; 36]) -> ClientHelloFacts {
    ClientHelloFacts { ja4, ja3: Some([7; 16]), resumes: false }
}

#[test]
fn open_connections_of_a_network_are_capped() {
    let check = |addrs: &[&str], other: &str| {
        let mut guard = guard(Config { network_open_max: 3, ..config() });
        let mut proofs: Vec<_> = addrs[..3].iter().map(|addr| guard.on_connect(NOW, ip(addr)).unwrap()).collect();
        assert_eq!(guard.on_connect(NOW, ip(addrs[3])), Err(Reject::NetworkConnections), "{addrs:?}");
        assert!(guard.on_connect(NOW, ip(other)).is_ok(), "{other}");
        guard.on_close(proofs.pop().unwrap());
        assert!(guard.on_connect(NOW, ip(addrs[3])).is_ok(), "{addrs:?}");
    };
    check(&["192.0.2.0", "192.0.2.1", "192.0.2.1", "192.0.2.255"], "192.0.3.0");
    check(&["2001:db8:7::1", "2001:db8:7:1::", "2001:db8:7:2::", "2001:db8:7:ffff::"], "2001:db8:8::");
}

#[test]
fn lists_of_regions_count_first_and_refuse_then() {
    let rules = |dry_run| RegionRules { refuse: Places::new(vec![64_496], Vec::new()), dry_run, ..RegionRules::default() };
    let mut guard = guard(Config { regions: rules(true), ..config() });
    let there = ip("192.0.2.9");
    assert!(guard.on_connect(NOW, there).is_ok(), "there is no table yet");
    let table = Regions::from_tsv("192.0.2.0\t192.0.2.255\t64496\tAA\tx").unwrap();
    assert_eq!(guard.set_regions(Arc::new(table)).ranges(), 0);
    assert!(guard.on_connect(NOW, there).is_ok());
    assert_eq!((guard.stats(NOW).regions_dry, guard.stats(NOW).rejects(Reject::Region), guard.stats(NOW).regions), (1, 0, 1));
    guard.apply(NOW, Config { regions: rules(false), ..config() });
    assert_eq!(guard.on_connect(NOW, there), Err(Reject::Region));
    assert!(guard.on_connect(NOW, ip("192.0.3.0")).is_ok());
    assert_eq!((guard.stats(NOW).regions_dry, guard.stats(NOW).rejects(Reject::Region)), (1, 1));
    assert_eq!(guard.reputation(NOW, there).points, 0, "nobody is to blame for where he lives");
    assert_eq!((guard.place(there).asn, guard.place(ip("192.0.3.0")).asn), (64_496, 0));
}

#[test]
fn a_source_has_a_budget_for_each_fingerprint() {
    let mut guard = guard(Config { fingerprint: rate(1, 10), ..config() });
    let (one, other) = (guard.on_connect(NOW, v4(1)).unwrap(), guard.on_connect(NOW, v4(2)).unwrap());
    let mut check = |proof: &Admitted, ja4, expect: usize| {
        let verdicts: Vec<_> = (0..20).map(|_| guard.on_client_hello(NOW, proof, &facts(ja4))).collect();
        let refused = verdicts.iter().filter(|verdict| **verdict == Err(Reject::FingerprintRate)).count();
        assert_eq!((20 - refused, verdicts.iter().filter(|verdict| verdict.is_ok()).count()), (expect, expect));
    };
    check(&one, JA4, 10);
    check(&one, OTHER, 10);
    check(&other, JA4, 10);
    // The step at half of the tolerance leaves a quarter of it.
    for _ in 0..5 {
        guard.on_offence(NOW, one.peer(), Reject::HelloMac);
    }
    let later = NOW + Duration::from_secs(20);
    guard.on_offence(later, one.peer(), Reject::InputFlood);
    let let_in = (0..20).filter(|_| guard.on_client_hello(later, &one, &facts(JA4)).is_ok()).count();
    assert_eq!(let_in, 2);
}

#[test]
fn listed_fingerprints_are_counted_or_refused_and_never_ban() {
    let list = |action| FingerprintList::new(vec![(JA4, action)]).unwrap();
    let mut guard = guard(Config { refused_ja4: list(Action::DryRun), ..config() });
    let proof = guard.on_connect(NOW, v4(1)).unwrap();
    assert_eq!(guard.on_client_hello(NOW, &proof, &facts(JA4)), Ok(()));
    assert_eq!((guard.stats(NOW).fingerprints_dry, guard.stats(NOW).rejects(Reject::Fingerprint)), (1, 0));
    guard.apply(NOW, Config { refused_ja4: list(Action::Refuse), ..config() });
    for _ in 0..10_000 {
        assert_eq!(guard.on_client_hello(NOW, &proof, &facts(JA4)), Err(Reject::Fingerprint));
    }
    assert_eq!(guard.on_client_hello(NOW, &proof, &facts(OTHER)), Ok(()));
    assert_eq!((guard.stats(NOW).bans_made, guard.ladder(NOW, v4(1))), (0, Vec::new()));
    let by_ja3 = FingerprintList::new(vec![([7; 16], Action::Refuse)]).unwrap();
    guard.apply(NOW, Config { refused_ja3: by_ja3, ..config() });
    assert_eq!(guard.on_client_hello(NOW, &proof, &facts(OTHER)), Err(Reject::Fingerprint));
    let unlisted = ClientHelloFacts { ja3: None, ..facts(OTHER) };
    assert_eq!(guard.on_client_hello(NOW, &proof, &unlisted), Ok(()));
    let trusted = guard.on_connect(NOW, ip("10.9.0.1")).unwrap();
    assert_eq!(guard.on_client_hello(NOW, &trusted, &facts(OTHER)), Ok(()));
}
