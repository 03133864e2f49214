//! Owns the audit log, operators and what the server keeps about itself, in SQL.

use async_trait::async_trait;

use super::{Alone, Conn, Fail, Row, Sql, one, values};
use crate::cursor::Window;
use crate::meta::check_meta;
use crate::operators::check_new;
use crate::{
    Audit, AuditEntry, AuditFilter, BATCH_MAX, Conflict, Meta, Millis, Missing, NewAuditEntry, Operator, OperatorUpdate,
    Operators, Page, Result, Role, check,
};

fn read_line(mut row: Row) -> Result<AuditEntry, Fail> {
    Ok(AuditEntry {
        id: row.int(0)?,
        time: row.int(1)?,
        actor: row.text(2)?,
        action: row.text(3)?,
        subject: row.text(4)?,
        address: row.text(5)?,
        detail: row.text(6)?,
    })
}

#[async_trait]
impl Audit for Sql {
    async fn append(&self, entry: NewAuditEntry, now: Millis) -> Result<i64> {
        entry.check()?;
        let NewAuditEntry { actor, action, subject, address, detail } = entry;
        self.write(values![now, actor, action, subject, address, detail], |values, conn| {
            Box::pin(async move {
                let sql = "INSERT INTO audit (time, actor, action, subject, address, detail) VALUES ($1, $2, $3, $4, $5, $6) \
                     RETURNING number";
                one(conn.rows(sql, values.clone()).await?).ok_or(Fail::Again)?.int(0)
            })
        })
        .await
    }

    async fn list(&self, filter: AuditFilter, limit: usize, cursor: Option<String>) -> Result<Page<AuditEntry>> {
        filter.check()?;
        let window = Window::<i64>::new(limit, cursor.as_deref())?;
        let after = window.after.unwrap_or(i64::MAX);
        let values = values![after, filter.actor, filter.action, filter.subject, window.fetch()];
        let lines = self.read(values, |values, conn| {
            Box::pin(async move {
                let sql = "SELECT number, time, actor, action, subject, address, detail FROM audit WHERE number < $1 \
                     AND ($2 = '' OR actor = $2) AND ($3 = '' OR action = $3) AND ($4 = '' OR subject = $4) \
                     ORDER BY number DESC LIMIT $5";
                conn.rows(sql, values.clone()).await?.into_iter().map(read_line).collect::<Result<Vec<_>, Fail>>()
            })
        });
        Ok(window.page(lines.await?, |line| line.id))
    }

    async fn purge(&self, before: Millis, keep: usize, limit: usize) -> Result<u64> {
        self.write(values![before, keep, limit], |values, conn| {
            Box::pin(async move {
                let sql = "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE time < $1 OR number <= \
                     coalesce((SELECT number FROM audit ORDER BY number DESC LIMIT 1 OFFSET $2), 0) ORDER BY number LIMIT $3) \
                     RETURNING number";
                Ok(conn.rows(sql, values.clone()).await?.len() as u64)
            })
        })
        .await
    }
}

fn read_operator(mut row: Row) -> Result<Operator, Fail> {
    Ok(Operator {
        name: row.text(0)?,
        role: Role::try_from(row.int(1)?)?,
        password_hash: row.text(2)?,
        create_time: row.int(3)?,
        update_time: row.int(4)?,
        generation: row.int(5)?,
    })
}

async fn get(conn: &mut dyn Conn, name: &str) -> Result<Operator, Fail> {
    let sql = "SELECT name, role, password_hash, create_time, update_time, generation FROM operators WHERE name = $1";
    read_operator(one(conn.rows(sql, values![name]).await?).ok_or(Missing::Operator)?)
}

async fn create(conn: &mut dyn Conn, name: &str, role: Role, hash: &str, now: Millis) -> Result<Operator, Fail> {
    let sql = "INSERT INTO operators (name, role, password_hash, create_time, update_time, generation) VALUES ($1, $2, $3, $4, $4, $4) \
         ON CONFLICT DO NOTHING RETURNING name, role, password_hash, create_time, update_time, generation";
    let row = one(conn.rows(sql, values![name, role as i64, hash, now]).await?).ok_or(Conflict::Operator)?;
    read_operator(row)
}

/// That somebody else is an administrator when this one no longer is.
async fn has_another(conn: &mut dyn Conn, operator: &Operator) -> Result<(), Fail> {
    let sql = "SELECT count(*) FROM operators WHERE role = $1 AND name <> $2";
    let rows = conn.rows(sql, values![Role::Administrator as i64, &operator.name]).await?;
    let others = one(rows).map_or(Ok(0), |row| row.int(0))?;
    let lost = operator.role == Role::Administrator && others == 0;
    if lost { Err(Conflict::LastAdministrator.into()) } else { Ok(()) }
}

