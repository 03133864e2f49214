//! Targets of what an operator gives the guard: tables of regions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hillfort_guard::Regions;

/// A table of regions: any text gives a table or an error with a line that is there, and each line of a good one is found again.
pub fn regions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let regions = match Regions::from_tsv(text) {
        Ok(regions) => regions,
        Err(error) => {
            let said = error.to_string();
            let line = said.strip_prefix("line ").and_then(|rest| rest.split(':').next()).and_then(|line| line.parse().ok());
            assert!(line.is_some_and(|line: usize| (1..=text.lines().count()).contains(&line)), "{said}");
            return;
        }
    };
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let mut column = || columns.next().expect("a good line has four columns");
        let (start, end, asn) = (column(), column(), column());
        let (Ok(start), Ok(end)) = (start.parse(), end.parse()) else { panic!("a good line has addresses") };
        for addr in edges(start, end) {
            assert_eq!(Ok(regions.place(addr).asn), asn.parse(), "{addr}");
        }
    }
}

/// First, middle and last address of a range that a table tells apart: of IPv6 the first of each /64 that begins in the range.
pub(crate) fn edges(start: IpAddr, end: IpAddr) -> Vec<IpAddr> {
    match (start, end) {
        (IpAddr::V4(start), IpAddr::V4(end)) => {
            let (start, end) = (start.to_bits(), end.to_bits());
            [start, start + (end - start) / 2, end].map(|bits| Ipv4Addr::from_bits(bits).into()).to_vec()
        }
        (IpAddr::V6(start), IpAddr::V6(end)) => {
            let (first, last) = (start.to_bits().div_ceil(1 << 64), end.to_bits() >> 64);
            let all = [first, first.saturating_add(last.saturating_sub(first) / 2), last];
            let begun = all.into_iter().filter(|at| (first..=last).contains(at));
            begun.map(|at| Ipv6Addr::from_bits(at << 64).into()).collect()
        }
        _ => vec![],
    }
}
