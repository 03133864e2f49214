//! Tickets that are good, and every way in which one is not.

use super::*;

const DAY_MS: u64 = 24 * 3600 * 1000;
const WALL: UnixMs = UnixMs(1_763_700_000_000);

#[test]
fn a_ticket_is_good_for_eight_days_and_for_its_key() {
    let tickets = Tickets::new(&[7; TICKET_KEY_BYTES]);
    let ticket = tickets.sign(WALL, 0x0123_4567_89AB_CDEF);
    let check = |wall: u64, expect: bool| {
        assert_eq!(tickets.read(UnixMs(wall), &ticket), expect.then_some(0x0123_4567_89AB_CDEF), "{wall}");
    };
    check(WALL.0, true);
    check(WALL.0 + 8 * DAY_MS, true);
    check(WALL.0 + 8 * DAY_MS + 1000, false);
    check(WALL.0 - 3_600_000, true);
    check(WALL.0 - 3_601_000, false);
    check(0, false);
    assert_eq!(Tickets::new(&[8; TICKET_KEY_BYTES]).read(WALL, &ticket), None, "another server's");
}

#[test]
fn what_was_changed_or_cut_is_no_ticket() {
    let tickets = Tickets::new(&[7; TICKET_KEY_BYTES]);
    let ticket = tickets.sign(WALL, 99);
    for at in 0..TICKET_BYTES {
        for bit in 0..8 {
            let mut changed = ticket;
            changed[at] ^= 1 << bit;
            assert_eq!(tickets.read(WALL, &changed), None, "byte {at}, bit {bit}");
        }
        assert_eq!(tickets.read(WALL, &ticket[..at]), None);
    }
    assert_eq!(tickets.read(WALL, &[&ticket[..], &[0]].concat()), None);
}

#[test]
fn what_was_taken_back_is_remembered_within_bounds() {
    let mut revoked = Revoked::new(16);
    assert!(!revoked.holds(8) && revoked.add(8) && !revoked.add(8) && revoked.holds(8));
    // Serials of one set push out the first of it, and no other.
    assert!(revoked.add(1));
    (2..9).for_each(|n| assert!(revoked.add(n * 8)));
    assert!(revoked.holds(8) && revoked.holds(64));
    assert!(revoked.add(72));
    assert!(!revoked.holds(8) && revoked.holds(16) && revoked.holds(1));
}
