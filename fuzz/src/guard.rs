//! Targets of what an operator gives the guard: tables of regions.

use std::net::{IpAddr, Ipv4Addr};

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
        let (Ok(start), Ok(end)) = (start.parse::<Ipv4Addr>(), end.parse::<Ipv4Addr>()) else { continue };
        let middle = Ipv4Addr::from_bits(start.to_bits() + (end.to_bits() - start.to_bits()) / 2);
        for addr in [start, middle, end] {
            assert_eq!(Ok(regions.place(IpAddr::V4(addr)).asn), asn.parse(), "{addr}");
        }
    }
}
