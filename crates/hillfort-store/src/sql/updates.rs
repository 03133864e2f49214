//! Owns the unit of work over several ports in SQL.

use async_trait::async_trait;

use super::{Conn, Fail, Sql, accounts, objects, outbox, wallets};
use crate::{Caller, Millis, Result, Update, Updated, Updates};

async fn apply(conn: &mut dyn Conn, update: &Update, now: Millis) -> Result<Updated, Fail> {
    let mut updated = Updated::default();
    for (user, change) in &update.accounts {
        updated.accounts.push(accounts::update(conn, *user, change, now).await?);
    }
    updated.acks = objects::write(conn, Caller::Server, &update.writes, now).await?;
    objects::delete(conn, Caller::Server, &update.deletes).await?;
    updated.wallets = wallets::apply(conn, &update.wallets, update.ledger, now).await?;
    outbox::enqueue(conn, &update.outbox, now).await?;
    Ok(updated)
}

#[async_trait]
impl Updates for Sql {
    async fn apply(&self, update: Update, now: Millis) -> Result<Updated> {
        update.check()?;
        self.write((update, now), |(update, now), conn| Box::pin(apply(conn, update, *now))).await
    }
}
