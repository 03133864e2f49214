//! Queries that lists are asked with, and texts that are none.

use proptest::prelude::*;

use super::*;

const LABEL: &str = r#"{"mode":"ffa","rank":7,"open":true,"map":{"name":"de_hill","tags":["night","rain"]},"note":"a b","at":"2026-03-01T12:00:00Z","half":0.5}"#;

fn wants(query: &str, label_string: &str) -> Result<bool, QueryError> {
    let label = Label::read(label_string);
    let subject =
        Subject { label: &label, label_string, handler_name: "arena", node: "hillfort", tick_rate: 10, create_time_ms: 1_000 };
    Query::read(query).map(|query| query.wants(&subject, &Work::new(u64::MAX)))
}

#[track_caller]
fn check(query: &str, expect: bool) {
    assert_eq!(wants(query, LABEL), Ok(expect), "{query}");
}

#[test]
fn clauses_hold_or_do_not() {
    for (query, expect) in [
        ("", true),
        ("*", true),
        ("  *  ", true),
        ("+label.mode:ffa", true),
        ("+label.mode:FFA", false),
        ("label.mode:ffa", true),
        ("label.mode:duel", false),
        ("label.mode:duel label.rank:7", true),
        ("+label.rank:7 label.mode:duel", true),
        ("-label.mode:duel", true),
        ("-label.mode:ffa", false),
        ("+label.mode:ffa -label.open:true", false),
        ("+label.open:T", true),
        ("+label.open:false", false),
        ("+label.rank:>=7 +label.rank:<=7", true),
        ("+label.rank:>7", false),
        ("+label.rank:<7", false),
        ("+label.rank:>-1e3", true),
        ("+label.half:0.50", true),
        ("+label.mode:>1", false),
        ("+label.rank:7.0", true),
        ("+label.map.name:de_hill", true),
        ("+label.map:de_hill", false),
        ("+label.map.tags:night +label.map.tags:rain", true),
        ("+label.map.tags:snow", false),
        ("+label.map.name:de_*", true),
        ("+label.map.name:d?_hi*l", true),
        ("+label.map.name:de_?", false),
        ("+label.rank:*", true),
        ("+label.nothing:*", false),
        ("+label.note:\"a b\"", true),
        ("+label.note:a\\ b", true),
        ("+label.note:a", false),
        ("+label.mode:/f+a/", true),
        ("+label.mode:/(duel|ffa)/", true),
        ("+label.mode:/f/", false),
        ("+label.at:>\"2026-02-28T23:59:59Z\"", true),
        ("+label.at:<=\"2026-03-01T12:00:00Z\"", true),
        ("+label.at:<\"2026-03-01T12:00:00Z\"", false),
        ("+handler_name:arena +node:hillfort +tick_rate:10 +create_time:>=1000", true),
        ("+tick_rate:11", false),
        ("ffa", true),
        ("+rain -snow", true),
        ("nowhere", false),
        ("+label.mode:ffa^2 label.rank:1^0.5", true),
        ("+label.nothing:x", false),
        ("unknown:x", false),
    ] {
        check(query, expect);
    }
}

#[test]
fn labels_that_are_no_json_have_their_text() {
    assert_eq!(wants("+label_string:duel", "duel"), Ok(true));
    assert_eq!(wants("duel", "duel"), Ok(true));
    assert_eq!(wants("+label.mode:duel", "duel"), Ok(false));
    assert_eq!(wants("*", ""), Ok(true));
    for odd in ["[1,2]", "7", "{\"a\":", "{\"a\":null}", &"[".repeat(2_000)] {
        assert_eq!(Label::read(odd), Label::default(), "{odd}");
    }
}

