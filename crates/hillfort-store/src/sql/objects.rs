//! Owns storage objects in SQL. A write is one statement, whatever it expects; a batch of them is on its way at once.

use async_trait::async_trait;

use super::{Conn, Fail, Row, Sql, Value, fit, one, values};
use crate::cursor::cut;
use crate::objects::{in_order, least};
use crate::{
    ANSWER_MAX, Ack, BATCH_MAX, Caller, Conflict, DeleteObject, Expect, ListObjects, Millis, OBJECT_VALUE_MAX, Object, ObjectId,
    Objects, Page, ReadPermission, Result, StoreError, UserId, WriteObject, WritePermission, check, version_of,
};

/// `$9` is 1 when permissions do not bind the caller.
const WRITE_ANY: &str = "INSERT INTO objects (account_id, collection, key, value, version, read_permission, write_permission, \
     create_time, update_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (account_id, collection, key) DO UPDATE SET \
     value = excluded.value, version = excluded.version, read_permission = excluded.read_permission, \
     write_permission = excluded.write_permission, update_time = excluded.update_time \
     WHERE objects.write_permission >= 1 - $9 RETURNING create_time";

const WRITE_NEW: &str = "INSERT INTO objects (account_id, collection, key, value, version, read_permission, write_permission, \
     create_time, update_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (account_id, collection, key) DO NOTHING \
     RETURNING create_time";

const WRITE_VERSION: &str = "UPDATE objects SET value = $4, version = $5, read_permission = $6, write_permission = $7, update_time = $8 \
     WHERE account_id = $1 AND collection = $2 AND key = $3 AND write_permission >= 1 - $9 AND version = $10 RETURNING create_time";

const DELETE_ANY: &str = "DELETE FROM objects WHERE account_id = $1 AND collection = $2 AND key = $3 AND write_permission >= 1 - $4 \
     RETURNING create_time";

const DELETE_VERSION: &str = "DELETE FROM objects WHERE account_id = $1 AND collection = $2 AND key = $3 \
     AND write_permission >= 1 - $4 AND version = $5 RETURNING create_time";

macro_rules! objects {
    ($rest:literal) => {
        concat!(
            "SELECT account_id, collection, key, value, version, read_permission, write_permission, create_time, update_time \
             FROM objects WHERE ",
            $rest
        )
    };
}

macro_rules! sizes {
    ($rest:literal) => {
        concat!("SELECT octet_length(value) FROM objects WHERE ", $rest)
    };
}

/// So many objects fit into an answer, whatever is in them.
const FEW: usize = ANSWER_MAX / OBJECT_VALUE_MAX;

fn place(id: &ObjectId) -> Vec<Value> {
    values![id.user, &id.collection, &id.key]
}

fn read_object(mut row: Row) -> Result<Object, Fail> {
    let id = ObjectId { user: row.user(0)?, collection: row.text(1)?, key: row.text(2)? };
    Ok(Object {
        id,
        value: row.text(3)?,
        version: row.text(4)?,
        read: ReadPermission::try_from(row.int(5)?)?,
        write: WritePermission::try_from(row.int(6)?)?,
        create_time: row.int(7)?,
        update_time: row.int(8)?,
    })
}

fn read_objects(rows: Vec<Row>) -> Result<Vec<Object>, Fail> {
    rows.into_iter().map(read_object).collect()
}

/// Why a statement found nothing to change.
async fn refusal(conn: &mut dyn Conn, id: &ObjectId, free: bool) -> Fail {
    let sql = "SELECT write_permission FROM objects WHERE account_id = $1 AND collection = $2 AND key = $3";
    match conn.rows(sql, place(id)).await.map(one) {
        Ok(Some(row)) if !free && row.int(0).is_ok_and(|permission| permission == 0) => Conflict::Permission.into(),
        Ok(_) => Conflict::Version.into(),
        Err(fail) => fail,
    }
}

