//! `GET /ws`: who may open a socket. Runs on the thread of HTTP; refuses before anything is upgraded, at the cost of one check of a token.
//! Most that are refused do not get here: `porter` does the same with a request's first bytes.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hillfort_api::{Credentials, Service, SessionId, SessionUser, Who};
use hillfort_proto::reject::Reject;
use hillfort_stream::handshake::{self, NoHandshake};
use hillfort_stream::{Guest, Upgrades};

use super::Shared;
use super::conn::Format;
use super::stats::SocketStats;

/// A socket on its way to the loop.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) guest: Guest,
    pub(crate) session: SessionId,
    pub(crate) user: Arc<SessionUser>,
    pub(crate) format: Format,
    /// Whether others see the user as online.
    pub(crate) status: bool,
}

/// What a refused token is told.
const REFUSED: &str = "Missing or invalid token\n";

/// What a request is judged by.
pub(crate) struct Gatekeeper {
    pub(super) shared: Arc<Shared>,
    service: Arc<dyn Service>,
    arrivals: SyncSender<Arrival>,
}

/// What the query asks for.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Asked<'a> {
    token: Cow<'a, str>,
    pub(super) format: Cow<'a, str>,
    status: bool,
}

impl Gatekeeper {
    pub(crate) fn new(shared: Arc<Shared>, service: Arc<dyn Service>, arrivals: SyncSender<Arrival>) -> Self {
        Self { shared, service, arrivals }
    }

    pub(super) fn user(&self, token: &str) -> Option<Arc<SessionUser>> {
        match self.service.caller(Credentials::Token(token)) {
            Ok(Who::User(user)) if !token.is_empty() => Some(user),
            _ => None,
        }
    }

    /// Whether a token that was refused says nothing about who sent it. A page of another site can have the browsers of all its visitors ask here
    /// with whatever it likes, by a socket or as an image; were that charged, it could have them banned, with everybody behind their
    /// addresses. And a session that is over was good once.
    pub(super) fn is_blameless(&self, headers: &HeaderMap, token: &str) -> bool {
        !handshake::is_asked(headers) || handshake::is_foreign(headers) || self.service.were_good(Credentials::Token(token))
    }
}

/// What is shown, by the header or else by the query; empty when it is nothing, or not of its form.
pub(super) fn token<'a>(headers: &'a HeaderMap, asked: &'a Asked<'_>) -> &'a str {
    match headers.get(header::AUTHORIZATION) {
        Some(header) => header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default(),
        None => &asked.token,
    }
}

pub(crate) async fn upgrade(
    State(keeper): State<Arc<Gatekeeper>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(upgrades): Extension<Upgrades>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let asked = asked(parts.uri.query().unwrap_or_default());
    let Some(format) = format(&asked.format) else {
        return (StatusCode::BAD_REQUEST, "Invalid format parameter: json or protobuf\n").into_response();
    };
    let token = token(&parts.headers, &asked);
    let Some(user) = keeper.user(token) else {
        SocketStats::count(&keeper.shared.stats.tokens_refused, 1);
        if keeper.is_blameless(&parts.headers, token) {
            upgrades.excuse(Reject::SessionToken);
        } else {
            upgrades.refuse(Reject::SessionToken);
        }
        // What follows on this connection is another guess.
        return (StatusCode::UNAUTHORIZED, [(header::CONNECTION, "close")], REFUSED).into_response();
    };
    let status = asked.status;
    let (upgrade, answer) = match handshake::accept(&parts.headers, &mut parts.extensions) {
        Ok(accepted) => accepted,
        Err(NoHandshake::NotAsked) => return handshake::UPGRADE_REQUIRED.into_response(),
        Err(NoHandshake::NoConnection) => return StatusCode::BAD_REQUEST.into_response(),
    };
    if keeper.shared.registry.len() >= keeper.shared.config.sockets_max {
        SocketStats::count(&keeper.shared.stats.full, 1);
        return (StatusCode::SERVICE_UNAVAILABLE, "no more sockets on this server: try again later\n").into_response();
    }
    let mut session = [0; 16];
    if getrandom::fill(&mut session).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    // Version 4 of UUIDs.
    session[6] = session[6] & 0x0f | 0x40;
    session[8] = session[8] & 0x3f | 0x80;
    let session = SessionId(session);
    tracing::trace!(%peer, "a socket opens");
    upgrades.hand_over(upgrade, move |guest| {
        // Full: the loop is behind, and this one is closed by that, before it has a session.
        if keeper.arrivals.try_send(Arrival { guest, session, user, format, status }).is_ok() {
            keeper.shared.wake();
        } else {
            SocketStats::count(&keeper.shared.stats.full, 1);
        }
    });
    answer.into_response()
}

pub(super) fn format(name: &str) -> Option<Format> {
    match name {
        "" | "json" => Some(Format::Json),
        "protobuf" => Some(Format::Protobuf),
        _ => None,
    }
}

/// The first of each name counts. `lang` is for messages that nothing writes yet.
pub(super) fn asked(query: &str) -> Asked<'_> {
    let mut asked = Asked::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "token" if asked.token.is_empty() => asked.token = value,
            "format" if asked.format.is_empty() => asked.format = value,
            "status" => asked.status |= matches!(&*value, "1" | "t" | "T" | "true" | "TRUE" | "True"),
            _ => {}
        }
    }
    asked
}

impl std::fmt::Debug for Gatekeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gatekeeper")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_as_sdks_write_them() {
        let all = asked("lang=en&status=true&token=a.b-c_d&format=protobuf");
        assert_eq!(all, Asked { token: "a.b-c_d".into(), format: "protobuf".into(), status: true });
        assert_eq!(asked(""), Asked::default());
        assert_eq!(asked("token=%2B+x&status=false&token=other"), Asked { token: "+ x".into(), ..Asked::default() });
        assert_eq!(asked("status=yes&&=&x"), Asked::default());
        assert!(format("xml").is_none() && format("JSON").is_none());
    }
}
