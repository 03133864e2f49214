//! Hooks: which names there are, messages of the API as tables and back, and errors of modules as the API has them. Owns these conversions: a table has
//! the fields that the message has in JSON, as in Nakama.

use hillfort_api::calls::State;
use hillfort_api::json::Unknown;
use hillfort_api::messages::Sender;
use hillfort_api::realtime::Envelope;
use hillfort_api::table::Described as _;
use hillfort_api::{ApiError, CALLS, Call, CallName, Code, Reply};
use hillfort_script::Data;
use hillfort_script::modules::Failure;

use crate::desk::Kind;
use crate::json;

/// Bytes of an error's message that a client sees.
const MESSAGE_BYTES_MAX: usize = 1024;

/// A hook that would hear of nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Useless {
    /// Why.
    pub(crate) text: String,
    /// Nakama does not have what it names either.
    pub(crate) is_unknown: bool,
}

/// Whether a function that is registered under a name is ever called.
///
/// # Errors
/// Why it is not.
pub(crate) fn check(kind: Kind, name: &str) -> Result<(), Useless> {
    let useless = |why: &str| Useless { text: format!("a hook of {name} is never called: {why}"), is_unknown: false };
    let unknown = || Useless { text: format!("the API has no message {name}: docs/nakama.md lists them"), is_unknown: true };
    match kind {
        Kind::Rpc | Kind::Shutdown => Ok(()),
        Kind::ReqBefore | Kind::ReqAfter => match call_name(name).ok_or_else(unknown)?.row().state {
            State::Done => Ok(()),
            State::NotYet => Err(useless("the call is not served yet (docs/nakama.md)")),
        },
        Kind::RtBefore | Kind::RtAfter => {
            let field = messages().find(|message| squeezed(message).eq_ignore_ascii_case(name));
            match field.and_then(hillfort_api::messages::message).ok_or_else(unknown)? {
                (Sender::Server, _) => Err(useless("clients do not send this message")),
                (_, State::NotYet) => Err(useless("the message is not served yet (docs/nakama.md)")),
                (Sender::Client | Sender::Both, State::Done) => Ok(()),
            }
        }
    }
}

/// The call that a hook means: in any case, as in Nakama.
pub(crate) fn call_name(name: &str) -> Option<CallName> {
    CALLS.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.call)
}

/// Messages of the realtime API, as an envelope's fields are named.
pub(crate) fn messages() -> impl Iterator<Item = &'static str> {
    Envelope::TABLE.fields.iter().map(|field| field.name).filter(|name| *name != "cid")
}

/// What hooks of a message are registered under: `match_create` is `MatchCreate`, in lower case.
pub(crate) fn squeezed(message: &str) -> String {
    message.replace('_', "")
}

/// What hooks of an envelope are registered under.
pub(crate) fn message_key(envelope: &Data) -> Option<String> {
    let Data::Map(fields) = envelope else { return None };
    let message = fields.iter().map(|(name, _)| name).find(|name| name.as_slice() != b"cid")?;
    Some(squeezed(&String::from_utf8_lossy(message)))
}

fn table(json: &[u8]) -> Result<Data, ApiError> {
    json::from_text(json).map_err(|error| ApiError::new(Code::Internal, format!("a message is no table: {error}")))
}

/// What a call takes, as a table; `nil` when it takes nothing.
pub(crate) fn call_to_table(call: &Call) -> Result<Data, ApiError> {
    if call.name().row().request.fields.is_empty() { Ok(Data::Nil) } else { table(&call.json()) }
}

pub(crate) fn reply_to_table(reply: &Reply) -> Result<Data, ApiError> {
    if reply.table().fields.is_empty() { Ok(Data::Nil) } else { table(&reply.json()) }
}

pub(crate) fn envelope_to_table(envelope: &Envelope) -> Result<Data, ApiError> {
    table(&hillfort_api::json::write(envelope))
}

fn returned(what: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(Code::Internal, format!("Could not complete runtime Before function: it returned {what}"))
}

fn text_of(table: &Data) -> Result<String, ApiError> {
    match table {
        Data::Map(_) => json::to_text(table).map_err(|error| returned(&error)),
        other => Err(returned(&format!("a {} where a table with the message's fields is expected", other.kind()))),
    }
}

/// A call of what a hook returned.
pub(crate) fn table_to_call(name: CallName, table: &Data) -> Result<Call, ApiError> {
    let text = text_of(table)?;
    let wire =
        hillfort_api::json::to_wire(name.row().request, text.as_bytes(), Unknown::Skip).map_err(|error| returned(&error))?;
    Call::decode(name, wire.as_slice()).map_err(|error| returned(&error))
}

