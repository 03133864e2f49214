//! Storage objects as players reach them: their own, and what others made public. Owns the checks and codes; permissions and versions are
//! the store's.

use std::collections::HashSet;

use hillfort_api::api::{
    DeleteStorageObjectsRequest, ListStorageObjectsRequest, ReadStorageObjectsRequest, StorageObject, StorageObjectAck,
    StorageObjectAcks, StorageObjectList, StorageObjects, WriteStorageObject, WriteStorageObjectsRequest,
};
use hillfort_api::{ApiError, Code, UserId};
use hillfort_store::{
    ANSWER_MAX, Ack, Caller, Conflict, DeleteObject, Expect, ListObjects, Object, ObjectId, ReadPermission, StoreError,
    WriteObject, WritePermission,
};

use crate::core::Core;
use crate::id::stored;
use crate::time::timestamp;
use crate::{checks, faults};

/// Longest collection or key, bytes.
const NAME_MAX: usize = 128;
/// Bytes of all values in one call.
const WRITE_MAX: usize = 4 << 20;

impl Core {
    /// `ReadStorageObjects`: those that are there and that the caller may read.
    pub(crate) async fn read_objects(
        &self,
        user: UserId,
        request: ReadStorageObjectsRequest,
    ) -> Result<StorageObjects, ApiError> {
        checks::batch("object_ids", &request.object_ids, self.config.payloads.batch)?;
        let mut ids = Vec::with_capacity(request.object_ids.len());
        for id in request.object_ids {
            named(&id.collection, &id.key)?;
            let owner = if id.user_id.is_empty() { UserId::default() } else { checks::user_id("user_id", &id.user_id)? };
            if owner == UserId::default() && !id.user_id.is_empty() {
                return Err(ApiError::invalid("user_id", "Invalid user ID - make sure user ID is a valid UUID."));
            }
            ids.push(ObjectId::new(id.collection, id.key, stored(owner)));
        }
        // Who names one object a thousand times gets it once.
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        if ids.is_empty() {
            return Ok(StorageObjects::default());
        }
        let objects = self.store.objects.read(Caller::User(stored(user)), ids).await.map_err(|error| match error {
            StoreError::TooLarge => {
                let text = format!("The objects have more than {ANSWER_MAX} bytes together: ask for fewer at a time.");
                ApiError::invalid("object_ids", text)
            }
            error => faults::store(error),
        })?;
        Ok(StorageObjects { objects: objects.into_iter().map(object).collect() })
    }

    /// `WriteStorageObjects`: the caller's own, all or none.
    pub(crate) async fn write_objects(
        &self,
        user: UserId,
        request: WriteStorageObjectsRequest,
    ) -> Result<StorageObjectAcks, ApiError> {
        checks::batch("objects", &request.objects, self.config.payloads.batch)?;
        let bytes: usize = request.objects.iter().map(|object| object.value.len()).sum();
        if bytes > WRITE_MAX {
            return Err(ApiError::invalid("objects", format!("objects have {bytes} bytes, at most {WRITE_MAX} are allowed.")));
        }
        let writes = request
            .objects
            .into_iter()
            .map(|object| write(user, object, self.config.payloads.object_bytes))
            .collect::<Result<Vec<_>, _>>()?;
        if writes.is_empty() {
            return Ok(StorageObjectAcks::default());
        }
        let acks = self.store.objects.write(Caller::User(stored(user)), writes, self.now_ms()).await;
        let acks = acks.map_err(|error| match error {
            StoreError::Conflict(Conflict::Version) => {
                ApiError::invalid("version", "Storage write rejected - version check failed.")
            }
            StoreError::Conflict(Conflict::Permission) => {
                ApiError::new(Code::InvalidArgument, "Storage write rejected - permission denied.")
            }
            StoreError::NotFound(_) => ApiError::new(Code::NotFound, "Account not found."),
            // All else was checked: what is left to the store is how deep a value is nested.
            StoreError::Invalid(why) => ApiError::invalid("value", why),
            error => faults::store(error),
        })?;
        Ok(StorageObjectAcks { acks: acks.into_iter().map(ack).collect() })
    }

    /// `DeleteStorageObjects`: the caller's own, all or none.
    pub(crate) async fn delete_objects(&self, user: UserId, request: DeleteStorageObjectsRequest) -> Result<(), ApiError> {
        checks::batch("object_ids", &request.object_ids, self.config.payloads.batch)?;
        let mut deletes = Vec::with_capacity(request.object_ids.len());
        for id in request.object_ids {
            named(&id.collection, &id.key)?;
            version(&id.version)?;
            let expect = Expect::from_text(&id.version);
            if expect == Expect::Absent {
                return Err(rejected());
            }
            deletes.push(DeleteObject { id: ObjectId::new(id.collection, id.key, stored(user)), expect });
        }
        if deletes.is_empty() {
            return Ok(());
        }
        self.store.objects.delete(Caller::User(stored(user)), deletes).await.map_err(|error| match error {
            StoreError::Conflict(_) | StoreError::NotFound(_) => rejected(),
            error => faults::store(error),
        })
    }

