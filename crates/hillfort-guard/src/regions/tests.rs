//! Places of addresses: edges of ranges, gaps, both families, and texts that are wrong.

use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Addresses for documentation (RFC 5737, RFC 3849) with numbers for documentation (RFC 5398).
const TEXT: &str = "\
# made up
192.0.2.0\t192.0.2.127\t64496\tAA\tFIRST-AS
192.0.2.128\t192.0.2.255\t64497\tBB\tSECOND-AS, with a name

198.51.100.0\t198.51.100.255\t0\tNone\tNot routed
203.0.113.7\t203.0.113.7\t64498\tAA\tONE ADDRESS
255.255.255.0\t255.255.255.255\t64499\tZZ\tTHE END
2001:db8::\t2001:db8:0:ffff:ffff:ffff:ffff:ffff\t64500\tCC\tSIX
2001:db8:2::\t2001:db8:3::\t64501\tDD\tSEVEN
ffff::\tffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\t64502\tEE\tTHE END
";

fn place(asn: u32, country: &[u8; 2]) -> Place {
    Place { asn, country: Country::new(*country).unwrap() }
}

#[test]
fn addresses_have_the_place_of_their_range() {
    let regions = Regions::from_tsv(TEXT).unwrap();
    assert_eq!(regions.ranges(), 8);
    let nowhere = Place::default();
    for (addr, expect) in [
        ("0.0.0.0", nowhere),
        ("192.0.1.255", nowhere),
        ("192.0.2.0", place(64_496, b"AA")),
        ("192.0.2.127", place(64_496, b"AA")),
        ("192.0.2.128", place(64_497, b"BB")),
        ("::ffff:192.0.2.128", place(64_497, b"BB")),
        ("192.0.2.255", place(64_497, b"BB")),
        ("192.0.3.0", nowhere),
        ("198.51.100.9", nowhere),
        ("203.0.113.6", nowhere),
        ("203.0.113.7", place(64_498, b"AA")),
        ("203.0.113.8", nowhere),
        ("255.255.254.255", nowhere),
        ("255.255.255.255", place(64_499, b"ZZ")),
        ("::", nowhere),
        ("2001:db7:ffff::", nowhere),
        ("2001:db8::", place(64_500, b"CC")),
        ("2001:db8:0:ffff::1", place(64_500, b"CC")),
        ("2001:db8:1::", nowhere),
        ("2001:db8:2::9", place(64_501, b"DD")),
        ("2001:db8:3::ffff", place(64_501, b"DD")),
        ("2001:db8:3:1::", nowhere),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", place(64_502, b"EE")),
    ] {
        assert_eq!(regions.place(addr.parse().unwrap()), expect, "{addr}");
    }
    let empty = Regions::default();
    for addr in ["0.0.0.0", "255.255.255.255", "::", "ffff::"] {
        assert_eq!((empty.place(addr.parse().unwrap()), empty.ranges()), (nowhere, 0), "{addr}");
    }
}

