//! Streams: lists of sessions that the server makes and sends to.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError};

use super::accounts::each;
use super::check::{Fields, id, wrong};
use super::{Function, Outcome, Runs, limits, number, one, row, text};
use crate::backend::{Answer, Ask, Stream, StreamMeta, StreamPresence, StreamTarget};
use crate::desk::{Desk, Want};
use crate::id::{Id, id_to_text};
use crate::json;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "stream_user_list",
        "stream, hidden = true, not_hidden = true",
        "presences",
        "Who is on a stream. A stream is a table with `mode`, and perhaps `subject`, `subcontext`, `label`.",
        Runs::Elsewhere("StreamUsers", user_list),
    ),
    row(
        "stream_user_get",
        "user_id, session_id, stream",
        "meta",
        "How a user is on a stream, or `nil`.",
        Runs::Elsewhere("StreamUser", user_get),
    ),
    row(
        "stream_user_join",
        "user_id, session_id, stream, hidden = false, persistence = true, status = nil",
        "boolean",
        "Puts a session on a stream; whether it was not there before.",
        Runs::Elsewhere("StreamJoin", user_join),
    ),
    row(
        "stream_user_update",
        "user_id, session_id, stream, hidden = false, persistence = true, status = nil",
        "",
        "Changes how a session is on a stream.",
        Runs::Elsewhere("StreamUpdate", user_update),
    ),
    row(
        "stream_user_leave",
        "user_id, session_id, stream",
        "",
        "Takes a session from a stream.",
        Runs::Elsewhere("StreamLeave", user_leave),
    ),
    row("stream_user_kick", "presence, stream", "", "The same, for a presence.", Runs::Elsewhere("StreamLeave", user_kick)),
    row("stream_count", "stream", "number", "How many are on a stream.", Runs::Elsewhere("StreamCount", count)),
    row("stream_close", "stream", "", "Takes all from a stream.", Runs::Elsewhere("StreamClose", close)),
    row(
        "stream_send",
        "stream, data, presences = nil, reliable = true",
        "",
        "Sends data to a stream, or to some on it.",
        Runs::Elsewhere("StreamSend", send),
    ),
    row(
        "stream_send_raw",
        "stream, envelope, presences = nil, reliable = true",
        "",
        "Sends an envelope of the realtime API.",
        Runs::Elsewhere("StreamSendRaw", send_raw),
    ),
];

fn stream(arguments: &Arguments, place: usize) -> Result<Stream, HostError> {
    let data = arguments.table(place, limits())?;
    let fields = Fields::new(&data, place, "expects a valid stream")?;
    let mode = fields.integer("mode")?.unwrap_or(0);
    Ok(Stream {
        mode: u8::try_from(mode).map_err(|_| wrong(place, "stream mode must be a number from 0 to 255"))?,
        subject: fields.id("subject")?,
        subcontext: fields.id("subcontext")?,
        label: fields.text("label")?.unwrap_or_default(),
    })
}

fn target(arguments: &Arguments) -> Result<StreamTarget, HostError> {
    Ok(StreamTarget {
        user_id: id(arguments, 1, "expects valid user id")?,
        session_id: id(arguments, 2, "expects valid session id")?,
    })
}

fn meta(arguments: &Arguments) -> Result<StreamMeta, HostError> {
    Ok(StreamMeta {
        hidden: arguments.flag_or(4, false)?,
        persistence: arguments.flag_or(5, true)?,
        status: arguments.optional_text(6)?.unwrap_or_default(),
        username: String::new(),
    })
}

