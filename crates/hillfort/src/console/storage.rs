//! What games keep, as operators see it: collections, objects, and a way to write and delete one. Permissions do not bind operators; versions
//! do, so that nobody writes over what changed meanwhile.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as Shared};
use hillfort_store::{
    Caller, DeleteObject, Expect, ListObjects, Object, ObjectId, ReadPermission, UserId, WriteObject, WritePermission,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::State;
use super::sign_in::now_ms;
use super::told::{Note, Noted, Refusal, Told, done};

/// Objects on a page: each may have a megabyte.
const PAGE: usize = 20;
/// Characters of a value that a list shows.
const GLANCE_CHARS: usize = 120;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    after: Option<String>,
}

/// `GET /api/collections`: their names in byte order, after `after`.
pub(super) async fn collections(Shared(state): Shared<State>, Query(After { after }): Query<After>) -> Told {
    let objects = Arc::clone(&state.office.store.objects);
    let names = state.office.run(async move { objects.collections(after).await }).await??;
    let more = names.len() == hillfort_store::BATCH_MAX;
    Ok(Json(json!({ "collections": names, "more": more })))
}

/// Which objects.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    collection: String,
    /// Whose; empty: everybody's.
    #[serde(default)]
    user: String,
    cursor: Option<String>,
}

/// `GET /api/objects`: a page of a collection, without the whole values.
pub(super) async fn list(Shared(state): Shared<State>, Query(Listed { collection, user, cursor }): Query<Listed>) -> Told {
    let user = if user.is_empty() { None } else { Some(owner(&user)?) };
    let objects = Arc::clone(&state.office.store.objects);
    let list = ListObjects { collection, user, limit: PAGE, cursor };
    let page = state.office.run(async move { objects.list(Caller::Server, list).await }).await??;
    let rows: Vec<_> = page.items.iter().map(glance).collect();
    Ok(Json(json!({ "objects": rows, "cursor": page.cursor })))
}

fn glance(object: &Object) -> Value {
    let value: String = object.value.chars().take(GLANCE_CHARS).collect();
    let mut row = shown(object);
    row["bytes"] = object.value.len().into();
    row["value"] = value.into();
    row
}

fn shown(object: &Object) -> Value {
    json!({
        "collection": object.id.collection, "key": object.id.key, "user": object.id.user, "value": object.value,
        "version": object.version, "read": object.read as u8, "write": object.write as u8,
        "created": object.create_time, "updated": object.update_time,
    })
}

fn owner(text: &str) -> Result<UserId, Refusal> {
    text.parse().map_err(|why| Refusal::invalid(format!("user: {why}")))
}

/// One object, and for a deletion the version that is known of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    collection: String,
    key: String,
    user: String,
    #[serde(default)]
    version: String,
}

/// `GET /api/object`.
pub(super) async fn view(Shared(state): Shared<State>, Query(named): Query<Named>) -> Told {
    let id = ObjectId::new(named.collection, named.key, owner(&named.user)?);
    let objects = Arc::clone(&state.office.store.objects);
    let found = state.office.run(async move { objects.read(Caller::Server, vec![id]).await }).await??;
    found.first().map(|object| Json(shown(object))).ok_or_else(|| Refusal::unknown("object"))
}

/// An object to write.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    collection: String,
    key: String,
    user: String,
    /// A JSON object, as text.
    value: String,
    /// Empty: whatever is there; `*`: nothing may be there; else the version that is.
    #[serde(default)]
    version: String,
    read: i64,
    write: i64,
}

/// `POST /api/object`.
pub(super) async fn write(Shared(state): Shared<State>, Json(written): Json<Written>) -> Noted {
    let note = about(&written.collection, &written.key, &written.user)
        .with("bytes", written.value.len())
        .with("version", written.version.clone());
    note.told(put(&state, written).await)
}

async fn put(state: &State, written: Written) -> Told {
    let id = ObjectId::new(written.collection, written.key, owner(&written.user)?);
    let write = WriteObject {
        id,
        value: written.value,
        expect: Expect::from_text(&written.version),
        read: ReadPermission::try_from(written.read)?,
        write: WritePermission::try_from(written.write)?,
    };
    let objects = Arc::clone(&state.office.store.objects);
    let acks = state.office.run(async move { objects.write(Caller::Server, vec![write], now_ms()).await }).await??;
    let version = acks.first().map(|ack| ack.version.clone());
    Ok(Json(json!({ "ok": true, "version": version })))
}

/// `DELETE /api/object`.
pub(super) async fn delete(Shared(state): Shared<State>, Query(named): Query<Named>) -> Noted {
    let note = about(&named.collection, &named.key, &named.user).with("version", named.version.clone());
    note.told(remove(&state, named).await)
}

async fn remove(state: &State, named: Named) -> Told {
    let id = ObjectId::new(named.collection, named.key, owner(&named.user)?);
    let delete = DeleteObject { id: id.clone(), expect: Expect::from_text(&named.version) };
    let objects = Arc::clone(&state.office.store.objects);
    let removed = state.office.run(async move {
        // The server may delete what is not there; a person wants to know.
        if objects.read(Caller::Server, vec![id]).await?.is_empty() {
            return Ok(false);
        }
        objects.delete(Caller::Server, vec![delete]).await.map(|()| true)
    });
    if removed.await?? { Ok(done()) } else { Err(Refusal::unknown("object")) }
}

fn about(collection: &str, key: &str, user: &str) -> Note {
    Note::about(format!("{collection}/{key}")).with("user", user)
}