#[test]
fn what_is_no_query_is_told_so() {
    for (query, expect) in [
        ("+", "a value is missing"),
        ("label.mode:", "a value is missing"),
        (":x", "a value is missing"),
        ("+label.rank:>x", "a bound must be a number, or a time in quotes"),
        ("+label.rank:>nan", "a bound must be a number, or a time in quotes"),
        ("+label.at:>\"soon\"", "a quoted bound must be a time like \"2026-01-31T18:00:00Z\""),
        ("+label.note:\"a b", "a closing \" is missing"),
        ("+label.mode:/(/", "a pattern between slashes cannot be read, or is too large"),
        ("+label.mode:/x{500}{500}/", "a pattern between slashes cannot be read, or is too large"),
        ("+label.mode:ff~2", "fuzzy words (with ~) are not supported"),
        ("label.mode:ffa^x", "a number must follow ^"),
        ("\"a\"b", "a space must follow a value"),
        ("a\\", "a letter must follow \\"),
        ("/a/ /b/ /c/ /d/ /e/", "a query must have at most 4 patterns"),
        (&"a ".repeat(CLAUSES_MAX + 1), "a query must have at most 64 clauses"),
        (&"a".repeat(QUERY_BYTES_MAX + 1), "a query must have at most 2048 bytes"),
        (&format!("/{}/", "a".repeat(PATTERN_BYTES_MAX + 1)), "a pattern must have at most 256 bytes"),
    ] {
        assert_eq!(wants(query, LABEL), Err(QueryError(expect.to_owned())), "{query}");
    }
    assert_eq!(wants(&"a ".repeat(CLAUSES_MAX), LABEL), Ok(false));
}

#[test]
fn wildcards_and_patterns_take_no_time() {
    // Each of these takes exponential time where every wildcard is tried with every other.
    let text = "a".repeat(2_000);
    assert_eq!(wants(&format!("+label_string:{}b", "a*".repeat(200)), &text), Ok(false));
    assert_eq!(wants("+label_string:/(a+)+b/", &text), Ok(false));
    assert_eq!(wants(&format!("+label_string:{}", "a*".repeat(200)), &text), Ok(true));
}

/// What a query looks at most, in one label, and that it ends there.
#[test]
fn work_is_counted_and_bounded() {
    let text = "a".repeat(2_000);
    let check = |query: &str, label_string: &str, least: u64, most: u64| {
        let label = Label::read(label_string);
        let subject = Subject { label: &label, label_string, handler_name: "", node: "", tick_rate: 1, create_time_ms: 0 };
        let query = Query::read(query).unwrap();
        let work = Work::new(1_000_000_000);
        let wanted = query.wants(&subject, &work);
        let taken = 1_000_000_000 - work.left();
        assert!((least..=most).contains(&taken), "{taken}");
        let work = Work::new(taken + 1);
        assert_eq!((query.wants(&subject, &work), work.left()), (wanted, 1), "enough is enough");
        let work = Work::new(taken);
        let _ = query.wants(&subject, &work);
        assert_eq!(work.left(), 0, "used up, and told so");
    };
    check("+label.mode:ffa", LABEL, 9, 12);
    check(&format!("+label_string:{}b", "a*".repeat(1_000)), &text, 2_000, 2_100_000);
    check(&format!("+label_string:*{}b", "a".repeat(1_000)), &text, 1_000_000, 2_100_000);
    for simple in [".*hill.*", "\\w+", "[a-z]*"] {
        check(&format!("+label_string:/{simple}/"), &text, 502, 502);
    }
    check("+label_string:/(a|b)*a(a|b){12}/", &text, 40 * 2_001, 200 * 2_001);
    check(&"-label.b:1 ".repeat(64), &format!("{{\"a\":[{}1]}}", "1,".repeat(900)), 64 * 901, 64 * 902);
}

#[test]
fn labels_take_no_more_memory_than_they_may() {
    let long = "n".repeat(1_000);
    // One path for all members of an array.
    let array = format!("{{\"{long}\":[{}1]}}", "1,".repeat(400));
    assert_eq!(Label::read(&array).fields(), 401);
    // One for each member of an object: seven fit.
    let object = |members: usize| {
        let members: Vec<_> = (0..members).map(|n| format!("\"{n}\":1")).collect();
        format!("{{\"{long}\":{{{}}},\"a\":1}}", members.join(","))
    };
    assert_eq!(Label::read(&object(8)).fields(), 9);
    assert_eq!(Label::read(&object(9)), Label::default());
}

proptest! {
    #[test]
    fn any_text_gives_an_answer(query in "\\PC{0,80}", label in "\\PC{0,40}") {
        let _ = wants(&query, &label);
    }

    #[test]
    fn texts_near_queries_give_an_answer(query in "[-+ab:.\"/\\\\*?^~<>=1 ]{0,40}") {
        let _ = wants(&query, LABEL);
    }

    #[test]
    fn a_text_is_like_itself(text in "[ab\\\\*?]{0,12}") {
        let like: String = text.chars().flat_map(|letter| ['\\', letter]).collect();
        let work = Work::new(u64::MAX);
        prop_assert!(is_like(&like, &text, &work));
        prop_assert!(is_like("*", &text, &work));
    }
}
