//! The tables of docs/nakama.md: each call and each message of the socket, and whether it is served. Knows nothing of the rest of the page.

use std::fmt::Write;

use hillfort_api::CALLS;
use hillfort_api::calls::{Auth, State};
use hillfort_api::messages::{MESSAGES, Sender};
use hillfort_api::realtime::Envelope;
use hillfort_api::table::{Described, Kind};

/// Calls by their ways over HTTP.
pub fn calls() -> String {
    let mut out = String::from("| REST | gRPC | who | what | state |\n| --- | --- | --- | --- | --- |\n");
    for row in CALLS {
        let ways: Vec<_> = row.routes.iter().map(|route| format!("`{:?} {}`", route.method, route.path)).collect();
        let who = match row.auth {
            Auth::None => "everybody",
            Auth::ServerKey => "server key",
            Auth::User => "session",
            Auth::HttpKeyOrUser => "session or HTTP key",
        };
        put(&mut out, &[&ways.join("<br>"), &format!("`{}`", row.name), who, row.about, state(row.state)]);
    }
    out.push_str("| – | `Realtime` | session | The socket's messages as a stream of gRPC. | not yet |\n");
    out
}

/// Messages of the realtime socket.
pub fn messages() -> String {
    let mut out = String::from("| message | number | from | what | state |\n| --- | --- | --- | --- | --- |\n");
    for (name, from, is_served) in MESSAGES {
        let (_, field) = Envelope::TABLE.field(name).expect("a test compares the two");
        let Kind::Message(message) = field.kind else { continue };
        let from = match from {
            Sender::Client => "client",
            Sender::Server => "server",
            Sender::Both => "both",
        };
        put(&mut out, &[&format!("`{name}`"), &field.number.to_string(), from, message.about, state(*is_served)]);
    }
    out
}

fn state(state: State) -> &'static str {
    match state {
        State::Done => "done",
        State::NotYet => "not yet",
    }
}

fn put(out: &mut String, cells: &[&str]) {
    writeln!(out, "| {} |", cells.join(" | ")).expect("a string takes all");
}
