//! Storage objects, and several changes at once.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError, Values};

use super::accounts::{each, update_of};
use super::check::{Fields, optional_id, wrong};
use super::wallets::{result_table, update_of as wallet_of};
use super::{Function, Outcome, Runs, number, one, row, text};
use crate::backend::{Answer, Ask, MultiUpdate, ObjectAck, ObjectDelete, ObjectKey, ObjectQuery, ObjectWrite, StorageObject};
use crate::desk::{Desk, Want};
use crate::id::{Id, id_to_text};
use crate::json;

/// The owner of the server's own objects, as text.
const NOBODY: Id = [0; 16];

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "storage_list",
        "user_id, collection, limit, cursor = nil, caller_id = nil",
        "objects, cursor",
        "A page of a collection. `user_id` `nil`: anybody's; `caller_id`: whose permissions count.",
        Runs::Elsewhere("StorageList", storage_list),
    ),
    row(
        "storage_read",
        "keys",
        "objects",
        "Objects by `collection`, `key`, `user_id`; those that are not there are left out.",
        Runs::Elsewhere("StorageRead", storage_read),
    ),
    row(
        "storage_write",
        "objects",
        "acks",
        "Writes objects with `collection`, `key`, `user_id`, `value` (a table), `version`, `permission_read`, `permission_write`; all or none.",
        Runs::Elsewhere("StorageWrite", storage_write),
    ),
    row(
        "storage_write_behind",
        "objects",
        "",
        "Hillfort's own: the same for values that change many times a second, without waiting. Each object is written at most once in 200 ms, with its newest value, each for itself, and after what `storage_write` or `storage_delete` does to it meanwhile; a `version` cannot be expected.",
        Runs::Elsewhere("StorageWriteBehind", storage_write_behind),
    ),
    row(
        "storage_delete",
        "keys",
        "",
        "Deletes objects; with a `version` only that one; all or none.",
        Runs::Elsewhere("StorageDelete", storage_delete),
    ),
    row(
        "multi_update",
        "accounts, writes, deletes, wallets, ledger = false",
        "acks, wallets",
        "Changes accounts, storage and wallets together; all or none.",
        Runs::Elsewhere("MultiUpdate", multi_update),
    ),
];

fn key(fields: &Fields<'_>) -> Result<ObjectKey, HostError> {
    let user_id = fields.id("user_id")?.filter(|id| *id != NOBODY);
    Ok(ObjectKey { collection: fields.needed("collection")?, key: fields.needed("key")?, user_id })
}

fn read_key(data: &Data, place: usize) -> Result<ObjectKey, HostError> {
    key(&Fields::new(data, place, "expects a valid set of keys")?)
}

fn read_write(data: &Data, place: usize) -> Result<ObjectWrite, HostError> {
    let fields = Fields::new(data, place, "expects a valid set of data")?;
    let permission = |name: &str| -> Result<i32, HostError> {
        i32::try_from(fields.integer(name)?.unwrap_or(1))
            .map_err(|_| wrong(place, &format!("expects {name} to be a small number")))
    };
    Ok(ObjectWrite {
        key: key(&fields)?,
        value: fields.object("value")?.ok_or_else(|| wrong(place, "expects value to be supplied"))?,
        version: fields.filled("version")?.unwrap_or_default(),
        permission_read: permission("permission_read")?,
        permission_write: permission("permission_write")?,
    })
}

fn read_delete(data: &Data, place: usize) -> Result<ObjectDelete, HostError> {
    let fields = Fields::new(data, place, "expects a valid set of object IDs")?;
    Ok(ObjectDelete { key: key(&fields)?, version: fields.filled("version")?.unwrap_or_default() })
}

fn needed<T>(
    arguments: &Arguments,
    what: &str,
    read: impl Fn(&Data, usize) -> Result<T, HostError>,
) -> Result<Vec<T>, HostError> {
    if arguments.is_nil(1) {
        return Err(wrong(1, what));
    }
    each(arguments, 1, what, read)
}

fn owner(id: Option<Id>) -> Data {
    text(id_to_text(&id.unwrap_or(NOBODY)))
}

