//! Owns the model of storage objects, and the unit of work over several ports.

use async_trait::async_trait;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

use super::{Memory, State};
use crate::cursor::{Window, cut, fitting};
use crate::objects::{in_order, least};
use crate::{
    ANSWER_MAX, Ack, BATCH_MAX, Caller, Conflict, DeleteObject, Expect, ListObjects, Millis, Missing, Object, ObjectId, Objects,
    Page, Result, StoreError, Update, Updated, Updates, UserId, WriteObject, WritePermission, check, version_of,
};

fn place(id: &ObjectId) -> (UserId, String, String) {
    (id.user, id.collection.clone(), id.key.clone())
}

/// The page of these rows, as far as their values fit.
fn page<P: Serialize>(window: &Window<P>, rows: Vec<&Object>, place: impl Fn(&Object) -> P) -> Page<Object> {
    let fits = fitting(rows.iter().take(window.limit).map(|object| object.value.len()), ANSWER_MAX);
    let more = rows.len() > fits;
    cut(rows.into_iter().take(fits).cloned().collect(), more, place)
}

/// Whether what is there allows the caller to change it.
fn allows(there: Option<&Object>, caller: Caller, expect: &Expect) -> Result<()> {
    if caller != Caller::Server && there.is_some_and(|object| object.write == WritePermission::Nobody) {
        return Err(Conflict::Permission.into());
    }
    let fits = match expect {
        Expect::Any => true,
        Expect::Absent => there.is_none(),
        Expect::Version(version) => there.is_some_and(|object| object.version == *version),
    };
    if fits { Ok(()) } else { Err(Conflict::Version.into()) }
}

impl State {
    /// Writes in the order of the ids, and answers in the order of the batch.
    fn write_all(&mut self, caller: Caller, writes: Vec<WriteObject>, now: Millis) -> Result<Vec<Ack>> {
        let order = in_order(&writes, |write| &write.id);
        let makes = |write: &WriteObject| !matches!(write.expect, Expect::Version(_)) && !write.id.user.is_system();
        if writes.iter().any(|write| makes(write) && !self.accounts.has(&write.id.user)) {
            return Err(Missing::Account.into());
        }
        let acks = order.iter().map(|&at| Ok((at, self.write(caller, writes[at].clone(), now)?)));
        Ok(acks.collect::<Result<BTreeMap<usize, Ack>>>()?.into_values().collect())
    }

    fn delete_all(&mut self, caller: Caller, deletes: &[DeleteObject]) -> Result<()> {
        in_order(deletes, |delete| &delete.id).into_iter().try_for_each(|at| self.delete(caller, &deletes[at]))
    }

    fn write(&mut self, caller: Caller, write: WriteObject, now: Millis) -> Result<Ack> {
        let place = place(&write.id);
        let there = self.objects.get(&place);
        allows(there, caller, &write.expect)?;
        let create_time = there.map_or(now, |object| object.create_time);
        let WriteObject { id, value, read, write, .. } = write;
        let version = version_of(&value);
        let ack = Ack { id: id.clone(), version: version.clone(), create_time, update_time: now };
        self.objects.put(place, Object { id, value, version, read, write, create_time, update_time: now });
        Ok(ack)
    }

    fn delete(&mut self, caller: Caller, delete: &DeleteObject) -> Result<()> {
        let place = place(&delete.id);
        let there = self.objects.get(&place);
        allows(there, caller, &delete.expect)?;
        if there.is_none() && caller != Caller::Server {
            return Err(Conflict::Version.into());
        }
        self.objects.remove(&place);
        Ok(())
    }
}

#[async_trait]
impl Objects for Memory {
    async fn write(&self, caller: Caller, writes: Vec<WriteObject>, now: Millis) -> Result<Vec<Ack>> {
        check::batch("writes", &writes)?;
        writes.iter().try_for_each(|write| write.check(caller))?;
        self.unit(|state| state.write_all(caller, writes, now))
    }

    async fn read(&self, caller: Caller, ids: Vec<ObjectId>) -> Result<Vec<Object>> {
        check::batch("ids", &ids)?;
        ids.iter().try_for_each(ObjectId::check)?;
        self.unit(|state| {
            let found = ids.iter().filter_map(|id| state.objects.get(&place(id)));
            let found: Vec<&Object> = found.filter(|object| object.is_readable(caller)).collect();
            if found.iter().map(|object| object.value.len()).sum::<usize>() > ANSWER_MAX {
                return Err(StoreError::TooLarge);
            }
            Ok(found.into_iter().cloned().collect())
        })
    }

    async fn delete(&self, caller: Caller, deletes: Vec<DeleteObject>) -> Result<()> {
        check::batch("deletes", &deletes)?;
        deletes.iter().try_for_each(|delete| delete.check(caller))?;
        self.unit(|state| state.delete_all(caller, &deletes))
    }

    async fn list(&self, caller: Caller, list: ListObjects) -> Result<Page<Object>> {
        match list.user {
            Some(user) => {
                let window = list.by_key()?;
                self.unit(|state| {
                    let first = (user, list.collection.clone(), window.after.clone().unwrap_or_default());
                    let rows = state.objects.range(first..).map(|(_, object)| object);
                    let rows = rows.take_while(|object| object.id.user == user && object.id.collection == list.collection);
                    let rows = rows.filter(|object| Some(&object.id.key) > window.after.as_ref() && object.is_readable(caller));
                    Ok(page(&window, rows.take(window.fetch()).collect(), |object| object.id.key.clone()))
                })
            }
            None => {
                let window = list.by_place()?;
                let place = |object: &Object| (object.read as i64, object.id.key.clone(), object.id.user);
                self.unit(|state| {
                    let rows = state.objects.iter().map(|(_, object)| object);
                    let rows =
                        rows.filter(|object| object.id.collection == list.collection && object.read >= least(caller, None));
                    let mut rows: Vec<&Object> = rows.filter(|object| Some(place(object)) > window.after).collect();
                    rows.sort_by_key(|object| place(object));
                    rows.truncate(window.fetch());
                    Ok(page(&window, rows, place))
                })
            }
        }
    }

    async fn collections(&self, after: Option<String>) -> Result<Vec<String>> {
        check::text("after", after.as_deref().unwrap_or_default(), 128)?;
        self.unit(|state| {
            let names: BTreeSet<&String> = state
                .objects
                .iter()
                .map(|(_, object)| &object.id.collection)
                .filter(|name| Some(*name) > after.as_ref())
                .collect();
            Ok(names.into_iter().take(BATCH_MAX).cloned().collect())
        })
    }
}

#[async_trait]
impl Updates for Memory {
    async fn apply(&self, update: Update, now: Millis) -> Result<Updated> {
        update.check()?;
        self.unit(|state| {
            let mut updated = Updated::default();
            for (user, update) in update.accounts {
                updated.accounts.push(state.update_account(user, update, now)?);
            }
            updated.acks = state.write_all(Caller::Server, update.writes, now)?;
            state.delete_all(Caller::Server, &update.deletes)?;
            updated.wallets = state.apply_all(update.wallets, update.ledger, now)?;
            update.outbox.into_iter().for_each(|entry| state.enqueue(entry, now));
            Ok(updated)
        })
    }
}
