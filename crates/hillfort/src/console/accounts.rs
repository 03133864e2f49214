//! Accounts of players as operators see them: searched, shown, edited, banned, exported, erased. What each of these means is
//! `hillfort-social`'s; how it is kept, the store's.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State as Shared};
use axum::http::StatusCode;
use hillfort_api::ApiError;
use hillfort_social::Social;
use hillfort_store::{Account, AccountFilter, AccountUpdate, Identity, IdentityKind, Page, Role, StoreError, UserId};
use serde::Deserialize;
use serde_json::json;

use super::admission::Actor;
use super::api::{State, reason};
use super::sign_in::now_ms;
use super::told::{Note, Noted, Refusal, Told, done};

/// Accounts on a page.
const PAGE: usize = 50;
/// Longest ban that ends: a hundred years.
const BAN_SECONDS_MAX: u64 = 100 * 366 * 24 * 3600;

/// What to look for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    by: By,
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

/// By what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    /// An id, an address, a device, or how a name begins.
    #[default]
    Any,
    /// The id of the account.
    Id,
    /// How the username begins.
    Name,
    /// An address, a device, an id with another service.
    Identity,
    /// Those with a ban.
    Banned,
}

/// `GET /api/accounts`.
pub(super) async fn search(
    Shared(state): Shared<State>,
    Extension(actor): Extension<Actor>,
    Query(wanted): Query<Wanted>,
) -> Told {
    let accounts = Arc::clone(&state.office.store.accounts);
    let found = state.office.run(async move {
        let Wanted { by, q, cursor } = wanted;
        let (begins, is_first) = (AccountFilter::UsernamePrefix(q.clone()), cursor.is_none());
        let by_id = async |q: &str| match q.parse::<UserId>() {
            Ok(id) => accounts.get_many(vec![id]).await,
            Err(_) => Ok(Vec::new()),
        };
        let page = match by {
            By::Id => return by_id(&q).await.map(|items| Page { items, cursor: None }),
            By::Any if q.is_empty() => accounts.list(AccountFilter::All, PAGE, cursor).await?,
            By::Name | By::Any => accounts.list(begins, PAGE, cursor).await?,
            By::Identity => accounts.list(of_identity(&q), PAGE, cursor).await?,
            By::Banned => accounts.list(AccountFilter::Banned, PAGE, cursor).await?,
        };
        if by != By::Any || q.is_empty() || !is_first {
            return Ok(page);
        }
        // What is meant exactly comes first.
        let mut items = by_id(&q).await?;
        items.extend(accounts.list(of_identity(&q), PAGE, None).await?.items);
        for account in page.items {
            if items.iter().all(|other| other.id != account.id) {
                items.push(account);
            }
        }
        Ok::<_, StoreError>(Page { items, cursor: page.cursor })
    });
    let Page { items, cursor } = found.await??;
    let now = now_ms();
    let rows = items.iter().map(|account| {
        json!({
            "id": account.id, "username": account.username, "name": account.display_name, "created": account.create_time,
            "identities": identities(&account.identities, &actor), "ban": account.ban, "banned": account.is_banned(now),
        })
    });
    let rows: Vec<_> = rows.collect();
    Ok(Json(json!({ "accounts": rows, "cursor": cursor })))
}

/// How they are shown: who knows an id of a device, or one of the studio's own, signs in by it, so that only administrators see these whole.
fn identities(of: &[Identity], to: &Actor) -> Vec<Identity> {
    let is_secret = |kind| matches!(kind, IdentityKind::Device | IdentityKind::Custom) && to.role < Role::Administrator;
    let shown = |value: &String, kind| if is_secret(kind) { hidden(value) } else { value.clone() };
    of.iter().map(|identity| Identity { kind: identity.kind, value: shown(&identity.value, identity.kind) }).collect()
}

/// The end of it, enough to tell it from others.
pub(super) fn hidden(value: &str) -> String {
    let end = value.char_indices().rev().nth(3).filter(|_| value.len() > 8).map_or("", |(at, _)| &value[at..]);
    format!("\u{2026}{end}")
}

/// Addresses are kept in lower case, all else as it came.
fn of_identity(q: &str) -> AccountFilter {
    AccountFilter::Identity(if q.contains('@') { q.to_lowercase() } else { q.to_owned() })
}

pub(super) fn id(text: &str) -> Result<UserId, Refusal> {
    text.parse().ok().filter(|id: &UserId| !id.is_system()).ok_or_else(|| Refusal::unknown("account"))
}

pub(super) fn whom(id: UserId) -> hillfort_api::UserId {
    hillfort_api::UserId(id.0)
}

/// `GET /api/accounts/{id}`: the account, its wallet and where it is signed in.
pub(super) async fn view(Shared(state): Shared<State>, Extension(actor): Extension<Actor>, Path(text): Path<String>) -> Told {
    let id = id(&text)?;
    let (store, now) = (state.office.store.clone(), now_ms());
    let found = state.office.run(async move {
        let account = store.accounts.get(id).await?;
        let wallet = store.wallets.get(id).await?;
        Ok::<_, StoreError>((account, wallet, store.sessions.of_user(id, now).await?))
    });
    let (mut account, wallet, sessions) = found.await??;
    account.identities = identities(&account.identities, &actor);
    let sockets = state.office.social.sockets_of(whom(id));
    Ok(Json(json!({
        "account": account, "banned": account.is_banned(now), "wallet": wallet, "sessions": sessions, "sockets": sockets,
    })))
}

