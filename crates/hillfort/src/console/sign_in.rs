//! Signing in and out, one's own password, and limits of guesses. Owns the cookie; sessions are [`super::sessions`]', hashes the store's.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::http::header::{HeaderMap, ORIGIN, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use hillfort_guard::IpNet;
use hillfort_social::limits::{Allowance, Limits, TryAgainIn, source};
use hillfort_social::passwords::{Checked, PASSWORD_MAX, PasswordCost, Passwords};
use hillfort_store::{Operator, OperatorUpdate, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::admission::{Actor, NOBODY};
use super::api::State;
use super::client::{Client, is_local};
use super::feed::unix_ms;
use super::sessions::{SESSION_LIFE, Token};
use super::told::{Note, Refusal, Told, done};

/// Shortest password of an operator, characters.
const PASSWORD_MIN: usize = 10;
/// Longest name of an operator, bytes.
pub(super) const NAME_MAX: usize = 128;
/// Time between two looks whether those who are signed in still may be.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Guesses of one address.
const BY_ADDRESS: Allowance = Allowance::new(20, 10_000);
/// Guesses at one name from one address.
const BY_PAIR: Allowance = Allowance::new(5, 30_000);
/// Guesses at one name from all other machines together.
const BY_NAME: Allowance = Allowance::new(50, 20_000);
/// Failed sign-ins that the audit log has: at once, and one more a minute. Those beyond are only refused, so that nobody pushes lines out.
const WRITTEN: Allowance = Allowance::new(20, 60_000);
/// Changes refused to one operator for the role that the log has.
const REFUSED: Allowance = Allowance::new(60, 60_000);
/// Places for limits.
const LIMITED_MAX: usize = 1 << 14;

/// What the audit log has for a name that no operator has.
const STRANGER: &str = "no operator";

const ADDRESS: u8 = 1;
const PAIR: u8 = 2;
const NAME: u8 = 3;
const LINES: u8 = 4;
const REFUSALS: u8 = 5;

/// What passwords are checked with.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) passwords: Passwords,
    limits: Limits,
}

impl Door {
    /// # Errors
    /// The cost of a password is none, or the system gives no thread.
    pub(super) fn new(cost: &PasswordCost) -> Result<Self, String> {
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|why| why.to_string())?;
        let seed = u128::from_ne_bytes(seed);
        let passwords = Passwords::start(&PasswordCost { threads: 1, queue: 8, ..cost.clone() })?;
        Ok(Self { passwords, limits: Limits::new(LIMITED_MAX, ((seed >> 64) as u64, seed as u64)) })
    }

    /// Charges a guess, before the password is looked at: a hundred at once find no gap.
    fn guess(&self, name: &str, from: Origin, now_ms: i64) -> Result<(), TryAgainIn> {
        let (limits, source) = (&self.limits, (source(from.address), from.local));
        limits.take(&(ADDRESS, source), BY_ADDRESS, now_ms)?;
        limits.take(&(PAIR, name, source), BY_PAIR, now_ms)?;
        // Whoever sits at the machine is not kept out by guesses from elsewhere.
        if from.local { Ok(()) } else { limits.take(&(NAME, name), BY_NAME, now_ms) }
    }

    /// It was right, or nobody looked: nothing is charged. Once for each guess.
    fn put_back(&self, name: &str, from: Origin, now_ms: i64) {
        let (limits, source) = (&self.limits, (source(from.address), from.local));
        limits.put_back(&(ADDRESS, source), BY_ADDRESS, now_ms);
        limits.put_back(&(PAIR, name, source), BY_PAIR, now_ms);
        if !from.local {
            limits.put_back(&(NAME, name), BY_NAME, now_ms);
        }
    }

    /// Whether a change that was refused to an operator is written there.
    pub(super) fn is_refusal_written(&self, name: &str) -> bool {
        self.limits.take(&(REFUSALS, name), REFUSED, now_ms()).is_ok()
    }

    /// Whether a failed sign-in is written to the audit log.
    fn is_written(&self, now_ms: i64) -> bool {
        self.limits.take(&LINES, WRITTEN, now_ms).is_ok()
    }
}

/// From where somebody signs in.
#[derive(Debug, Clone, Copy)]
struct Origin {
    address: IpAddr,
    /// At this machine, and not through a proxy on it.
    local: bool,
}

impl Origin {
    fn of(address: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        Self { address, local: is_local(address, headers, proxies) }
    }
}

/// A name and its password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    name: String,
    password: String,
}