    /// `ListStorageObjects`: of one owner, or of everybody what is public.
    pub(crate) async fn list_objects(
        &self,
        user: UserId,
        request: ListStorageObjectsRequest,
    ) -> Result<StorageObjectList, ApiError> {
        let limit = checks::limit(request.limit, 1, 100)?;
        if request.collection.is_empty() || request.collection.len() > NAME_MAX || request.collection.contains('\0') {
            return Err(ApiError::invalid("collection", "Invalid collection value supplied. It must be set, at most 128 bytes."));
        }
        let owner = if request.user_id.is_empty() { None } else { Some(stored(checks::user_id("user_id", &request.user_id)?)) };
        let cursor = Some(request.cursor).filter(|cursor| !cursor.is_empty());
        let has_cursor = cursor.is_some();
        let list = ListObjects { collection: request.collection, user: owner, limit, cursor };
        let page = self.store.objects.list(Caller::User(stored(user)), list).await.map_err(|error| match error {
            StoreError::Invalid(_) if has_cursor => ApiError::invalid("cursor", "Malformed cursor was used."),
            error => faults::store(error),
        })?;
        Ok(StorageObjectList { objects: page.items.into_iter().map(object).collect(), cursor: page.cursor.unwrap_or_default() })
    }
}

fn named(collection: &str, key: &str) -> Result<(), ApiError> {
    for (field, text) in [("collection", collection), ("key", key)] {
        if text.is_empty() {
            return Err(ApiError::invalid(field, "Invalid collection or key value supplied. They must be set."));
        }
        if text.len() > NAME_MAX || text.contains('\0') {
            return Err(ApiError::invalid(field, format!("{field} must be 1-{NAME_MAX} bytes, without NUL characters.")));
        }
    }
    Ok(())
}

fn version(version: &str) -> Result<(), ApiError> {
    if version.len() > NAME_MAX || version.contains('\0') {
        return Err(ApiError::invalid("version", format!("version must be at most {NAME_MAX} bytes, without NUL characters.")));
    }
    Ok(())
}

fn write(user: UserId, object: WriteStorageObject, most: usize) -> Result<WriteObject, ApiError> {
    named(&object.collection, &object.key)?;
    version(&object.version)?;
    if object.value.is_empty() {
        return Err(ApiError::invalid("value", "Invalid collection or key value supplied. They must be set."));
    }
    if object.value.len() > most {
        return Err(ApiError::invalid("value", format!("Value must be at most {most} bytes.")));
    }
    let is_object = object.value.trim_ascii_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(&object.value).is_ok()
        && !object.value.contains('\0');
    if !is_object {
        return Err(ApiError::invalid("value", "Value must be a JSON object."));
    }
    let read = ReadPermission::try_from(i64::from(object.permission_read.unwrap_or(1)))
        .map_err(|_| ApiError::invalid("permission_read", "Invalid Read permission supplied. It must be either 0, 1 or 2."))?;
    let write = WritePermission::try_from(i64::from(object.permission_write.unwrap_or(1)))
        .map_err(|_| ApiError::invalid("permission_write", "Invalid Write permission supplied. It must be either 0 or 1."))?;
    let id = ObjectId::new(object.collection, object.key, stored(user));
    Ok(WriteObject { id, value: object.value, expect: Expect::from_text(&object.version), read, write })
}

fn rejected() -> ApiError {
    ApiError::new(Code::InvalidArgument, "Storage delete rejected - not found, version check failed, or permission denied.")
}

pub(crate) fn object(object: Object) -> StorageObject {
    StorageObject {
        collection: object.id.collection,
        key: object.id.key,
        user_id: object.id.user.to_string(),
        value: object.value,
        version: object.version,
        permission_read: object.read as i32,
        permission_write: object.write as i32,
        create_time: timestamp(object.create_time),
        update_time: timestamp(object.update_time),
    }
}

fn ack(ack: Ack) -> StorageObjectAck {
    StorageObjectAck {
        collection: ack.id.collection,
        key: ack.id.key,
        version: ack.version,
        user_id: ack.id.user.to_string(),
        create_time: timestamp(ack.create_time),
        update_time: timestamp(ack.update_time),
    }
}
