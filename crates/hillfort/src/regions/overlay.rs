//! Several lists of ranges into one without overlaps: what an earlier list does not know of an address, a later one adds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hillfort_guard::{Place, Range};

/// Lays the lists over each other. Ranges of one list must not overlap.
pub(crate) fn lay(lists: Vec<Vec<Range>>) -> Vec<Range> {
    if lists.len() < 2 {
        return lists.into_iter().flatten().collect();
    }
    let mut laid = Vec::new();
    for v4 in [true, false] {
        let of_family = |list: &Vec<Range>| {
            let mut own: Vec<Range> = list.iter().filter(|range| range.start.is_ipv4() == v4).copied().collect();
            own.sort_unstable_by_key(|range| bits(range.start));
            own
        };
        lay_family(&lists.iter().map(of_family).collect::<Vec<_>>(), v4, &mut laid);
    }
    laid
}

/// Between two neighbouring edges nothing changes: each such piece has one place.
fn lay_family(lists: &[Vec<Range>], v4: bool, laid: &mut Vec<Range>) {
    let last = if v4 { u128::from(u32::MAX) } else { u128::MAX };
    let behind = |range: &Range| bits(range.end).checked_add(1).filter(|edge| *edge <= last);
    let mut edges: Vec<u128> =
        lists.iter().flatten().flat_map(|range| [Some(bits(range.start)), behind(range)]).flatten().collect();
    edges.sort_unstable();
    edges.dedup();
    let mut at = vec![0; lists.len()];
    for (n, &start) in edges.iter().enumerate() {
        let end = edges.get(n + 1).map_or(last, |next| next - 1);
        let mut place = Place::default();
        for (list, at) in lists.iter().zip(&mut at) {
            while list.get(*at).is_some_and(|range| bits(range.end) < start) {
                *at += 1;
            }
            if let Some(range) = list.get(*at).filter(|range| bits(range.start) <= start) {
                place = merged(place, range.place);
            }
        }
        if place != Place::default() {
            laid.push(Range { start: addr(start, v4), end: addr(end, v4), place });
        }
    }
}

fn merged(first: Place, second: Place) -> Place {
    Place {
        asn: if first.asn == 0 { second.asn } else { first.asn },
        country: if first.country == Place::default().country { second.country } else { first.country },
    }
}

fn addr(bits: u128, v4: bool) -> IpAddr {
    // Within the family by construction.
    if v4 { Ipv4Addr::from_bits(bits as u32).into() } else { Ipv6Addr::from_bits(bits).into() }
}

/// Number for comparison and arithmetic, whatever the family.
fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str, asn: u32) -> Range {
        Range { start: start.parse().unwrap(), end: end.parse().unwrap(), place: Place { asn, ..Place::default() } }
    }

    #[test]
    fn pieces_meet_without_gap_or_overlap() {
        let first = vec![range("10.0.0.0", "10.0.0.9", 1), range("255.255.255.0", "255.255.255.255", 2)];
        let second = vec![range("10.0.0.5", "10.0.0.19", 3), range("0.0.0.0", "0.0.0.0", 4), range("::", "ffff::", 5)];
        let third = vec![range("::5", "::5", 6), range("ffff::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 7)];
        let laid = lay(vec![first, second, third]);
        let expect = [
            range("0.0.0.0", "0.0.0.0", 4),
            range("10.0.0.0", "10.0.0.4", 1),
            range("10.0.0.5", "10.0.0.9", 1),
            range("10.0.0.10", "10.0.0.19", 3),
            range("255.255.255.0", "255.255.255.255", 2),
            range("::", "::4", 5),
            range("::5", "::5", 5),
            range("::6", "ffff::", 5),
            range("ffff::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 7),
        ];
        assert_eq!(laid, expect);
    }

    #[test]
    fn one_list_stays_as_it_is() {
        let only = vec![range("10.0.0.0", "10.0.0.9", 1), range("10.0.0.10", "10.0.0.11", 1)];
        assert_eq!(lay(vec![only.clone()]), only);
        assert_eq!(lay(Vec::new()), []);
    }
}
