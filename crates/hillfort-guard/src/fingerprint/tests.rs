//! Lists of fingerprints.

use super::*;

#[test]
fn a_list_says_what_happens_to_whom() {
    let list = FingerprintList::new(vec![
        (*b"bb", Action::DryRun),
        (*b"aa", Action::Refuse),
        (*b"cc", Action::DryRun),
        (*b"cc", Action::Refuse),
        (*b"aa", Action::DryRun),
    ])
    .unwrap();
    for (name, expect) in
        [(b"aa", Some(Action::Refuse)), (b"bb", Some(Action::DryRun)), (b"cc", Some(Action::Refuse)), (b"dd", None)]
    {
        assert_eq!(list.find(name), expect, "{name:?}");
    }
    assert!(FingerprintList::<36>::default().is_empty());
}

#[test]
fn a_list_is_bounded() {
    let entries = |n: usize| (0..n).map(|n| ((n as u32).to_be_bytes(), Action::Refuse)).collect();
    assert!(FingerprintList::<4>::new(entries(FINGERPRINTS_MAX)).is_ok());
    assert_eq!(FingerprintList::<4>::new(entries(FINGERPRINTS_MAX + 1)), Err(TooManyFingerprints));
}
