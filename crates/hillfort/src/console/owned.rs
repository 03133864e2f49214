//! What an account owns, and by what its player signs in, as administrators change them: a wallet with its ledger, identities taken away. What
//! either means is the store's and `hillfort-social`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State as Shared};
use hillfort_store::{IdentityKind, WalletChange};
use serde::Deserialize;
use serde_json::json;

use super::accounts::{hidden, id, whom};
use super::admission::Actor;
use super::api::{State, reason};
use super::sign_in::now_ms;
use super::told::{Note, Noted, Refusal, Told, done};

/// Lines of a ledger on a page.
const PAGE: usize = 50;
/// Largest change of one amount, and the largest amount that pages and scripts can tell apart from its neighbours: 2^53 - 1.
const AMOUNT_MAX: i64 = (1 << 53) - 1;
/// Names in one change.
const NAMES_MAX: usize = 16;

/// What is added to a wallet, or taken when below zero, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    changeset: BTreeMap<String, i64>,
    reason: String,
}

/// `POST /api/accounts/{id}/wallet`: the ledger has a line with the reason and who gave it.
pub(super) async fn change(
    Shared(state): Shared<State>,
    Extension(actor): Extension<Actor>,
    Path(text): Path<String>,
    Json(Change { changeset, reason: why }): Json<Change>,
) -> Noted {
    let amounts: Vec<_> = changeset.iter().take(NAMES_MAX).map(|(name, amount)| format!("{amount} {name}")).collect();
    let note = Note::about(text.clone()).with("changeset", amounts.join(", ")).with("reason", why.clone());
    note.told(changed(&state, &actor, &text, changeset, &why).await)
}

async fn changed(state: &State, actor: &Actor, text: &str, changeset: BTreeMap<String, i64>, why: &str) -> Told {
    let (user, why) = (id(text)?, reason(why)?);
    if !(1..=NAMES_MAX).contains(&changeset.len()) {
        return Err(Refusal::invalid(format!("a change has 1 to {NAMES_MAX} amounts")));
    }
    if changeset.values().any(|amount| *amount == 0 || !(-AMOUNT_MAX..=AMOUNT_MAX).contains(amount)) {
        return Err(Refusal::invalid(format!("each amount is a whole number up to {AMOUNT_MAX}, above zero or below")));
    }
    let metadata = json!({ "reason": why, "by": actor.name, "console": true }).to_string();
    let wallets = Arc::clone(&state.office.store.wallets);
    let change = WalletChange { user, changeset, metadata };
    let after = state.office.run(async move { wallets.apply(vec![change], true, now_ms()).await }).await??;
    Ok(Json(json!({ "wallet": after.first().map(|state| &state.updated) })))
}

/// Where a ledger goes on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    cursor: Option<String>,
}

/// `GET /api/accounts/{id}/ledger`: changes of the wallet, newest first.
pub(super) async fn ledger(Shared(state): Shared<State>, Path(text): Path<String>, Query(Part { cursor }): Query<Part>) -> Told {
    let (user, wallets) = (id(&text)?, Arc::clone(&state.office.store.wallets));
    let page = state.office.run(async move { wallets.ledger(user, PAGE, cursor).await }).await??;
    Ok(Json(json!({ "lines": page.items, "cursor": page.cursor })))
}

/// Which identity.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gone {
    kind: String,
    value: String,
}

/// `POST /api/accounts/{id}/unlink`: nobody signs in by it any more. Sessions that are there go on.
pub(super) async fn unlink(
    Shared(state): Shared<State>,
    Path(text): Path<String>,
    Json(Gone { kind, value }): Json<Gone>,
) -> Noted {
    let Some(kind) = IdentityKind::from_name(&kind) else {
        return Note::about(text).told(Err(Refusal::invalid("kind: there is no such way to sign in")));
    };
    // Who knows an id signs in by it where it is linked next.
    let note = Note::about(text.clone()).with("kind", kind.name()).with("value", hidden(&value));
    note.told(unlinked(&state, &text, kind, value).await)
}

async fn unlinked(state: &State, text: &str, kind: IdentityKind, value: String) -> Told {
    let (user, social) = (whom(id(text)?), state.office.social.clone());
    state.office.run(async move { social.unlink(user, kind, value).await }).await??;
    Ok(done())
}