/// `POST /api/sign-in`.
pub(super) async fn sign_in(
    Shared(state): Shared<State>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
    Json(Credentials { name, password }): Json<Credentials>,
) -> Response {
    let from = Origin::of(address, &headers, &state.settings.proxies);
    let begun = match check(&state, &headers, from, &name, &password).await {
        Ok(operator) => begin(&state, &operator).await.map(|token| (operator, token)),
        Err(refusal) => Err(refusal),
    };
    match begun {
        Ok((operator, token)) => {
            let note = Note { actor: Some(name), ..Note::default() };
            signed_in(&state, &headers, &token, note, &operator)
        }
        Err(refusal) => {
            let guessed = refusal.status == StatusCode::UNAUTHORIZED;
            let written = guessed && state.door.is_written(now_ms());
            // Whoever mixes the fields up types a password for a name: only names of operators are written down.
            let subject = if written && is_operator(&state, &name).await { name } else { STRANGER.to_owned() };
            let note = Note { actor: written.then(|| NOBODY.to_owned()), ..Note::about(subject) };
            (Extension(note), refusal).into_response()
        }
    }
}

/// Signs an operator in as it was when its password was checked, unless it has changed since. Begun first and looked at then: a change that
/// comes now ends the session, one that came before is seen.
pub(super) async fn begin(state: &State, operator: &Operator) -> Result<Token, Refusal> {
    let token = state.sessions.begin(operator, Instant::now());
    let (operators, asked) = (state.office.store.operators.clone(), operator.name.clone());
    let refusal = match state.office.run(async move { operators.get(asked).await }).await {
        Ok(Ok(now)) if now.generation == operator.generation => return Ok(token),
        Ok(Ok(_) | Err(StoreError::NotFound(_))) => {
            Refusal::new(StatusCode::CONFLICT, "this operator was changed just now: sign in again")
        }
        Ok(Err(error)) => error.into(),
        Err(refusal) => refusal,
    };
    state.sessions.end(&token);
    Err(refusal)
}

async fn is_operator(state: &State, name: &str) -> bool {
    let (operators, asked) = (state.office.store.operators.clone(), name.to_owned());
    matches!(state.office.run(async move { operators.get(asked).await }).await, Ok(Ok(_)))
}

async fn check(state: &State, headers: &HeaderMap, from: Origin, name: &str, password: &str) -> Result<Operator, Refusal> {
    if !from.local && !is_https(headers) && !state.settings.plain_sign_in {
        let text = "the password would travel in the clear: come by HTTPS or an SSH tunnel, or set console.plain_sign_in = true";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    if name.is_empty() || name.len() > NAME_MAX || password.len() > PASSWORD_MAX {
        return Err(Refusal::invalid("a name and a password are needed"));
    }
    let too_many = |TryAgainIn(ms)| {
        let text = format!("too many failed sign-ins: try again in {} s", ms.max(1) / 1000 + 1);
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, text)
    };
    state.door.guess(name, from, now_ms()).map_err(too_many)?;
    let looked = look(state, name, password).await;
    // Only what was wrong is charged, once.
    if !matches!(&looked, Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED) {
        state.door.put_back(name, from, now_ms());
    }
    looked
}

/// The operator of this name and password. 401: there is none.
async fn look(state: &State, name: &str, password: &str) -> Result<Operator, Refusal> {
    let (operators, asked) = (state.office.store.operators.clone(), name.to_owned());
    let found = match state.office.run(async move { operators.get(asked).await }).await? {
        Ok(operator) => Some(operator),
        Err(StoreError::NotFound(_) | StoreError::Invalid(_)) => None,
        Err(error) => return Err(error.into()),
    };
    // A name that does not exist takes as long as one that does.
    let checked = checked(state, password, found.as_ref().map(|operator| operator.password_hash.as_str())).await?;
    match found {
        Some(operator) if checked != Checked::Wrong => Ok(operator),
        _ => Err(Refusal::new(StatusCode::UNAUTHORIZED, "wrong name or password")),
    }
}

async fn checked(state: &State, password: &str, hash: Option<&str>) -> Result<Checked, Refusal> {
    let busy = |busy| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("{busy}"));
    state.door.passwords.check(password, hash).await.map_err(busy)
}

/// Hashes a password that an operator is to have.
pub(super) async fn hashed(state: &State, password: &str) -> Result<String, Refusal> {
    if password.chars().count() < PASSWORD_MIN || password.len() > PASSWORD_MAX {
        return Err(Refusal::invalid(format!(
            "a password has {PASSWORD_MIN} characters at least, and {PASSWORD_MAX} bytes at most"
        )));
    }
    let busy = |busy| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("{busy}"));
    state.door.passwords.hash(password).await.map_err(busy)
}

/// `POST /api/sign-out`.
pub(super) async fn sign_out(Shared(state): Shared<State>, Extension(actor): Extension<Actor>) -> Response {
    actor.token.iter().for_each(|token| state.sessions.end(token));
    (cookie(&state, "", "Max-Age=0", false), done()).into_response()
}

