//! Matches, from outside.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError};

use super::check::{filled_text, wrong};
use super::{Function, Outcome, Runs, limits, number, one, row, text};
use crate::backend::{Answer, Ask, MatchInfo, MatchQuery};
use crate::desk::{Desk, Want};
use crate::json;

/// Matches in one list.
const LIST_MAX: i64 = 10_000;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "match_create",
        "module, params = nil",
        "match_id",
        "Starts a match of a module; `params` (a table) goes to `match_init`.",
        Runs::Elsewhere("MatchCreate", match_create),
    ),
    row("match_get", "match_id", "match", "A match that runs, or `nil`.", Runs::Elsewhere("MatchGet", match_get)),
    row(
        "match_list",
        "limit = 1, authoritative = nil, label = nil, min_size = nil, max_size = nil, query = nil",
        "matches",
        "Matches that run. `query` is Nakama's: `+label.mode:ffa +label.rank:>=5`.",
        Runs::Elsewhere("MatchList", match_list),
    ),
    row(
        "match_signal",
        "match_id, data = nil",
        "string",
        "Calls `match_signal` of a match and waits for what it returns.",
        Runs::Elsewhere("MatchSignal", match_signal),
    ),
];

fn match_create(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let module = filled_text(arguments, 1, "expects module name")?;
    let params = match arguments.data(2, limits())? {
        Data::Nil => None,
        params @ Data::Map(_) => Some(json::to_text(&params).map_err(|error| wrong(2, &error))?),
        _ => return Err(wrong(2, "expects params to be nil or a table of key-value pairs")),
    };
    Outcome::later(Want::ask(Ask::MatchCreate { module, params }, "error creating match", Want::text))
}

fn match_table(info: MatchInfo) -> Data {
    Data::map([
        ("match_id", text(info.match_id)),
        ("authoritative", Data::Bool(info.authoritative)),
        ("label", info.label.map_or(Data::Nil, text)),
        ("size", number(info.size.into())),
        ("tick_rate", info.tick_rate.map_or(Data::Nil, |rate| number(rate.into()))),
        ("handler_name", info.handler_name.map_or(Data::Nil, text)),
    ])
}

fn match_get(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    Outcome::later(Want::ask(Ask::MatchGet(arguments.text(1)?), "failed to get match", |answer| match answer {
        Answer::Match(info) => Some(Ok(one(info.map_or(Data::Nil, match_table)))),
        _ => None,
    }))
}

fn match_list(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let limit = arguments.integer_or(1, 1)?;
    let limit = u32::try_from(limit)
        .ok()
        .filter(|_| (1..=LIST_MAX).contains(&limit))
        .ok_or_else(|| wrong(1, "expects limit to be 1-10000"))?;
    let size = |place: usize| -> Result<Option<i32>, HostError> {
        let small = |size: i64| i32::try_from(size).map_err(|_| wrong(place, "expects a small number or nil"));
        if arguments.is_nil(place) { Ok(None) } else { small(arguments.integer(place)?).map(Some) }
    };
    let query = MatchQuery {
        limit,
        authoritative: if arguments.is_nil(2) { None } else { Some(arguments.flag_or(2, false)?) },
        label: arguments.optional_text(3)?,
        min_size: size(4)?,
        max_size: size(5)?,
        query: arguments.optional_text(6)?,
    };
    Outcome::later(Want::ask(Ask::MatchList(query), "failed to list matches", |answer| match answer {
        Answer::Matches(matches) => Some(Ok(one(Data::List(matches.into_iter().map(match_table).collect())))),
        _ => None,
    }))
}

fn match_signal(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let match_id = arguments.text(1)?;
    let data = arguments.optional_text(2)?.unwrap_or_default();
    Outcome::later(Want::ask(Ask::MatchSignal { match_id, data }, "failed to signal match", Want::text))
}
