//! Reasons: which are kept, and which weighs most.

use super::*;

#[test]
fn the_last_four_kinds_are_kept_with_their_points() {
    let mut reasons = Reasons::default();
    assert_eq!((reasons.main(), reasons.list()), (None, Vec::new()));
    for (ms, reject, points) in [
        (1, Reject::HelloMac, 100),
        (2, Reject::HelloMagic, 50),
        (3, Reject::HelloMac, 100),
        (4, Reject::Http, 20),
        (5, Reject::Tls, 5),
        (6, Reject::InputFlood, 500),
    ] {
        reasons.add(Time::from_millis(ms), reject, points);
    }
    let list: Vec<_> = reasons.list().iter().map(|reason| (reason.reject, reason.count, reason.points)).collect();
    assert_eq!(list, [(Reject::InputFlood, 1, 500), (Reject::Tls, 1, 5), (Reject::Http, 1, 20), (Reject::HelloMac, 2, 200)]);
    assert_eq!(reasons.main(), Some(Reject::InputFlood));
}
