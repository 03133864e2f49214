//! What leaves the server or its log: lines, requests, events.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError, Values};

use super::check::{filled_text, strings, wrong};
use super::{Function, Outcome, Runs, limits, number, one, row, text};
use crate::desk::{Desk, Want};
use crate::json;
use crate::log::Level;
use crate::work::{HttpRequest, Work};

/// What a request waits for its answer when nothing is said.
const TIMEOUT_MS: i64 = 5000;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "logger_debug",
        "message",
        "message",
        "A line in the server's log. Bounded in number and length.",
        Runs::Here(|d, c, a| line(d, c, a, Level::Debug)),
    ),
    row("logger_info", "message", "message", "The same.", Runs::Here(|d, c, a| line(d, c, a, Level::Info))),
    row("logger_warn", "message", "message", "The same.", Runs::Here(|d, c, a| line(d, c, a, Level::Warn))),
    row("logger_error", "message", "message", "The same.", Runs::Here(|d, c, a| line(d, c, a, Level::Error))),
    row(
        "http_request",
        "url, method, headers, content = nil, timeout = 5000, insecure = false",
        "code, headers, body",
        "A request to another server. Off unless the configuration lists the host; bounded in size and time; no private addresses unless the configuration says so; `insecure` is refused.",
        Runs::Elsewhere("a thread for requests", http_request),
    ),
    row(
        "event",
        "name, properties = nil, timestamp = nil, external = false",
        "",
        "Says that something happened: a line in the server's log, as `logger_info` writes.",
        Runs::Here(event),
    ),
];

fn line(desk: &mut Desk, charge: &Charge<'_>, arguments: &Arguments, level: Level) -> Result<Values, HostError> {
    let message = filled_text(arguments, 1, "expects message string")?;
    charge.bytes(message.len());
    desk.log(level, &message);
    Ok(one(text(message)))
}

fn http_request(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let url = filled_text(arguments, 1, "expects URL string")?;
    let method = arguments.text(2)?.to_ascii_uppercase();
    if !matches!(method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD") {
        return Err(wrong(2, "expects method to be one of: 'get', 'post', 'put', 'patch', 'delete', 'head'"));
    }
    let headers = match arguments.table(3, limits())? {
        Data::Map(fields) => fields,
        _ => return Err(wrong(3, "expects headers by name")),
    };
    let headers = headers.into_iter().map(|(name, value)| match value {
        Data::Text(value) => Ok((String::from_utf8_lossy(&name).into_owned(), value)),
        _ => Err(HostError("HTTP header values must be strings".to_owned())),
    });
    let body = if arguments.is_nil(4) { Vec::new() } else { arguments.bytes(4)? };
    let timeout_ms = Some(arguments.integer_or(5, TIMEOUT_MS)?).filter(|timeout| *timeout > 0).unwrap_or(TIMEOUT_MS);
    if arguments.flag_or(6, false)? {
        return Err(wrong(6, "requests without a check of certificates are refused: leave it out"));
    }
    let request =
        HttpRequest { url, method, headers: headers.collect::<Result<_, _>>()?, body, timeout_ms: timeout_ms.unsigned_abs() };
    Outcome::later(Want::work(Work::Http(Box::new(request))))
}

fn event(desk: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let name = filled_text(arguments, 1, "expects name string")?;
    let properties = strings(arguments, 2, "properties")?;
    let timestamp_s = if arguments.is_nil(3) { desk.now_ms() / 1000 } else { arguments.integer(3)? };
    let fields = [
        ("name", text(name)),
        ("properties", Data::map(properties.into_iter().map(|(name, value)| (name, text(value))))),
        ("timestamp", number(timestamp_s)),
        ("external", Data::Bool(arguments.flag_or(4, false)?)),
    ];
    let line = json::to_text(&Data::map(fields)).map_err(HostError)?;
    charge.bytes(line.len());
    desk.log(Level::Info, &format!("event {line}"));
    Ok(Values::default())
}
