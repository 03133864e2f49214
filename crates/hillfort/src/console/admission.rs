//! Who asks, and whether they may: the session's cookie, the key of commands on this machine, or development mode. Holds each request
//! against its row of the table and has changes written to the audit log. Knows nothing of what a route does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderMap};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hillfort_social::limits::source;
use hillfort_store::Role;
use tokio::task::{JoinError, JoinHandle};

use super::api::State;
use super::client::{Client, is_local};
use super::gate::Peer;
use super::guests::Guest;
use super::places::Place;
use super::routes::{Needs, Row};
use super::sessions::Token;
use super::told::{Note, Refusal};

/// Who a person at a server in development mode is.
pub(super) const DEVELOPMENT: &str = "development";
/// Who a command on this machine is.
pub(crate) const COMMAND: &str = "command line";

/// Who a stranger is whose sign-in failed.
pub(super) const NOBODY: &str = "nobody";

/// Requests of one client behind a proxy that are under way: the door sees only the proxy's connections.
pub(super) const OF_CLIENT_MAX: usize = 8;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) from: IpAddr,
    /// Their session, when they signed in.
    pub(super) token: Option<Token>,
}

/// Lets a request through to its handler, or refuses it. What changes something is written down with its outcome, also when the asker
/// goes before the answer.
pub(super) async fn admit(
    Shared((state, row)): Shared<(State, &'static Row)>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(guest): Extension<Arc<Guest>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer.ip().to_canonical();
    let client = Client::of(peer, request.headers(), &state.settings.proxies);
    let Client(from) = client;
    let actor = find(&state, request.headers(), peer, from, Instant::now());
    if actor.is_some() {
        guest.is_vouched_for();
    }
    let refusal = match (row.needs, &actor) {
        (Needs::Nothing, _) => None,
        // Not written down: strangers could fill the log.
        (_, None) => return Refusal::new(StatusCode::UNAUTHORIZED, "sign in first").into_response(),
        (Needs::SignIn, Some(_)) => None,
        (Needs::Role(role), Some(actor)) if actor.role < role => {
            let text = format!("this takes the role {}, yours is {}", role.name(), actor.role.name());
            Some(Refusal::new(StatusCode::FORBIDDEN, text))
        }
        (Needs::Role(_), Some(_)) => None,
    };
    // Who is refused again and again does not push lines out of the log.
    let is_written = refusal.is_none() || actor.as_ref().is_some_and(|actor| state.door.is_refusal_written(&actor.name));
    // What is refused for all, or by the route itself, is written in the name of nobody who happens to be signed in.
    let name = actor.as_ref().filter(|_| is_written && row.needs != Needs::Nothing).map(|actor| actor.name.clone());
    let needs = row.needs;
    let _until_answered = match place(&state, peer, from) {
        Ok(place) => place,
        Err(refusal) => return refusal.into_response(),
    };
    request.extensions_mut().insert(client);
    if let Some(actor) = actor {
        request.extensions_mut().insert(actor);
    }
    let Some(action) = row.action else {
        return match refusal {
            Some(refusal) => refusal.into_response(),
            None => within(&mut tokio::spawn(next.run(request)), state.settings.patience)
                .await
                .unwrap_or_else(|Late| Refusal::new(StatusCode::GATEWAY_TIMEOUT, "that took too long").into_response()),
        };
    };
    let work = tokio::spawn(async move {
        let written = Written { state, from, action, needs, name };
        let Some(refusal) = refusal else {
            let mut answer = tokio::spawn(next.run(request));
            return match within(&mut answer, written.state.settings.patience).await {
                Ok(response) => written.with(response).await,
                // It goes on, and is written down again as what it came to.
                Err(Late) => {
                    let response = written.unknown().await;
                    tokio::spawn(async move { written.with(ended(answer.await)).await });
                    response
                }
            };
        };
        written.with(refusal.into_response()).await
    });
    work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// What the audit log has of a request, whatever comes of it.
struct Written {
    state: State,
    from: IpAddr,
    action: &'static str,
    needs: Needs,
    /// Who asked, unless the log is not to have it.
    name: Option<String>,
}

impl Written {
    /// Writes down what an answer says.
    async fn with(&self, mut response: Response) -> Response {
        let mut note = response.extensions_mut().remove::<Note>().unwrap_or_default();
        // Nor does who is refused by a route that is everybody's: a wrong password, say.
        let is_denied = self.needs == Needs::SignIn && response.status().is_client_error();
        let name = self.name.clone().filter(|name| !is_denied || self.state.door.is_refusal_written(name));
        if let Some(actor) = note.actor.take().or(name) {
            self.state.audit.write(&actor, self.from, self.action, response.status(), note).await;
        }
        response
    }

    /// Writes down that nobody knows yet, and says so.
    async fn unknown(&self) -> Response {
        let text = format!(
            "that takes longer than {} s, and may be done yet: the audit log will say",
            self.state.settings.patience.as_secs()
        );
        let outcome = Some("unknown: it takes long, and may be done yet; a later line says what came of it".to_owned());
        if let Some(name) = &self.name {
            let note = Note { outcome, ..Note::default() };
            self.state.audit.write(name, self.from, self.action, StatusCode::GATEWAY_TIMEOUT, note).await;
        }
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, text).into_response()
    }
}

/// A place for a request of a client behind a proxy, until it is answered.
fn place(state: &State, peer: IpAddr, from: IpAddr) -> Result<Option<Place<u64>>, Refusal> {
    if from == peer {
        return Ok(None);
    }
    let place = state.under_way.take(source(from), OF_CLIENT_MAX);
    place.map(Some).ok_or_else(|| Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many of your requests are under way"))
}

/// The request's body or what it asks for takes too long. It goes on.
struct Late;

/// The answer, unless it is late.
async fn within(answer: &mut JoinHandle<Response>, patience: Duration) -> Result<Response, Late> {
    tokio::time::timeout(patience, answer).await.map(ended).map_err(|_| Late)
}

/// The answer, also of a handler that panicked.
fn ended(answer: Result<Response, JoinError>) -> Response {
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Who asks, over a connection of `peer`, and from where.
fn find(state: &State, headers: &HeaderMap, peer: IpAddr, from: IpAddr, now: Instant) -> Option<Actor> {
    if let Some(token) = cookie(headers, &state.cookie)
        && let Some(session) = state.sessions.find(&token, now)
    {
        return Some(Actor { name: session.name, role: session.role, from, token: Some(token) });
    }
    let key = headers.get(AUTHORIZATION).and_then(|given| given.to_str().ok()?.strip_prefix("Bearer "));
    let name = if key.is_some_and(|key| state.settings.key.is(key)) {
        COMMAND
    } else if state.settings.development && is_local(peer, headers, &state.settings.proxies) {
        DEVELOPMENT
    } else {
        return None;
    };
    Some(Actor { name: name.to_owned(), role: Role::Administrator, from, token: None })
}

/// The token in the cookie of this name.
fn cookie(headers: &HeaderMap, name: &str) -> Option<Token> {
    let lists = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = lists.flat_map(|list| list.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find_map(|(found, value)| (found == name).then(|| Token::read(value)).flatten())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let digits = "0123456789abcdef".repeat(4);
        let check = |lists: &[&str], expect: bool| {
            let lists = lists.iter().map(|list| (COOKIE, HeaderValue::from_bytes(list.as_bytes()).unwrap()));
            let mut headers = HeaderMap::new();
            lists.for_each(|(name, value)| {
                headers.append(name, value);
            });
            assert_eq!(cookie(&headers, "hillfort_1").map(|token| token.text()), expect.then(|| digits.clone()), "{headers:?}");
        };
        check(&[], false);
        check(&[&format!("hillfort_1={digits}")], true);
        check(&[&format!("a=b; hillfort_1={digits};c")], true);
        check(&["x=1", &format!("hillfort_1={digits}")], true);
        check(&[&format!("hillfort_1=; hillfort_1={digits}")], true);
        check(&[&format!("hillfort_2={digits}; xhillfort_1={digits}")], false);
        check(&["hillfort_1=zz", "=", ";;;", "\u{ff}"], false);
    }
}
