//! What the command line of bots takes, and how measured clients count.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    _args: Args,
}

#[test]
fn bounds_are_kept_at_their_edges() {
    let check = |flags: &[&str], good: bool| {
        let line = Line::try_parse_from(["bots"].iter().chain(flags));
        assert_eq!(line.is_ok(), good, "{flags:?}: {line:?}");
    };
    check(&["--ping"], true);
    check(&[], false);
    check(&["--ping", "--echo"], false);
    check(&["--game", "hilltop", "--forever", "--quiet", "--parent-pid", "1"], true);
    check(&["--game", "chess"], false);
    check(&["--ping", "--count", "0"], false);
    check(&["--ping", "--rate", "0"], false);
    check(&["--ping", "--rate", "10000"], true);
    check(&["--ping", "--rate", "20", "--pipeline", "4"], false);
    check(&["--echo", "--pipeline", "64"], true);
    check(&["--echo", "--pipeline", "65"], false);
    check(&["--echo", "--seconds", "3601"], false);
    check(&["--idle", "60000"], true);
    check(&["--idle", "60001"], false);
    check(&["--idle", "1", "--sources", "251"], false);
}

#[test]
fn sources_differ() {
    let sources = sources(600);
    assert_eq!(sources[0], Ipv4Addr::new(127, 7, 0, 1));
    assert_eq!(sources[250], Ipv4Addr::new(127, 7, 1, 1));
    assert_eq!(sources.iter().collect::<std::collections::HashSet<_>>().len(), 600);
}