/// What of a profile is to change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    username: Option<String>,
    display_name: Option<String>,
    avatar_url: Option<String>,
    lang_tag: Option<String>,
    location: Option<String>,
    timezone: Option<String>,
    metadata: Option<String>,
}

/// `POST /api/accounts/{id}`.
pub(super) async fn edit(Shared(state): Shared<State>, Path(text): Path<String>, Json(edit): Json<Edit>) -> Noted {
    let Edit { username, display_name, avatar_url, lang_tag, location, timezone, metadata } = edit;
    let update = AccountUpdate { username, display_name, avatar_url, lang_tag, location, timezone, metadata };
    let fields = [
        ("username", &update.username),
        ("display_name", &update.display_name),
        ("avatar_url", &update.avatar_url),
        ("lang_tag", &update.lang_tag),
        ("location", &update.location),
        ("timezone", &update.timezone),
        ("metadata", &update.metadata),
    ];
    // What was typed may be personal or secret: the log has which fields, and how much.
    let given = fields.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let note = given.fold(Note::about(text.clone()), |note, (name, value)| note.with(name, format!("{} bytes", value.len())));
    note.told(change(&state, &text, update).await)
}

async fn change(state: &State, text: &str, update: AccountUpdate) -> Told {
    let id = id(text)?;
    if update == AccountUpdate::default() {
        return Err(Refusal::invalid("nothing is to be changed"));
    }
    let social = state.office.social.clone();
    let account: Account = state.office.run(async move { social.edit(whom(id), update).await }).await??;
    Ok(Json(json!({ "account": account })))
}

/// Why, and for how long.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ban {
    reason: String,
    /// `None` is for good.
    seconds: Option<u64>,
}

/// `POST /api/accounts/{id}/ban`: its sessions end, and whoever signs in learns why and until when.
pub(super) async fn ban(
    Shared(state): Shared<State>,
    Extension(actor): Extension<Actor>,
    Path(text): Path<String>,
    Json(Ban { reason: why, seconds }): Json<Ban>,
) -> Noted {
    let note = Note::about(text.clone()).with("reason", why.clone()).with("seconds", seconds);
    let checked = reason(&why).and_then(|why| {
        if seconds.is_some_and(|seconds| !(1..=BAN_SECONDS_MAX).contains(&seconds)) {
            return Err(Refusal::invalid(format!("a ban lasts 1 to {BAN_SECONDS_MAX} seconds, or for good")));
        }
        let until = seconds.map(|seconds| now_ms().saturating_add(i64::try_from(seconds * 1000).unwrap_or(i64::MAX)));
        Ok((why, until))
    });
    let told = match checked {
        Ok((why, until)) => {
            let by = actor.name;
            deed(&state, &text, |social, id| async move { social.ban(id, until, why, by).await }).await
        }
        Err(refusal) => Err(refusal),
    };
    note.told(told)
}

/// `POST /api/accounts/{id}/unban`.
pub(super) async fn unban(Shared(state): Shared<State>, Path(text): Path<String>) -> Noted {
    let told = deed(&state, &text, |social, id| async move { social.unban(id).await }).await;
    Note::about(text).told(told)
}

/// `POST /api/accounts/{id}/sign-out`: of all its sessions.
pub(super) async fn sign_out(Shared(state): Shared<State>, Path(text): Path<String>) -> Noted {
    let told = deed(&state, &text, |social, id| async move { social.sign_out(id, "signed out by an operator").await }).await;
    Note::about(text).told(told)
}

/// `DELETE /api/accounts/{id}`: the person and all that it owns are erased; that an operator did it is kept.
pub(super) async fn delete(Shared(state): Shared<State>, Extension(actor): Extension<Actor>, Path(text): Path<String>) -> Noted {
    let told = deed(&state, &text, |social, id| async move { social.erase(id, Some(actor.name)).await }).await;
    Note::about(text).told(told)
}

/// Where an export goes on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    cursor: Option<String>,
}

/// `POST /api/accounts/{id}/export`: a part of everything that is kept about the person.
pub(super) async fn export(Shared(state): Shared<State>, Path(text): Path<String>, Json(part): Json<Part>) -> Noted {
    Note::about(text.clone()).told(exported(&state, &text, part.cursor).await)
}

async fn exported(state: &State, text: &str, cursor: Option<String>) -> Told {
    let (id, social) = (id(text)?, state.office.social.clone());
    let person = state.office.run(async move { social.export(whom(id), cursor).await }).await??;
    let person = serde_json::to_value(person);
    Ok(Json(person.map_err(|why| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()))?))
}

/// Does something to a person that says nothing but that it is done.
async fn deed<F>(state: &State, text: &str, deed: impl FnOnce(Social, hillfort_api::UserId) -> F) -> Told
where
    F: Future<Output = Result<(), ApiError>> + Send + 'static,
{
    state.office.run(deed(state.office.social.clone(), whom(id(text)?))).await??;
    Ok(done())
}
