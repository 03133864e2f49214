//! Owns storage objects in SQL. A write is one statement, whatever it expects; a batch of them is on its way at once.

use async_trait::async_trait;

use super::{Conn, Fail, Row, Sql, Value, one, values};
use crate::objects::in_order;
use crate::{
    Ack, BATCH_MAX, Caller, Conflict, DeleteObject, Expect, ListObjects, Millis, Object, ObjectId, Objects, Page, ReadPermission,
    Result, UserId, WriteObject, WritePermission, check, version_of,
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
    let sql = objects!("account_id = $1 AND collection = $2 AND key = $3");
    let mut objects = Vec::new();
    for rows in conn.each(sql, ids.iter().map(place).collect()).await? {
        objects.extend(read_objects(rows)?);
    }
    objects.retain(|object| object.is_readable(caller));
    Ok(objects)
}

pub(super) async fn all_of(conn: &mut dyn Conn, user: UserId) -> Result<Vec<Object>, Fail> {
    read_objects(conn.rows(objects!("account_id = $1 ORDER BY collection, key"), values![user]).await?)
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
        self.read((caller, ids), |(caller, ids), conn| Box::pin(read(conn, *caller, ids))).await
    }

    async fn delete(&self, caller: Caller, deletes: Vec<DeleteObject>) -> Result<()> {
        check::batch("deletes", &deletes)?;
        deletes.iter().try_for_each(|delete| delete.check(caller))?;
        self.write((caller, deletes), |(caller, deletes), conn| Box::pin(delete(conn, *caller, deletes))).await
    }

    async fn list(&self, caller: Caller, list: ListObjects) -> Result<Page<Object>> {
        // What the caller may see is a condition of its own: a cursor is only a place.
        let lowest = |of: Option<UserId>| match caller {
            Caller::Server => ReadPermission::Nobody,
            Caller::User(user) if of == Some(user) => ReadPermission::Owner,
            Caller::User(_) => ReadPermission::Public,
        };
        match list.user {
            Some(user) => {
                let window = list.by_key()?;
                let after = window.after.clone().unwrap_or_default();
                let values = values![user, list.collection, after, lowest(Some(user)) as i64, window.fetch()];
                let objects = self.read(values, |values, conn| {
                    let sql = objects!(
                        "account_id = $1 AND collection = $2 AND key > $3 AND read_permission >= $4 ORDER BY account_id, collection, key LIMIT $5"
                    );
                    Box::pin(async move { read_objects(conn.rows(sql, values.clone()).await?) })
                });
                Ok(window.page(objects.await?, |object| object.id.key.clone()))
            }
            None => {
                let window = list.by_place()?;
                let lowest = lowest(None) as i64;
                let (read, key, user) = window.after.clone().unwrap_or((-1, String::new(), UserId::SYSTEM));
                let values = values![list.collection, read, key, user, lowest, window.fetch()];
                let objects = self.read(values, |values, conn| {
                    let sql = objects!(
                        "collection = $1 AND (read_permission, key, account_id) > ($2, $3, $4) AND read_permission >= $5 \
                         ORDER BY collection, read_permission, key, account_id LIMIT $6"
                    );
                    Box::pin(async move { read_objects(conn.rows(sql, values.clone()).await?) })
                });
                Ok(window.page(objects.await?, |object| (object.read as i64, object.id.key.clone(), object.id.user)))
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