/// Runs the statements in order; those that follow each other with the same text at once. A row of each, or none.
async fn in_runs(conn: &mut dyn Conn, statements: Vec<(&'static str, Vec<Value>)>) -> Result<Vec<Option<Row>>, Fail> {
    let mut rows = Vec::with_capacity(statements.len());
    let mut statements = statements.into_iter().peekable();
    while let Some((sql, values)) = statements.next() {
        let mut run = vec![values];
        while let Some((_, values)) = statements.next_if(|(next, _)| *next == sql) {
            run.push(values);
        }
        rows.extend(conn.each(sql, run).await?.into_iter().map(one));
    }
    Ok(rows)
}

pub(super) async fn write(conn: &mut dyn Conn, caller: Caller, writes: &[WriteObject], now: Millis) -> Result<Vec<Ack>, Fail> {
    let free = caller == Caller::Server;
    let order = in_order(writes, |write| &write.id);
    let versions: Vec<String> = writes.iter().map(|write| version_of(&write.value)).collect();
    let statements = order.iter().map(|&at| {
        let write = &writes[at];
        let mut values = place(&write.id);
        values.extend(values![&write.value, &versions[at], write.read as i64, write.write as i64, now]);
        match &write.expect {
            Expect::Absent => (WRITE_NEW, values),
            Expect::Any => {
                values.push(free.into());
                (WRITE_ANY, values)
            }
            Expect::Version(version) => {
                values.extend(values![free, version]);
                (WRITE_VERSION, values)
            }
        }
    });
    let rows = in_runs(conn, statements.collect()).await?;
    let mut acks: Vec<Option<Ack>> = vec![None; writes.len()];
    for (&at, row) in order.iter().zip(rows) {
        let Some(row) = row else { return Err(refusal(conn, &writes[at].id, free).await) };
        let (id, version) = (writes[at].id.clone(), versions[at].clone());
        acks[at] = Some(Ack { id, version, create_time: row.int(0)?, update_time: now });
    }
    Ok(acks.into_iter().flatten().collect())
}

pub(super) async fn delete(conn: &mut dyn Conn, caller: Caller, deletes: &[DeleteObject]) -> Result<(), Fail> {
    let free = caller == Caller::Server;
    let order = in_order(deletes, |delete| &delete.id);
    let statements = order.iter().map(|&at| {
        let mut values = place(&deletes[at].id);
        values.push(free.into());
        match &deletes[at].expect {
            Expect::Any | Expect::Absent => (DELETE_ANY, values),
            Expect::Version(version) => {
                values.push(version.into());
                (DELETE_VERSION, values)
            }
        }
    });
    let rows = in_runs(conn, statements.collect()).await?;
    for (&at, row) in order.iter().zip(rows) {
        let may_be_absent = free && deletes[at].expect == Expect::Any;
        if row.is_none() && !may_be_absent {
            return Err(refusal(conn, &deletes[at].id, free).await);
        }
    }
    Ok(())
}

async fn read(conn: &mut dyn Conn, caller: Caller, ids: &[ObjectId]) -> Result<Vec<Object>, Fail> {
    macro_rules! one_of_them {
        ($select:ident) => {
            $select!("account_id = $1 AND collection = $2 AND key = $3 AND read_permission >= $4")
        };
    }
    let readable = |id: &ObjectId| {
        let mut values = place(id);
        values.push((least(caller, Some(id.user)) as i64).into());
        values
    };
    let batch: Vec<_> = ids.iter().map(readable).collect();
    if batch.len() > FEW {
        let sizes = conn.each(one_of_them!(sizes), batch.clone()).await?;
        let bytes = sizes.iter().flatten().map(|row| row.int(0)).sum::<Result<i64, Fail>>()?;
        if bytes > ANSWER_MAX as i64 {
            return Err(StoreError::TooLarge.into());
        }
    }
    let mut objects = Vec::new();
    for rows in conn.each(one_of_them!(objects), batch).await? {
        objects.extend(read_objects(rows)?);
    }
    Ok(objects)
}

/// A page of a list, in two texts: the sizes of its values, and the objects. Both have the same parameters, and a limit as the last.
#[derive(Debug)]
struct Listing {
    sizes: &'static str,
    objects: &'static str,
    values: Vec<Value>,
    limit: usize,
    budget: usize,
}

/// What fits of a page, and whether there is more.
async fn list(conn: &mut dyn Conn, listing: &Listing) -> Result<(Vec<Object>, bool), Fail> {
    let mut values = listing.values.clone();
    let fit = if listing.limit < FEW {
        None
    } else {
        Some(fit(conn, listing.sizes, values.clone(), listing.limit, listing.budget).await?)
    };
    values.push(fit.as_ref().map_or(listing.limit + 1, |fit| fit.rows).into());
    let mut objects = read_objects(conn.rows(listing.objects, values).await?)?;
    let more = fit.map_or(objects.len() > listing.limit, |fit| fit.more);
    objects.truncate(listing.limit);
    Ok((objects, more))
}

/// A part of an owner's objects, behind a collection and key.
pub(super) async fn part_of(
    conn: &mut dyn Conn,
    user: UserId,
    after: (&str, &str),
    budget: usize,
) -> Result<(Vec<Object>, bool), Fail> {
    macro_rules! all_of_one {
        ($select:ident) => {
            $select!("account_id = $1 AND (collection, key) > ($2, $3) ORDER BY account_id, collection, key LIMIT $4")
        };
    }
    let (sizes, objects) = (all_of_one!(sizes), all_of_one!(objects));
    list(conn, &Listing { sizes, objects, values: values![user, after.0, after.1], limit: BATCH_MAX, budget }).await
}

impl Sql {
    async fn page(&self, listing: Listing) -> Result<(Vec<Object>, bool)> {
        if listing.limit < FEW {
            return self.read(listing, |listing, conn| Box::pin(list(conn, listing))).await;
        }
        // What was measured is what is read.
        self.snapshot(listing, |listing, conn| Box::pin(list(conn, listing))).await
    }
}

#[async_trait]
impl Objects for Sql {
    async fn write(&self, caller: Caller, writes: Vec<WriteObject>, now: Millis) -> Result<Vec<Ack>> {
        check::batch("writes", &writes)?;
        writes.iter().try_for_each(|write| write.check(caller))?;
        self.write((caller, writes, now), |(caller, writes, now), conn| Box::pin(write(conn, *caller, writes, *now))).await
    }

    async fn read(&self, caller: Caller, ids: Vec<ObjectId>) -> Result<Vec<Object>> {
        check::batch("ids", &ids)?;
        ids.iter().try_for_each(ObjectId::check)?;
        if ids.len() <= FEW {
            return self.read((caller, ids), |(caller, ids), conn| Box::pin(read(conn, *caller, ids))).await;
        }
        self.snapshot((caller, ids), |(caller, ids), conn| Box::pin(read(conn, *caller, ids))).await
    }

    async fn delete(&self, caller: Caller, deletes: Vec<DeleteObject>) -> Result<()> {
        check::batch("deletes", &deletes)?;
        deletes.iter().try_for_each(|delete| delete.check(caller))?;
        self.write((caller, deletes), |(caller, deletes), conn| Box::pin(delete(conn, *caller, deletes))).await
    }

    async fn list(&self, caller: Caller, list: ListObjects) -> Result<Page<Object>> {
        // What the caller may see is a condition of its own: a cursor is only a place.
        let lowest = least(caller, list.user) as i64;
        match list.user {
            Some(user) => {
                macro_rules! of_one {
                    ($select:ident) => {
                        $select!(
                            "account_id = $1 AND collection = $2 AND key > $3 AND read_permission >= $4 \
                             ORDER BY account_id, collection, key LIMIT $5"
                        )
                    };
                }
                let window = list.by_key()?;
                let after = window.after.clone().unwrap_or_default();
                let values = values![user, list.collection, after, lowest];
                let (sizes, objects) = (of_one!(sizes), of_one!(objects));
                let listing = Listing { sizes, objects, values, limit: window.limit, budget: ANSWER_MAX };
                let (objects, more) = self.page(listing).await?;
                Ok(cut(objects, more, |object| object.id.key.clone()))
            }
            None => {
                macro_rules! of_all {
                    ($select:ident) => {
                        $select!(
                            "collection = $1 AND (read_permission, key, account_id) > ($2, $3, $4) AND read_permission >= $5 \
                             ORDER BY collection, read_permission, key, account_id LIMIT $6"
                        )
                    };
                }
                let window = list.by_place()?;
                let (read, key, user) = window.after.clone().unwrap_or((-1, String::new(), UserId::SYSTEM));
                let values = values![list.collection, read, key, user, lowest];
                let (sizes, objects) = (of_all!(sizes), of_all!(objects));
                let listing = Listing { sizes, objects, values, limit: window.limit, budget: ANSWER_MAX };
                let (objects, more) = self.page(listing).await?;
                Ok(cut(objects, more, |object| (object.read as i64, object.id.key.clone(), object.id.user)))
            }
        }
    }

    async fn collections(&self, after: Option<String>) -> Result<Vec<String>> {
        let after = after.unwrap_or_default();
        check::text("after", &after, 128)?;
        self.read(values![after, BATCH_MAX], |values, conn| {
            // One look into the index for each name, however many objects it has.
            let sql = "WITH RECURSIVE names (name) AS (SELECT min(collection) FROM objects WHERE collection > $1 UNION ALL \
                 SELECT (SELECT min(collection) FROM objects WHERE collection > names.name) FROM names WHERE names.name IS NOT NULL) \
                 SELECT name FROM names WHERE name IS NOT NULL LIMIT $2";
            Box::pin(async move { conn.rows(sql, values.clone()).await?.into_iter().map(|mut row| row.text(0)).collect() })
        })
        .await
    }
}