fn meta_fields(meta: StreamMeta) -> [(&'static str, Data); 4] {
    [
        ("hidden", Data::Bool(meta.hidden)),
        ("persistence", Data::Bool(meta.persistence)),
        ("username", text(meta.username)),
        ("status", text(meta.status)),
    ]
}

fn presence_table(presence: StreamPresence) -> Data {
    let who = [
        ("user_id", text(id_to_text(&presence.target.user_id))),
        ("session_id", text(id_to_text(&presence.target.session_id))),
        ("node", text(presence.node)),
    ];
    Data::map(who.into_iter().chain(meta_fields(presence.meta)))
}

fn user_list(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ask = Ask::StreamUsers {
        stream: stream(arguments, 1)?,
        hidden: arguments.flag_or(2, true)?,
        not_hidden: arguments.flag_or(3, true)?,
    };
    Outcome::later(Want::ask(ask, "stream user list failed", |answer| match answer {
        Answer::StreamPresences(presences) => Some(Ok(one(Data::List(presences.into_iter().map(presence_table).collect())))),
        _ => None,
    }))
}

fn user_get(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ask = Ask::StreamUser { target: target(arguments)?, stream: stream(arguments, 3)? };
    Outcome::later(Want::ask(ask, "stream user get failed", |answer| match answer {
        Answer::StreamMeta(meta) => Some(Ok(one(meta.map_or(Data::Nil, |meta| Data::map(meta_fields(meta)))))),
        _ => None,
    }))
}

fn user_join(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ask = Ask::StreamJoin { target: target(arguments)?, stream: stream(arguments, 3)?, meta: meta(arguments)? };
    Outcome::later(Want::ask(ask, "stream user join failed", |answer| match answer {
        Answer::Flag(new) => Some(Ok(one(Data::Bool(new)))),
        _ => None,
    }))
}

fn user_update(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ask = Ask::StreamUpdate { target: target(arguments)?, stream: stream(arguments, 3)?, meta: meta(arguments)? };
    Outcome::later(Want::ask(ask, "stream user update failed", Want::nothing))
}

fn user_leave(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ask = Ask::StreamLeave { target: target(arguments)?, stream: stream(arguments, 3)? };
    Outcome::later(Want::ask(ask, "stream user leave failed", Want::nothing))
}

fn user_kick(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let presence = arguments.table(1, limits())?;
    let fields = Fields::new(&presence, 1, "expects a valid presence")?;
    let (Some(user_id), Some(session_id)) = (fields.id("user_id")?, fields.id("session_id")?) else {
        return Err(wrong(1, "expects each presence to have a valid user_id, session_id, and node"));
    };
    let ask = Ask::StreamLeave { target: StreamTarget { user_id, session_id }, stream: stream(arguments, 2)? };
    Outcome::later(Want::ask(ask, "stream user kick failed", Want::nothing))
}

fn count(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    Outcome::later(Want::ask(Ask::StreamCount(stream(arguments, 1)?), "stream count failed", |answer| match answer {
        Answer::Count(count) => Some(Ok(one(number(i64::try_from(count).unwrap_or(i64::MAX))))),
        _ => None,
    }))
}

fn close(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    Outcome::later(Want::ask(Ask::StreamClose(stream(arguments, 1)?), "stream close failed", Want::nothing))
}

fn sessions(arguments: &Arguments, place: usize) -> Result<Vec<Id>, HostError> {
    each(arguments, place, "expects a valid set of presences", |data, place| {
        let fields = Fields::new(data, place, "expects a valid set of presences")?;
        fields.id("session_id")?.ok_or_else(|| wrong(place, "presence session id must be a valid identifier"))
    })
}

fn send(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let data = arguments.bytes(2)?;
    charge.bytes(data.len());
    let ask = Ask::StreamSend {
        stream: stream(arguments, 1)?,
        data,
        sessions: sessions(arguments, 3)?,
        reliable: arguments.flag_or(4, true)?,
    };
    Outcome::later(Want::ask(ask, "stream send failed", Want::nothing))
}

fn send_raw(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let envelope = json::to_text(&arguments.table(2, limits())?)
        .map_err(|error| wrong(2, &format!("failed to convert envelope: {error}")))?;
    charge.bytes(envelope.len() * 4);
    let ask = Ask::StreamSendRaw {
        stream: stream(arguments, 1)?,
        envelope,
        sessions: sessions(arguments, 3)?,
        reliable: arguments.flag_or(4, true)?,
    };
    Outcome::later(Want::ask(ask, "stream send failed", Want::nothing))
}