async fn update(conn: &mut dyn Conn, name: &str, update: &OperatorUpdate, now: Millis) -> Result<Operator, Fail> {
    conn.alone(Alone::Operators).await?;
    let operator = get(conn, name).await?;
    if update.role.is_some_and(|role| role != Role::Administrator) {
        has_another(conn, &operator).await?;
    }
    let sql = "UPDATE operators SET role = $2, password_hash = $3, update_time = $4, generation = generation + 1 WHERE name = $1";
    let role = update.role.unwrap_or(operator.role);
    let hash = update.password_hash.as_ref().unwrap_or(&operator.password_hash);
    conn.rows(sql, values![name, role as i64, hash, now]).await?;
    get(conn, name).await
}

#[async_trait]
impl Operators for Sql {
    async fn create(&self, name: String, role: Role, password_hash: String, now: Millis) -> Result<Operator> {
        check_new(&name, &password_hash)?;
        self.write((name, role, password_hash, now), |(name, role, hash, now), conn| {
            Box::pin(create(conn, name, *role, hash, *now))
        })
        .await
    }

    async fn create_first(&self, name: String, password_hash: String, now: Millis) -> Result<Option<Operator>> {
        check_new(&name, &password_hash)?;
        self.write((name, password_hash, now), |(name, hash, now), conn| {
            Box::pin(async move {
                conn.alone(Alone::Operators).await?;
                if !conn.rows("SELECT name FROM operators LIMIT 1", vec![]).await?.is_empty() {
                    return Ok(None);
                }
                create(conn, name, Role::Administrator, hash, *now).await.map(Some)
            })
        })
        .await
    }

    async fn get(&self, name: String) -> Result<Operator> {
        check::text("name", &name, 128)?;
        self.read(name, |name, conn| Box::pin(get(conn, name))).await
    }

    async fn list(&self) -> Result<Vec<Operator>> {
        self.read(values![BATCH_MAX], |values, conn| {
            Box::pin(async move {
                let sql = "SELECT name, role, password_hash, create_time, update_time, generation FROM operators ORDER BY name LIMIT $1";
                conn.rows(sql, values.clone()).await?.into_iter().map(read_operator).collect()
            })
        })
        .await
    }

    async fn update(&self, name: String, change: OperatorUpdate, now: Millis) -> Result<Operator> {
        change.check()?;
        check::text("name", &name, 128)?;
        self.write((name, change, now), |(name, change, now), conn| Box::pin(update(conn, name, change, *now))).await
    }

    async fn delete(&self, name: String) -> Result<()> {
        check::text("name", &name, 128)?;
        self.write(name, |name, conn| {
            Box::pin(async move {
                conn.alone(Alone::Operators).await?;
                let operator = get(conn, name).await?;
                has_another(conn, &operator).await?;
                conn.rows("DELETE FROM operators WHERE name = $1", values![name]).await.map(drop)
            })
        })
        .await
    }
}

async fn value_of(conn: &mut dyn Conn, name: &str) -> Result<Option<Vec<u8>>, Fail> {
    one(conn.rows("SELECT value FROM meta WHERE name = $1", values![name]).await?).map(|mut row| row.bytes(0)).transpose()
}

#[async_trait]
impl Meta for Sql {
    async fn get(&self, name: String) -> Result<Option<Vec<u8>>> {
        check::text("name", &name, 128)?;
        self.read(name, |name, conn| Box::pin(value_of(conn, name))).await
    }

    async fn put(&self, name: String, value: Vec<u8>) -> Result<()> {
        check_meta(&name, &value)?;
        self.write((name, value), |(name, value), conn| {
            Box::pin(async move {
                let sql =
                    "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                conn.rows(sql, values![name, value.as_slice()]).await.map(drop)
            })
        })
        .await
    }

    async fn get_or_put(&self, name: String, value: Vec<u8>) -> Result<Vec<u8>> {
        check_meta(&name, &value)?;
        self.write((name, value), |(name, value), conn| {
            Box::pin(async move {
                let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
                conn.rows(sql, values![name, value.as_slice()]).await?;
                value_of(conn, name).await?.ok_or(Fail::Again)
            })
        })
        .await
    }

    async fn delete(&self, name: String) -> Result<bool> {
        check::text("name", &name, 128)?;
        self.write(name, |name, conn| {
            Box::pin(
                async move { Ok(!conn.rows("DELETE FROM meta WHERE name = $1 RETURNING name", values![name]).await?.is_empty()) },
            )
        })
        .await
    }
}