/// It was rounded up to the next /64, which was the first of all.
#[test]
fn a_range_inside_the_last_64_is_left_out() {
    let last = "ffff:ffff:ffff:ffff";
    let regions = Regions::from_tsv(&format!("{last}::1\t{last}::2\t64500\tAA\tx\n")).unwrap();
    for addr in ["::", "2001:db8::", "ffff:ffff:ffff:ffff::1"] {
        assert_eq!(regions.place(addr.parse().unwrap()), Place::default(), "{addr}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let check = |line: &str, expect: RegionsError| {
        let text = format!("192.0.2.0\t192.0.2.9\t1\tAA\tx\n\n{line}\n");
        assert_eq!(Regions::from_tsv(&text), Err(expect), "{line:?}");
    };
    let line = 3;
    for text in ["1.0.0.0", "1.0.0.0\t1.0.0.1\t5", "1.0.0.0 1.0.0.1 5 AA x", " "] {
        check(text, RegionsError::Columns { line });
    }
    check("1.0.0\t1.0.0.1\t5\tAA\tx", RegionsError::Address { line, column: "start" });
    check("1.0.0.0\t1.0.0.256\t5\tAA\tx", RegionsError::Address { line, column: "end" });
    check("1.0.0.0\t\t5\tAA\tx", RegionsError::Address { line, column: "end" });
    for asn in ["", "-1", "AS5", "4294967296"] {
        check(&format!("1.0.0.0\t1.0.0.1\t{asn}\tAA\tx"), RegionsError::Asn { line });
    }
    for country in ["A", "aa", "AAA", "Non", "a\u{308}", "1A"] {
        check(&format!("1.0.0.0\t1.0.0.1\t5\t{country}\tx"), RegionsError::Country { line });
    }
    check("1.0.0.1\t1.0.0.0\t5\tAA\tx", RegionsError::Backwards { line });
    check("1.0.0.1\t2001:db8::\t5\tAA\tx", RegionsError::Backwards { line });
    check("192.0.2.9\t192.0.2.20\t5\tAA\tx", RegionsError::Overlap { line });
    let overlap = Regions::from_tsv("2001:db8::\t2001:db8:5::\t1\tAA\tx\n2001:db8:5::\t2001:db8:6::\t1\tAA\tx").unwrap_err();
    assert_eq!(overlap.to_string(), "line 2: the range begins inside another one");
    let last = Regions::from_tsv("0.0.0.0\t255.255.255.255\t1\tAA\tx\n255.255.255.255\t255.255.255.255\t1\tAA\tx").unwrap_err();
    assert_eq!(last, RegionsError::Overlap { line: 2 });
}

#[test]
fn ranges_inside_one_64_are_left_to_the_first_address() {
    let regions = Regions::from_tsv("2001:db8::\t2001:db8::7fff\t1\tAA\tx\n2001:db8::8000\t2001:db8::ffff\t2\tBB\tx").unwrap();
    assert_eq!(regions.place("2001:db8::9000".parse().unwrap()).asn, 1);
}

#[test]
fn lists_say_who_may_come_in() {
    let (here, there, unknown) = (place(1, b"AA"), place(2, b"BB"), Place::default());
    let list = |asns: &[u32], countries: &[&[u8; 2]]| {
        Places::new(asns.to_vec(), countries.iter().map(|letters| Country::new(**letters).unwrap()).collect())
    };
    let check = |refuse: Places, allow: Places, expect: [bool; 3]| {
        let rules = RegionRules { refuse, allow, dry_run: false };
        assert_eq!([here, there, unknown].map(|place| rules.refuse(place)), expect, "{rules:?}");
    };
    assert!(RegionRules::default().is_empty());
    check(list(&[], &[]), list(&[], &[]), [false, false, false]);
    check(list(&[1], &[]), list(&[], &[]), [true, false, false]);
    check(list(&[9, 2], &[b"AA"]), list(&[], &[]), [true, true, false]);
    check(list(&[], &[]), list(&[], &[b"AA"]), [false, true, false]);
    check(list(&[], &[b"AA"]), list(&[1], &[]), [false, true, false]);
}

proptest! {
    /// The table says what a walk through all ranges says, and any text gives a table or an error.
    #[test]
    fn the_table_says_what_the_ranges_say(edges in prop::collection::btree_set(any::<u32>(), 2..60), asked in prop::collection::vec(any::<u32>(), 50)) {
        let edges: Vec<u32> = edges.into_iter().collect();
        let ranges: Vec<Range> = edges
            .chunks_exact(2)
            .zip(1..)
            .map(|(pair, asn)| Range {
                start: Ipv4Addr::from_bits(pair[0]).into(),
                end: Ipv4Addr::from_bits(pair[1]).into(),
                place: Place { asn: asn % 5, country: Country::UNKNOWN },
            })
            .collect();
        let regions = Regions::from_ranges(ranges.iter().rev().copied()).unwrap();
        let near = edges.iter().flat_map(|edge| [edge.wrapping_sub(1), *edge, edge.wrapping_add(1)]);
        for addr in asked.into_iter().chain(near).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))) {
            let walked = ranges.iter().find(|range| (range.start..=range.end).contains(&addr));
            prop_assert_eq!(regions.place(addr), walked.map(|range| range.place).unwrap_or_default(), "{}", addr);
        }
    }

    #[test]
    fn any_text_gives_a_table_or_an_error(text in "([0-9a-f:.\t\nAN#-]{0,30}\t?){0,8}", addr in any::<u128>()) {
        if let Ok(regions) = Regions::from_tsv(&text) {
            let _some_place = regions.place(IpAddr::V6(Ipv6Addr::from_bits(addr)));
        }
    }
}
