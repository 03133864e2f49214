//! Owns the model of storage objects, and the unit of work over several ports.

use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

use super::{Memory, State};
use crate::objects::in_order;
use crate::{
    Ack, BATCH_MAX, Caller, Conflict, DeleteObject, Expect, ListObjects, Millis, Missing, Object, ObjectId, Objects, Page,
    ReadPermission, Result, Update, Updated, Updates, UserId, WriteObject, WritePermission, check, version_of,
};

fn place(id: &ObjectId) -> (UserId, String, String) {
    (id.user, id.collection.clone(), id.key.clone())
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
            Ok(found.filter(|object| object.is_readable(caller)).cloned().collect())
        })
    }

    async fn delete(&self, caller: Caller, deletes: Vec<DeleteObject>) -> Result<()> {
        check::batch("deletes", &deletes)?;
        deletes.iter().try_for_each(|delete| delete.check(caller))?;
        self.unit(|state| state.delete_all(caller, &deletes))
    }

    async fn list(&self, caller: Caller, list: ListObjects) -> Result<Page<Object>> {
        let readable = |(_, object): &(&_, &Object)| object.id.collection == list.collection && object.is_readable(caller);
        match list.user {
            Some(user) => {
                let window = list.by_key()?;
                self.unit(|state| {
                    let rows = state.objects.iter().filter(readable).map(|(_, object)| object);
                    let rows = rows.filter(|object| object.id.user == user && Some(&object.id.key) > window.after.as_ref());
                    Ok(window.page(rows.take(window.fetch()).cloned().collect(), |object| object.id.key.clone()))
                })
            }
            None => {
                let window = list.by_place()?;
                let place = |object: &Object| (object.read as i64, object.id.key.clone(), object.id.user);
                self.unit(|state| {
                    let rows = state.objects.iter().filter(readable).map(|(_, object)| object);
                    let rows = rows.filter(|object| caller == Caller::Server || object.read == ReadPermission::Public);
                    let mut rows: Vec<Object> = rows.filter(|object| Some(place(object)) > window.after).cloned().collect();
                    rows.sort_by_key(place);
                    rows.truncate(window.fetch());
                    Ok(window.page(rows, place))
                })
            }
        }
    }

    async fn collections(&self, after: Option<String>) -> Result<Vec<String>> {
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
