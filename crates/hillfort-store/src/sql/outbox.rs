//! Owns the outbox in SQL.

use async_trait::async_trait;

use super::{Alone, Conn, Fail, Row, Sql, one, values};
use crate::cursor::Window;
use crate::{Millis, NewOutboxEntry, Outbox, OutboxEntry, Result, check};

pub(super) async fn enqueue(conn: &mut dyn Conn, entries: &[NewOutboxEntry], now: Millis) -> Result<(), Fail> {
    let sql = "INSERT INTO outbox (topic, key, payload, time, attempts, taken_until) VALUES ($1, $2, $3, $4, 0, 0)";
    let batch = entries.iter().map(|entry| values![&entry.topic, &entry.key, entry.payload.as_slice(), now]);
    conn.each(sql, batch.collect()).await.map(drop)
}

fn read_entry(mut row: Row) -> Result<OutboxEntry, Fail> {
    Ok(OutboxEntry {
        id: row.int(0)?,
        topic: row.text(1)?,
        key: row.text(2)?,
        payload: row.bytes(3)?,
        time: row.int(4)?,
        attempts: row.int(5)? + 1,
    })
}

async fn take(conn: &mut dyn Conn, topic: &str, limit: usize, until: Millis, now: Millis) -> Result<Vec<OutboxEntry>, Fail> {
    // Two that take at once would each miss what the other has taken, and turn the order of a key around.
    conn.alone(Alone::Outbox).await?;
    let sql = "SELECT o.number, o.topic, o.key, o.payload, o.time, o.attempts FROM outbox o WHERE o.topic = $1 AND o.taken_until <= $2 \
         AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.topic = o.topic AND e.key = o.key AND e.number < o.number \
         AND e.taken_until > $2) ORDER BY o.number LIMIT $3";
    let rows = conn.rows(sql, values![topic, now, limit]).await?;
    let entries: Vec<OutboxEntry> = rows.into_iter().map(read_entry).collect::<Result<_, Fail>>()?;
    let sql = "UPDATE outbox SET taken_until = $2, attempts = attempts + 1 WHERE number = $1";
    conn.each(sql, entries.iter().map(|entry| values![entry.id, until]).collect()).await?;
    Ok(entries)
}

#[async_trait]
impl Outbox for Sql {
    async fn enqueue(&self, entries: Vec<NewOutboxEntry>, now: Millis) -> Result<()> {
        check::batch("entries", &entries)?;
        entries.iter().try_for_each(NewOutboxEntry::check)?;
        self.write((entries, now), |(entries, now), conn| Box::pin(enqueue(conn, entries, *now))).await
    }

    async fn take(&self, topic: String, limit: usize, lease: Millis, now: Millis) -> Result<Vec<OutboxEntry>> {
        check::text("topic", &topic, 128)?;
        let limit = Window::<i64>::new(limit, None)?.limit;
        self.write((topic, limit, now.saturating_add(lease), now), |(topic, limit, until, now), conn| {
            Box::pin(take(conn, topic, *limit, *until, *now))
        })
        .await
    }

    async fn done(&self, ids: Vec<i64>) -> Result<u64> {
        check::batch("ids", &ids)?;
        self.write(ids, |ids, conn| {
            Box::pin(async move {
                let sql = "DELETE FROM outbox WHERE number = $1 RETURNING number";
                let rows = conn.each(sql, ids.iter().map(|id| values![*id]).collect()).await?;
                Ok(rows.iter().filter(|rows| !rows.is_empty()).count() as u64)
            })
        })
        .await
    }

    async fn pending(&self, topic: String) -> Result<u64> {
        check::text("topic", &topic, 128)?;
        self.read(topic, |topic, conn| {
            Box::pin(async move {
                let rows = conn.rows("SELECT count(*) FROM outbox WHERE topic = $1", values![topic]).await?;
                Ok(one(rows).map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
            })
        })
        .await
    }
}
