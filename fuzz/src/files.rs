//! Targets of files that an operator gives, or that a power cut has left: databases of regions, the journal of bans, lists of names and fingerprints.

use hillfort_guard::{RANGES_MAX, Regions};

use crate::borrowed::ban_line::{self, Line};
use crate::borrowed::{fingerprints, maxmind, overlay, server_names::ServerNames};

/// A MaxMind database: any bytes give ranges or an error, bounded ones, and the ranges of a good one are found again in the guard's table.
pub fn maxmind(data: &[u8]) {
    let Ok(ranges) = maxmind::ranges(data.to_vec()) else { return };
    assert!(ranges.len() <= RANGES_MAX);
    for range in &ranges {
        assert!(range.start.is_ipv4() == range.end.is_ipv4() && range.start <= range.end, "{range:?}");
    }
    let alone = Regions::from_ranges(ranges.clone());
    let laid = Regions::from_ranges(overlay::lay(vec![ranges.clone(), ranges.clone()]));
    let Ok(alone) = alone else { return };
    let laid = laid.expect("a list over itself is as good as the list");
    for range in &ranges {
        for addr in crate::guard::edges(range.start, range.end) {
            assert_eq!((alone.place(addr), laid.place(addr)), (range.place, range.place), "{addr}");
        }
    }
}

/// The journal of bans: any bytes give the bans of the lines that are good, and what is written of them is read as it was.
pub fn journal(data: &[u8]) {
    let (bans, unreadable) = ban_line::read(data);
    let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert!(bans.len() + unreadable <= lines);
    let mut text = Vec::new();
    for (address, ban) in &bans {
        assert_eq!(*address, ban.address);
        ban_line::put_line(&mut text, &Line::Ban(ban.clone())).expect("a vector takes all");
    }
    assert_eq!(ban_line::read(&text), (bans, 0));
    // A line more that a power cut has cut short costs none of those before.
    text.extend_from_slice(b"{\"ban\":{\"addr");
    assert_eq!(ban_line::read(&text).1, 1);
}

/// A list of server names, one on a line, and after an empty line a name that is asked for.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (list, asked) = text.split_once("\n\n").unwrap_or((text, ""));
    let names: Vec<&str> = list.lines().collect();
    let Ok(list) = ServerNames::new(&names, false) else { return };
    assert!(!list.allow(None));
    for name in &names {
        match name.strip_prefix("*.") {
            Some(below) => {
                assert!(list.allow(Some(&format!("any.{below}"))), "{name}");
                assert!(!list.allow(Some(&format!("an.other.{below}"))) || names.len() > 1, "the star stands for one part");
            }
            None => assert!(list.allow(Some(&name.to_uppercase())) && list.allow(Some(&format!("{name}."))), "{name}"),
        }
    }
    let allowed = list.allow(Some(asked));
    assert_eq!(allowed, list.allow(Some(&asked.to_ascii_uppercase())));
    let bare = asked.strip_suffix('.').unwrap_or(asked);
    let known = |name: &&str| {
        name.eq_ignore_ascii_case(bare)
            || bare.split_once('.').is_some_and(|(part, rest)| {
                !part.is_empty() && name.strip_prefix("*.").is_some_and(|below| below.eq_ignore_ascii_case(rest))
            })
    };
    assert_eq!(allowed, names.is_empty() || names.iter().any(|name| known(name)), "{asked:?} of {names:?}");
}

/// Fingerprints as people write them: what is taken is written as it was given.
pub fn fingerprints(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for line in text.lines() {
        if let Some(ja4) = fingerprints::ja4(line) {
            assert_eq!(ja4, line.as_bytes());
        }
        if let Some(ja3) = fingerprints::ja3(line) {
            let again: String = ja3.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(again, line.to_ascii_lowercase());
        }
    }
}