/// `GET /api/me`: who asks, and what the page must know before anybody signs in.
pub(super) async fn me(Shared(state): Shared<State>, actor: Option<Extension<Actor>>) -> Json<Value> {
    let operator =
        actor.map(|Extension(actor)| json!({ "name": actor.name, "role": actor.role, "signedIn": actor.token.is_some() }));
    Json(json!({ "operator": operator, "development": state.settings.development }))
}

/// One's own password: the old one and the new one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    old: String,
    new: String,
}

/// `POST /api/password`: all other sessions of the operator end.
pub(super) async fn password(
    Shared(state): Shared<State>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    Json(NewPassword { old, new }): Json<NewPassword>,
) -> Response {
    let note = Note::about(actor.name.clone());
    let changed = match change(&state, &headers, &actor, &old, &new).await {
        Ok(operator) => begin(&state, &operator).await.map(|token| (operator, token)),
        Err(refusal) => Err(refusal),
    };
    match changed {
        Ok((operator, token)) => signed_in(&state, &headers, &token, note, &operator),
        Err(refusal) => (Extension(note), refusal).into_response(),
    }
}

async fn change(state: &State, headers: &HeaderMap, actor: &Actor, old: &str, new: &str) -> Result<Operator, Refusal> {
    if actor.token.is_none() {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "whoever has not signed in has no password"));
    }
    check(state, headers, Origin::of(actor.from, headers, &state.settings.proxies), &actor.name, old).await.map_err(
        |refusal| match refusal.status {
            // 401 would send the page to its sign-in.
            StatusCode::UNAUTHORIZED => Refusal::new(StatusCode::FORBIDDEN, "the old password is another one"),
            _ => refusal,
        },
    )?;
    let hash = hashed(state, new).await?;
    let (operators, name) = (state.office.store.operators.clone(), actor.name.clone());
    let update = OperatorUpdate { role: None, password_hash: Some(hash) };
    let operator = state.office.run(async move { operators.update(name, update, now_ms()).await }).await??;
    state.sessions.end_of(&operator.name, None);
    Ok(operator)
}

/// Whether a browser came by HTTPS, through a proxy: it says so of the page that asks.
fn is_https(headers: &HeaderMap) -> bool {
    headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

fn signed_in(state: &State, headers: &HeaderMap, token: &Token, note: Note, operator: &Operator) -> Response {
    let life = format!("Max-Age={}", SESSION_LIFE.as_secs());
    let told: Told = Ok(Json(json!({ "name": operator.name, "role": operator.role })));
    (cookie(state, &token.text(), &life, is_https(headers)), Extension(note), told).into_response()
}

/// The cookie's header. Browsers send cookies of one name to all ports of a machine, so its name has the port.
fn cookie(state: &State, value: &str, life: &str, secure: bool) -> [(axum::http::HeaderName, HeaderValue); 1] {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict; {life}{secure}", state.cookie);
    [(SET_COOKIE, HeaderValue::try_from(text).expect("digits and names are header text"))]
}

pub(super) fn now_ms() -> i64 {
    i64::try_from(unix_ms()).unwrap_or(i64::MAX)
}

/// Ends sessions of operators who were changed or removed from elsewhere: by a command, or by another server on the same store.
pub(super) async fn look_after(state: &State) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        every.tick().await;
        for name in state.sessions.names() {
            let (operators, asked) = (state.office.store.operators.clone(), name.clone());
            match state.office.run(async move { operators.get(asked).await }).await {
                Ok(Ok(operator)) => state.sessions.end_of(&name, Some(operator.generation)),
                Ok(Err(StoreError::NotFound(_))) => state.sessions.end_of(&name, None),
                // While the store is away, whoever is in stays in.
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_limited_by_name_and_address() {
        let door = Door::new(&PasswordCost { memory_kib: 8, passes: 1, threads: 1, queue: 1 }).unwrap();
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        let of = |address| Origin::of(address, &HeaderMap::new(), &[]);
        let guesses = |name: &str, from: IpAddr| {
            let from = of(from);
            (0..1_000).take_while(|_| door.guess(name, from, 0).is_ok()).count()
        };
        assert_eq!(guesses("anna", address(1)), 5, "at one name from one address");
        assert_eq!(guesses("ben", address(1)), 5);
        assert_eq!((3..255).map(|n| guesses("anna", address(n))).sum::<usize>(), 45, "at one name from everywhere");
        assert_eq!(guesses("anna", IpAddr::from([127, 0, 0, 1])), 5, "but not from the machine itself");
        let names = (0..100).filter(|n| door.guess(&format!("o{n}"), of(address(2)), 0).is_ok()).count();
        assert_eq!(names, 20, "from one address, whatever the names");
        assert!(door.guess("carl", of(address(9)), 0).is_ok());
        assert_eq!((0..1_000).take_while(|_| door.is_written(0)).count(), 20);
        for _ in 0..100 {
            door.guess("dora", of(address(77)), 1_000_000).unwrap();
            door.put_back("dora", of(address(77)), 1_000_000);
        }
    }
}
