//! Owns wallets and their ledger in SQL.

use async_trait::async_trait;

use super::{Conn, Fail, Row, Sql, fit, lock_account, one, values};
use crate::cursor::Window;
use crate::wallets::{by_user, changed, laid_over};
use crate::{
    ANSWER_MAX, BATCH_MAX, LedgerEntry, LedgerId, METADATA_MAX, Millis, Missing, Page, Result, StoreError, UserId, Wallet,
    WalletChange, WalletState, Wallets, check,
};

macro_rules! ledger {
    ($rest:literal) => {
        concat!("SELECT number, id, account_id, changeset, metadata, create_time, update_time FROM ledger ", $rest)
    };
}

pub(super) async fn wallet(conn: &mut dyn Conn, user: UserId) -> Result<Wallet, Fail> {
    let rows = conn.rows("SELECT name, amount FROM wallets WHERE account_id = $1", values![user]).await?;
    rows.into_iter().map(|mut row| Ok((row.text(0)?, row.int(1)?))).collect()
}

async fn apply_one(conn: &mut dyn Conn, change: &WalletChange, ledger: bool, now: Millis) -> Result<WalletState, Fail> {
    lock_account(conn, change.user).await?;
    let previous = wallet(conn, change.user).await?;
    let updated = changed(&previous, &change.changeset)?;
    let sql = "INSERT INTO wallets (account_id, name, amount) VALUES ($1, $2, $3) \
         ON CONFLICT (account_id, name) DO UPDATE SET amount = excluded.amount";
    let amounts = change.changeset.keys().map(|name| values![change.user, name, updated[name]]);
    conn.each(sql, amounts.collect()).await?;
    if ledger {
        let changeset = serde_json::to_string(&change.changeset).expect("names and numbers are JSON");
        let sql =
            "INSERT INTO ledger (id, account_id, changeset, metadata, create_time, update_time) VALUES ($1, $2, $3, $4, $5, $5)";
        conn.rows(sql, values![LedgerId::random().0, change.user, changeset, &change.metadata, now]).await?;
    }
    Ok(WalletState { user: change.user, previous, updated })
}

pub(super) async fn apply(
    conn: &mut dyn Conn,
    changes: &[WalletChange],
    ledger: bool,
    now: Millis,
) -> Result<Vec<WalletState>, Fail> {
    let mut states: Vec<Option<WalletState>> = vec![None; changes.len()];
    for at in by_user(changes) {
        states[at] = Some(apply_one(conn, &changes[at], ledger, now).await?);
    }
    Ok(states.into_iter().flatten().collect())
}

fn read_line(mut row: Row) -> Result<(i64, LedgerEntry), Fail> {
    let changeset = serde_json::from_str(&row.text(3)?)
        .map_err(|error| StoreError::Unavailable(format!("a changeset in the ledger is damaged: {error}")))?;
    let entry = LedgerEntry {
        id: LedgerId(row.array(1)?),
        user: row.user(2)?,
        changeset,
        metadata: row.text(4)?,
        create_time: row.int(5)?,
        update_time: row.int(6)?,
    };
    Ok((row.int(0)?, entry))
}

/// A part of the account's lines behind this number, oldest first; whether there are more, and how many bytes these have.
pub(super) async fn part_of_ledger(
    conn: &mut dyn Conn,
    user: UserId,
    after: i64,
) -> Result<(Vec<(i64, LedgerEntry)>, bool, usize), Fail> {
    let sizes = "SELECT octet_length(changeset) + octet_length(metadata) FROM ledger WHERE account_id = $1 AND number > $2 \
         ORDER BY number LIMIT $3";
    let fit = fit(conn, sizes, values![user, after], BATCH_MAX, ANSWER_MAX).await?;
    let sql = ledger!("WHERE account_id = $1 AND number > $2 ORDER BY number LIMIT $3");
    let rows = conn.rows(sql, values![user, after, fit.rows]).await?;
    Ok((rows.into_iter().map(read_line).collect::<Result<_, _>>()?, fit.more, fit.bytes))
}

#[async_trait]
impl Wallets for Sql {
    async fn apply(&self, changes: Vec<WalletChange>, ledger: bool, now: Millis) -> Result<Vec<WalletState>> {
        check::batch("changes", &changes)?;
        changes.iter().try_for_each(WalletChange::check)?;
        self.write((changes, ledger, now), |(changes, ledger, now), conn| Box::pin(apply(conn, changes, *ledger, *now))).await
    }

    async fn get(&self, user: UserId) -> Result<Wallet> {
        self.read(user, |user, conn| {
            Box::pin(async move {
                let sql = "SELECT w.name, w.amount FROM accounts a LEFT JOIN wallets w ON w.account_id = a.id \
                     WHERE a.id = $1 AND a.username <> ''";
                let rows = conn.rows(sql, values![*user]).await?;
                if rows.is_empty() {
                    return Err(Missing::Account.into());
                }
                let mut wallet = Wallet::new();
                for mut row in rows {
                    if let Some(name) = row.text_or_null(0)? {
                        wallet.insert(name, row.int(1)?);
                    }
                }
                Ok(wallet)
            })
        })
        .await
    }

    async fn ledger(&self, user: UserId, limit: usize, cursor: Option<String>) -> Result<Page<LedgerEntry>> {
        let window = Window::<i64>::new(limit, cursor.as_deref())?;
        let values = values![user, window.after.unwrap_or(i64::MAX), window.fetch()];
        let lines = self.read(values, |values, conn| {
            let sql = ledger!("WHERE account_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3");
            Box::pin(
                async move { conn.rows(sql, values.clone()).await?.into_iter().map(read_line).collect::<Result<Vec<_>, Fail>>() },
            )
        });
        let page = window.page(lines.await?, |(number, _)| *number);
        Ok(Page { items: page.items.into_iter().map(|(_, line)| line).collect(), cursor: page.cursor })
    }

    async fn update_ledger(&self, id: LedgerId, metadata: String, now: Millis) -> Result<LedgerEntry> {
        check::object("metadata", &metadata, METADATA_MAX)?;
        self.write((id, metadata, now), |(id, metadata, now), conn| {
            Box::pin(async move {
                // Two who note something on one line at once wait for each other, so that both notes stay.
                let mut row = one(conn.rows_locked("SELECT metadata FROM ledger WHERE id = $1", values![id.0]).await?)
                    .ok_or(Missing::LedgerEntry)?;
                let metadata = laid_over(&row.text(0)?, metadata)?;
                let sql = "UPDATE ledger SET metadata = $2, update_time = $3 WHERE id = $1 \
                     RETURNING number, id, account_id, changeset, metadata, create_time, update_time";
                let row = one(conn.rows(sql, values![id.0, metadata, *now]).await?).ok_or(Missing::LedgerEntry)?;
                Ok(read_line(row)?.1)
            })
        })
        .await
    }
}