fn object_table(object: StorageObject) -> Data {
    Data::map([
        ("collection", text(object.key.collection)),
        ("key", text(object.key.key)),
        ("user_id", owner(object.key.user_id)),
        ("version", text(object.version)),
        ("permission_read", number(object.permission_read.into())),
        ("permission_write", number(object.permission_write.into())),
        ("create_time", number(object.create_time)),
        ("update_time", number(object.update_time)),
        ("value", json::object(&object.value)),
    ])
}

fn objects_table(objects: Vec<StorageObject>) -> Data {
    Data::List(objects.into_iter().map(object_table).collect())
}

fn ack_table(ack: ObjectAck) -> Data {
    Data::map([
        ("collection", text(ack.key.collection)),
        ("key", text(ack.key.key)),
        ("user_id", owner(ack.key.user_id)),
        ("version", text(ack.version)),
    ])
}

fn storage_list(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let limit = u32::try_from(arguments.integer(3)?).map_err(|_| wrong(3, "limit must not be negative"))?;
    let query = ObjectQuery {
        user_id: optional_id(arguments, 1, "expects empty or a valid user ID")?,
        collection: arguments.optional_text(2)?.unwrap_or_default(),
        limit,
        cursor: arguments.optional_text(4)?.unwrap_or_default(),
        caller_id: optional_id(arguments, 5, "expects caller ID to be empty or a valid identifier")?,
    };
    Outcome::later(Want::ask(Ask::StorageList(query), "failed to list storage objects", |answer| match answer {
        Answer::ObjectList(list) => {
            let cursor = if list.cursor.is_empty() { Data::Nil } else { text(list.cursor) };
            Some(Ok(Values(vec![objects_table(list.objects), cursor])))
        }
        _ => None,
    }))
}

fn storage_read(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let keys = needed(arguments, "expects a valid set of keys", read_key)?;
    if keys.is_empty() {
        return Ok(Outcome::Now(one(Data::Map(Vec::new()))));
    }
    Outcome::later(Want::ask(Ask::StorageRead(keys), "failed to read storage objects", |answer| match answer {
        Answer::Objects(objects) => Some(Ok(one(objects_table(objects)))),
        _ => None,
    }))
}

fn storage_write(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let writes = needed(arguments, "expects a valid set of data", read_write)?;
    charge.bytes(writes.iter().map(|write| write.value.len() * 4).sum());
    if writes.is_empty() {
        return Ok(Outcome::Now(one(Data::Map(Vec::new()))));
    }
    Outcome::later(Want::ask(Ask::StorageWrite(writes), "failed to write storage objects", |answer| match answer {
        Answer::Acks(acks) => Some(Ok(one(Data::List(acks.into_iter().map(ack_table).collect())))),
        _ => None,
    }))
}

fn storage_write_behind(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let writes = needed(arguments, "expects a valid set of data", read_write)?;
    charge.bytes(writes.iter().map(|write| write.value.len()).sum());
    if writes.is_empty() {
        return Ok(Outcome::Now(Values::default()));
    }
    Outcome::later(Want::ask(Ask::StorageWriteBehind(writes), "failed to write storage objects", Want::nothing))
}

fn storage_delete(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let deletes = needed(arguments, "expects a valid set of object IDs", read_delete)?;
    if deletes.is_empty() {
        return Ok(Outcome::Now(Values::default()));
    }
    Outcome::later(Want::ask(Ask::StorageDelete(deletes), "failed to remove storage", Want::nothing))
}

fn multi_update(_: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let update = MultiUpdate {
        accounts: each(arguments, 1, "expects a valid set of account update data", update_of)?,
        writes: each(arguments, 2, "expects a valid set of storage data", read_write)?,
        deletes: each(arguments, 3, "expects a valid set of storage data", read_delete)?,
        wallets: each(arguments, 4, "expects a valid set of updates", wallet_of)?,
        ledger: arguments.flag_or(5, false)?,
    };
    charge.bytes(update.writes.iter().map(|write| write.value.len() * 4).sum());
    Outcome::later(Want::ask(Ask::MultiUpdate(update), "error running multi update", |answer| match answer {
        Answer::Multi(done) => {
            let list = |list: Vec<Data>| if list.is_empty() { Data::Nil } else { Data::List(list) };
            let acks = list(done.acks.into_iter().map(ack_table).collect());
            Some(Ok(Values(vec![acks, list(done.wallets.iter().map(result_table).collect())])))
        }
        _ => None,
    }))
}