/// An envelope of what a hook returned.
pub(crate) fn table_to_envelope(table: &Data) -> Result<Envelope, ApiError> {
    hillfort_api::json::read(text_of(table)?.as_bytes(), Unknown::Skip).map_err(|error| returned(&error))
}

/// A failure as the API says it, and whether a module raised it on purpose: `error({ message, code })` is for the client, all else also for the
/// developer.
pub(crate) fn api_error(failure: &Failure, stacktrace: bool) -> (ApiError, bool) {
    let internal = |text: String| ApiError::new(Code::Internal, bounded(text));
    match failure {
        Failure::Raised { text, trace } if stacktrace => (internal(format!("{text}\n{trace}")), false),
        Failure::Raised { text, .. } => (internal(without_place(text).to_owned()), false),
        Failure::RaisedTable(Data::List(list)) => {
            let message = match list.first() {
                Some(Data::Text(text)) => String::from_utf8_lossy(text).into_owned(),
                Some(other) => json::to_text(other).unwrap_or_default(),
                None => String::new(),
            };
            #[expect(clippy::cast_possible_truncation, reason = "codes are small; others are internal errors")]
            let code = match list.get(1) {
                Some(Data::Number(code)) if (1.0..17.0).contains(code) => Code::from_number(*code as i64),
                _ => Code::Internal,
            };
            (ApiError::new(code, bounded(message)), list.len() > 1)
        }
        Failure::RaisedTable(table) => (internal(json::to_text(table).unwrap_or_default()), false),
        Failure::Steps | Failure::Time => (ApiError::new(Code::DeadlineExceeded, crate::vm::text(failure)), false),
        Failure::Memory => (ApiError::new(Code::ResourceExhausted, crate::vm::text(failure)), false),
    }
}

/// `shop/items.lua:3: what` is `what`.
fn without_place(text: &str) -> &str {
    let Some((file, rest)) = text.split_once(".lua") else { return text };
    // `error(text, 2)` in the outermost function names the line that called it: the prelude's.
    let Some(rest) = rest.strip_prefix(':').or_else(|| rest.strip_prefix("u:")) else { return text };
    let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    match rest.get(digits..).and_then(|rest| rest.strip_prefix(": ")) {
        Some(what) if digits > 0 && !file.contains(['\n', ' ']) => what,
        _ => text,
    }
}

fn bounded(mut text: String) -> String {
    let mut end = text.len().min(MESSAGE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(check(Kind::ReqBefore, "AuthenticateDevice"), Ok(()));
        assert_eq!(check(Kind::ReqBefore, "authenticatedevice"), Ok(()));
        assert_eq!(check(Kind::RtAfter, "MatchCreate"), Ok(()));
        assert!(check(Kind::RtBefore, "Cid").is_err_and(|useless| useless.is_unknown));
        assert!(check(Kind::ReqAfter, "MatchCreate").is_err_and(|useless| useless.is_unknown));
        assert_eq!(call_name("getaccount"), Some(CallName::GetAccount));
    }

    #[test]
    fn hooks_that_hear_of_nothing_are_known() {
        let never = |kind, name: &str| check(kind, name).expect_err(name);
        for (kind, name, why) in [
            (Kind::RtBefore, "MatchData", "clients do not send"),
            (Kind::RtAfter, "Error", "clients do not send"),
            (Kind::RtAfter, "PartyCreate", "not served yet"),
            (Kind::ReqBefore, "AddFriends", "not served yet"),
        ] {
            let Useless { text, is_unknown } = never(kind, name);
            assert!(text.contains(why) && !is_unknown, "{text}");
        }
    }

    #[test]
    fn places_are_cut_off() {
        assert_eq!(without_place("shop/items.lua:12: too dear"), "too dear");
        assert_eq!(without_place("too dear: see shop.lua:12: there"), "too dear: see shop.lua:12: there");
        assert_eq!(without_place("a.lua:: x"), "a.lua:: x");
    }

    #[test]
    fn raised_tables_are_a_message_and_a_code() {
        let raised = |list: Vec<Data>| api_error(&Failure::RaisedTable(Data::List(list)), false);
        assert_eq!(raised(vec![Data::text("no"), Data::Number(7.0)]), (ApiError::new(Code::PermissionDenied, "no"), true));
        assert_eq!(raised(vec![Data::text("no"), Data::Number(99.0)]), (ApiError::new(Code::Internal, "no"), true));
        assert_eq!(raised(vec![Data::text("no"), Data::Number(0.0)]), (ApiError::new(Code::Internal, "no"), true));
        assert_eq!(raised(vec![Data::text("no")]), (ApiError::new(Code::Internal, "no"), false));
    }
}
