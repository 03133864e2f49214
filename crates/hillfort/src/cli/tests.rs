//! Command lines as people type them, right and wrong.

use super::*;
use clap::CommandFactory as _;

fn parse(line: &str) -> Result<Command, String> {
    Cli::try_parse_from(line.split(' ')).map(Cli::into_command).map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn nothing_is_serve_and_takes_its_flags() {
    for line in [
        "hillfort --config a.toml --set edge.tcp_port=1 --set log.filter=a=b",
        "hillfort serve --config a.toml --set edge.tcp_port=1 --set log.filter=a=b",
    ] {
        let Ok(Command::Serve(args)) = parse(line) else { panic!("{line}") };
        let overrides = Overrides::from(args);
        assert_eq!(overrides.file, Some("a.toml".into()));
        let expect = [("edge.tcp_port", "1"), ("log.filter", "a=b")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(overrides.set, expect);
    }
}

#[test]
fn a_recording_is_watched_with_the_servers_flags() {
    let line = "hillfort room watch a.hillrec --as 3 --from 500 --speed 0.5 --games mine --set edge.http_port=0 --self-signed";
    let Ok(Command::Room(RoomCommand::Watch(args))) = parse(line) else { panic!("{line}") };
    assert_eq!((args.seat, args.from, args.speed, args.force), (Some(3), 500, 0.5, false));
    let set = args.overrides().set;
    let expect = [("edge.http_port", "0"), ("edge.tls_self_signed", "true"), ("games.folder", "mine")];
    assert_eq!(set, expect.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn commands_are_told_apart() {
    assert!(matches!(parse("hillfort check --set a=b"), Ok(Command::Check(_))));
    assert!(matches!(parse("hillfort config print"), Ok(Command::Config(ConfigCommand::Print(_)))));
    assert!(matches!(parse("hillfort schema check a.toml"), Ok(Command::Schema(SchemaCommand::Check { .. }))));
    assert!(matches!(parse("hillfort schema js a.toml --out b"), Ok(Command::Schema(SchemaCommand::Js { .. }))));
    assert!(matches!(parse("hillfort load limits"), Ok(Command::Load(_))));
    assert!(matches!(parse("hillfort version"), Ok(Command::Version)));
}

#[test]
fn mistakes_are_refused() {
    for (line, expect) in [
        ("hillfort sreve", "serve"),
        ("hillfort --set edge", "KEY=VALUE is expected"),
        ("hillfort --set =1", "KEY=VALUE is expected"),
        ("hillfort config", "Usage"),
        ("hillfort schema js a.toml", "--out"),
        ("hillfort --set a=b check", "cannot be used"),
    ] {
        let error = parse(line).expect_err(line);
        assert!(error.contains(expect), "{line}: {error}");
    }
}
