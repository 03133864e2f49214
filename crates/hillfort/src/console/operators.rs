//! Operators as administrators see them: made, changed and removed. A password is made by the server and shown once. Knows nothing of how
//! they sign in.

use std::sync::Arc;

use axum::extract::{Extension, Path, State as Shared};
use axum::{Json, http::StatusCode};
use hillfort_store::{Operator, OperatorUpdate, Role};
use serde::Deserialize;
use serde_json::{Value, json};

use super::admission::{Actor, COMMAND, DEVELOPMENT, NOBODY};
use super::api::State;
use super::sign_in::{NAME_MAX, hashed, now_ms};
use super::told::{Note, Noted, Refusal, Told, done};

/// Operators at most: lists of the store are bounded.
const OPERATORS_MAX: usize = 1_000;
/// Letters of a password that is made: none that looks like another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789_";
/// Of these, so many: 100 bits.
const PASSWORD_LETTERS: usize = 20;

/// A password that nobody can guess.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn new_password() -> std::io::Result<String> {
    let mut bytes = [0; PASSWORD_LETTERS];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect())
}

/// Names that the audit log gives to who is no operator.
const RESERVED: [&str; 4] = [DEVELOPMENT, COMMAND, NOBODY, "server"];

/// Whether an operator may have this name.
///
/// # Errors
/// Why not, for the person who chose it.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let bad = name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) || name.trim() != name;
    if bad {
        return Err(format!("a name has 1 to {NAME_MAX} bytes, none of them a control character, and no space around it"));
    }
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(format!("{name} is what the audit log calls who is no operator: choose another name"));
    }
    Ok(())
}

fn shown(operator: &Operator) -> Value {
    json!({ "name": operator.name, "role": operator.role, "created": operator.create_time, "updated": operator.update_time })
}

/// `GET /api/operators`.
pub(super) async fn list(Shared(state): Shared<State>) -> Told {
    let operators = Arc::clone(&state.office.store.operators);
    let all = state.office.run(async move { operators.list().await }).await??;
    Ok(Json(json!({ "operators": all.iter().map(shown).collect::<Vec<_>>() })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    role: Role,
}

/// `POST /api/operators`: the answer has the password.
pub(super) async fn create(Shared(state): Shared<State>, Json(New { name, role }): Json<New>) -> Noted {
    let note = Note::about(name.clone()).with("role", role.name());
    note.told(make(&state, name, role).await)
}

async fn make(state: &State, name: String, role: Role) -> Told {
    check_name(&name).map_err(Refusal::invalid)?;
    let password = password()?;
    let hash = hashed(state, &password).await?;
    let operators = Arc::clone(&state.office.store.operators);
    let made = state.office.run(async move {
        if operators.list().await?.len() >= OPERATORS_MAX {
            return Ok(None);
        }
        operators.create(name, role, hash, now_ms()).await.map(Some)
    });
    match made.await?? {
        Some(made) => Ok(Json(json!({ "operator": shown(&made), "password": password }))),
        None => Err(Refusal::new(StatusCode::CONFLICT, format!("there are {OPERATORS_MAX} operators already"))),
    }
}

fn password() -> Result<String, Refusal> {
    new_password().map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the system gives no randomness"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changed {
    role: Option<Role>,
    /// Whether a new password is made.
    #[serde(default)]
    password: bool,
}

/// `POST /api/operators/{name}`: its sessions end.
pub(super) async fn update(Shared(state): Shared<State>, Path(name): Path<String>, Json(changed): Json<Changed>) -> Noted {
    let role = changed.role.map(Role::name);
    let note = Note::about(name.clone()).with("role", role).with("password", changed.password);
    note.told(change(&state, name, changed).await)
}

async fn change(state: &State, name: String, changed: Changed) -> Told {
    let password = changed.password.then(password).transpose()?;
    let hash = match &password {
        Some(password) => Some(hashed(state, password).await?),
        None => None,
    };
    if changed.role.is_none() && hash.is_none() {
        return Err(Refusal::invalid("nothing is to be changed"));
    }
    let operators = Arc::clone(&state.office.store.operators);
    let (asked, update) = (name.clone(), OperatorUpdate { role: changed.role, password_hash: hash });
    let operator = state.office.run(async move { operators.update(asked, update, now_ms()).await }).await??;
    state.sessions.end_of(&name, None);
    Ok(Json(json!({ "operator": shown(&operator), "password": password })))
}

/// `DELETE /api/operators/{name}`.
pub(super) async fn delete(Shared(state): Shared<State>, Extension(actor): Extension<Actor>, Path(name): Path<String>) -> Noted {
    let note = Note::about(name.clone());
    if actor.name == name {
        return note.told(Err(Refusal::new(StatusCode::CONFLICT, "nobody removes themselves: another administrator does")));
    }
    let (operators, asked) = (Arc::clone(&state.office.store.operators), name.clone());
    let told = match state.office.run(async move { operators.delete(asked).await }).await {
        Ok(Ok(())) => {
            state.sessions.end_of(&name, None);
            Ok(done())
        }
        Ok(Err(error)) => Err(error.into()),
        Err(refusal) => Err(refusal),
    };
    note.told(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_made_of_letters_that_can_be_told_apart() {
        let (one, two) = (new_password().unwrap(), new_password().unwrap());
        assert!(one != two && one.len() == PASSWORD_LETTERS);
        assert!(!LETTERS.iter().any(|letter| b"ilo01".contains(letter)));
        let mut letters = LETTERS.to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 32);
    }
}
