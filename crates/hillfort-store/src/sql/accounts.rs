//! Owns profiles, bans, passwords, deletion and lists of accounts in SQL. How accounts are found by identities is next door.

use async_trait::async_trait;

use super::{BoxFuture, Conn, Fail, Row, Sql, Value, lock_account, one, values};
use crate::accounts::{NAME_MAX, check_hash, check_link, check_unlink, distinct};
use crate::cursor::Window;
use crate::{
    ANSWER_MAX, Account, AccountFilter, AccountUpdate, Accounts, Ban, Conflict, Found, Identity, IdentityKind, Millis, Missing,
    NewAccount, OtherWays, Page, PersonExport, Result, Tombstone, UserId, check, person,
};

/// Accounts with their identities, a row for each identity. `a` names rows of `accounts` that the caller has chosen.
macro_rules! accounts {
    ($from:expr, $order:expr) => {
        concat!(
            "SELECT a.id, a.username, a.display_name, a.avatar_url, a.lang_tag, a.location, a.timezone, a.metadata, a.create_time, \
             a.update_time, a.verify_time, a.ban_since, a.ban_until, a.ban_reason, a.ban_by, a.generation, i.kind, i.value FROM ",
            $from,
            " LEFT JOIN identities i ON i.account_id = a.id ORDER BY ",
            $order,
            "i.kind, i.value"
        )
    };
}

const BY_ID: &str = accounts!("(SELECT * FROM accounts WHERE id = $1 AND username <> '') a", "");
const BY_USERNAME: &str = accounts!("(SELECT * FROM accounts WHERE username = $1 AND username <> '') a", "");
const BY_IDENTITY: &str =
    accounts!("(SELECT * FROM accounts WHERE id = (SELECT account_id FROM identities WHERE kind = $1 AND value = $2)) a", "");

/// A page: `$1` is the last username before it, `$2` how many.
macro_rules! page {
    ($which:expr) => {
        accounts!(
            concat!("(SELECT * FROM accounts WHERE username > $1 AND ", $which, " ORDER BY username LIMIT $2) a"),
            "a.username, "
        )
    };
}

/// The ban in four columns: since, until, why and by whom.
pub(super) fn read_ban(row: &mut Row, at: usize) -> Result<Option<Ban>, Fail> {
    let Some(since) = row.int_or_null(at)? else { return Ok(None) };
    let (reason, by) = (row.text_or_null(at + 2)?.unwrap_or_default(), row.text_or_null(at + 3)?.unwrap_or_default());
    Ok(Some(Ban { since, until: row.int_or_null(at + 1)?, reason, by }))
}

/// Accounts of rows that [`accounts!`] gives: rows of one account follow each other.
pub(super) fn read_accounts(rows: Vec<Row>) -> Result<Vec<Account>, Fail> {
    let mut accounts: Vec<Account> = Vec::new();
    for mut row in rows {
        let id = row.user(0)?;
        if accounts.last().is_none_or(|last| last.id != id) {
            let ban = read_ban(&mut row, 11)?;
            accounts.push(Account {
                id,
                username: row.text(1)?,
                display_name: row.text(2)?,
                avatar_url: row.text(3)?,
                lang_tag: row.text(4)?,
                location: row.text(5)?,
                timezone: row.text(6)?,
                metadata: row.text(7)?,
                create_time: row.int(8)?,
                update_time: row.int(9)?,
                verify_time: row.int_or_null(10)?,
                ban,
                generation: row.int(15)?,
                identities: Vec::new(),
            });
        }
        if let (Some(kind), Some(value)) = (row.text_or_null(16)?, row.text_or_null(17)?) {
            let kind = IdentityKind::from_name(&kind)
                .ok_or_else(|| crate::StoreError::Unavailable(format!("an identity of the unknown kind {kind}")))?;
            accounts.last_mut().expect("one was just added").identities.push(Identity { kind, value });
        }
    }
    Ok(accounts)
}

async fn find(conn: &mut dyn Conn, sql: &'static str, values: Vec<Value>) -> Result<Option<Account>, Fail> {
    Ok(read_accounts(conn.rows(sql, values).await?)?.pop())
}

pub(super) async fn by_identity(conn: &mut dyn Conn, identity: &Identity) -> Result<Option<Account>, Fail> {
    find(conn, BY_IDENTITY, values![identity.kind.name(), &identity.value]).await
}

pub(super) async fn by_id(conn: &mut dyn Conn, user: UserId) -> Result<Account, Fail> {
    find(conn, BY_ID, values![user]).await?.ok_or_else(|| Missing::Account.into())
}

async fn many(conn: &mut dyn Conn, sql: &'static str, batch: Vec<Vec<Value>>) -> Result<Vec<Account>, Fail> {
    let mut accounts = Vec::new();
    for rows in conn.each(sql, batch).await? {
        accounts.extend(read_accounts(rows)?);
    }
    Ok(accounts)
}

pub(super) async fn update(conn: &mut dyn Conn, user: UserId, update: &AccountUpdate, now: Millis) -> Result<Account, Fail> {
    const SQL: &str = "UPDATE accounts SET username = COALESCE($2, username), display_name = COALESCE($3, display_name), \
         avatar_url = COALESCE($4, avatar_url), lang_tag = COALESCE($5, lang_tag), location = COALESCE($6, location), \
         timezone = COALESCE($7, timezone), metadata = COALESCE($8, metadata), update_time = $9 WHERE id = $1 AND username <> '' \
         RETURNING id";
    let AccountUpdate { username, display_name, avatar_url, lang_tag, location, timezone, metadata } = update;
    let fields = [username, display_name, avatar_url, lang_tag, location, timezone, metadata];
    let mut values = values![user];
    values.extend(fields.into_iter().map(|field| Value::from(field.as_ref())));
    values.push(now.into());
    conn.rows(SQL, values).await.map_err(|fail| fail.unique(Conflict::Username))?;
    by_id(conn, user).await
}

/// Ends all sessions of the account; its new generation.
pub(super) async fn revoke_all(conn: &mut dyn Conn, user: UserId) -> Result<i64, Fail> {
    let sql = "UPDATE accounts SET generation = generation + 1 WHERE id = $1 AND username <> '' RETURNING generation";
    let generation = one(conn.rows(sql, values![user]).await?).ok_or(Missing::Account)?.int(0)?;
    conn.rows("DELETE FROM sessions WHERE account_id = $1", values![user]).await?;
    Ok(generation)
}

/// Changes one account by a statement that returns a row for it.
fn set<'a>(conn: &'a mut dyn Conn, sql: &'static str, values: Vec<Value>) -> BoxFuture<'a, Result<(), Fail>> {
    Box::pin(async move { one(conn.rows(sql, values).await?).map(drop).ok_or_else(|| Missing::Account.into()) })
}

pub(super) async fn set_password(
    conn: &mut dyn Conn,
    user: UserId,
    hash: Option<&String>,
    others: OtherWays,
    now: Millis,
) -> Result<i64, Fail> {
    const UNLINK: &str = "DELETE FROM identities WHERE account_id = $1 AND kind <> 'email' \
         AND EXISTS (SELECT 1 FROM identities own WHERE own.account_id = $1 AND own.kind = 'email') RETURNING kind";
    let sql = "UPDATE accounts SET password_hash = $2 WHERE id = $1 AND username <> '' RETURNING id";
    set(conn, sql, values![user, hash]).await?;
    if others == OtherWays::Unlink && !conn.rows(UNLINK, values![user]).await?.is_empty() {
        conn.rows("UPDATE accounts SET update_time = $2 WHERE id = $1", values![user, now]).await?;
    }
    revoke_all(conn, user).await
}

async fn delete(conn: &mut dyn Conn, user: UserId, tombstone: Option<&String>, now: Millis) -> Result<(), Fail> {
    set(conn, "DELETE FROM accounts WHERE id = $1 AND username <> '' RETURNING id", values![user]).await?;
    if let Some(by) = tombstone {
        let sql = "INSERT INTO tombstones (account_id, time, actor) VALUES ($1, $2, $3) \
             ON CONFLICT (account_id) DO UPDATE SET time = excluded.time, actor = excluded.actor";
        conn.rows(sql, values![user, now, by]).await?;
    }
    Ok(())
}

async fn tombstone(conn: &mut dyn Conn, user: UserId) -> Result<Option<Tombstone>, Fail> {
    let rows = conn.rows("SELECT time, actor FROM tombstones WHERE account_id = $1", values![user]).await?;
    one(rows).map(|mut row| Ok(Tombstone { id: user, time: row.int(0)?, by: row.text(1)? })).transpose()
}

async fn export(conn: &mut dyn Conn, user: UserId, place: &person::Place) -> Result<PersonExport, Fail> {
    let account = by_id(conn, user).await?;
    let (after, from) = place;
    let (ledger, more_lines, bytes) = match from {
        None => super::wallets::part_of_ledger(conn, user, *after).await?,
        Some(_) => (Vec::new(), false, 0),
    };
    let (objects, more_objects) = if more_lines {
        (Vec::new(), false)
    } else {
        let from = from.as_ref().map_or(("", ""), |(collection, key)| (collection.as_str(), key.as_str()));
        super::objects::part_of(conn, user, from, ANSWER_MAX.saturating_sub(bytes)).await?
    };
    Ok(PersonExport {
        wallet: super::wallets::wallet(conn, user).await?,
        sessions: super::sessions::all_of(conn, user).await?,
        cursor: person::next(ledger.last().map(|(number, _)| *number), more_lines, &objects, more_objects),
        ledger: ledger.into_iter().map(|(_, line)| line).collect(),
        objects,
        account,
    })
}

async fn list(conn: &mut dyn Conn, filter: &AccountFilter, after: &str, limit: usize) -> Result<Vec<Account>, Fail> {
    let mut values = values![after, limit];
    let sql = match filter {
        AccountFilter::All => page!("username <> ''"),
        AccountFilter::Banned => page!("ban_since IS NOT NULL"),
        AccountFilter::UsernamePrefix(prefix) => {
            // More of the last character than a name has room for.
            values.extend(values![prefix, format!("{prefix}{}", "\u{10ffff}".repeat(NAME_MAX / 4 + 1))]);
            page!("username >= $3 AND username < $4")
        }
        AccountFilter::Identity(value) => {
            values.extend(values![value]);
            page!(
                "id IN (SELECT account_id FROM identities WHERE value = $3 AND kind IN ('device', 'custom', 'email', 'apple', 'google', \
                 'facebook', 'facebook_instant', 'game_center', 'steam'))"
            )
        }
    };
    read_accounts(conn.rows(sql, values).await?)
}

#[async_trait]
impl Accounts for Sql {
    async fn register_or_find(&self, identity: Identity, new: Option<NewAccount>, now: Millis) -> Result<Found> {
        identity.check()?;
        new.as_ref().map_or(Ok(()), NewAccount::check)?;
        // Whoever was here before costs no writer.
        let known = self.read(identity.clone(), |identity, conn| Box::pin(by_identity(conn, identity))).await?;
        if let Some(account) = known {
            return Ok(Found { account, created: false });
        }
        let new = new.ok_or(Missing::Account)?;
        self.write((identity, new, now), |(identity, new, now), conn| {
            Box::pin(super::identities::find_or_make(conn, identity, Some(new), *now))
        })
        .await
    }

    async fn link(&self, user: UserId, identity: Identity, password_hash: Option<String>, now: Millis) -> Result<()> {
        check_link(&identity, password_hash.as_deref())?;
        self.write((user, identity, password_hash, now), |(user, identity, hash, now), conn| {
            Box::pin(super::identities::link(conn, *user, identity, hash.as_ref(), *now))
        })
        .await
    }

    async fn unlink(&self, user: UserId, kind: IdentityKind, value: Option<String>, now: Millis) -> Result<()> {
        let value = check_unlink(kind, value)?;
        self.write((user, kind, value, now), |(user, kind, value, now), conn| {
            Box::pin(super::identities::unlink(conn, *user, *kind, value.as_ref(), *now))
        })
        .await
    }

    async fn get(&self, user: UserId) -> Result<Account> {
        self.read(user, |user, conn| Box::pin(by_id(conn, *user))).await
    }

    async fn get_many(&self, users: Vec<UserId>) -> Result<Vec<Account>> {
        check::batch("users", &users)?;
        let batch: Vec<_> = distinct(users).into_iter().map(|user| values![user]).collect();
        self.read(batch, |batch, conn| Box::pin(many(conn, BY_ID, batch.clone()))).await
    }

    async fn by_usernames(&self, usernames: Vec<String>) -> Result<Vec<Account>> {
        check::batch("usernames", &usernames)?;
        usernames.iter().try_for_each(|username| check::text("username", username, 512))?;
        let batch: Vec<_> = distinct(usernames).into_iter().map(|username| values![username]).collect();
        self.read(batch, |batch, conn| Box::pin(many(conn, BY_USERNAME, batch.clone()))).await
    }

    async fn by_identities(&self, identities: Vec<Identity>) -> Result<Vec<Account>> {
        check::batch("identities", &identities)?;
        identities.iter().try_for_each(Identity::check)?;
        let batch: Vec<_> = identities.into_iter().map(|identity| values![identity.kind.name(), identity.value]).collect();
        let found = self.read(batch, |batch, conn| Box::pin(many(conn, BY_IDENTITY, batch.clone()))).await?;
        let mut seen = std::collections::BTreeSet::new();
        Ok(found.into_iter().filter(|account| seen.insert(account.id)).collect())
    }

    async fn update(&self, user: UserId, change: AccountUpdate, now: Millis) -> Result<Account> {
        change.check()?;
        self.write((user, change, now), |(user, change, now), conn| Box::pin(update(conn, *user, change, *now))).await
    }

    async fn password(&self, email: String) -> Result<(UserId, Option<String>)> {
        let identity = Identity::new(IdentityKind::Email, email);
        identity.check()?;
        self.read(identity.value, |email, conn| {
            Box::pin(async move {
                let sql = "SELECT a.id, a.password_hash FROM accounts a JOIN identities i ON i.account_id = a.id \
                     WHERE i.kind = 'email' AND i.value = $1";
                let mut row = one(conn.rows(sql, values![email]).await?).ok_or(Missing::Account)?;
                Ok((row.user(0)?, row.text_or_null(1)?))
            })
        })
        .await
    }

    async fn set_password(&self, user: UserId, hash: Option<String>, others: OtherWays, now: Millis) -> Result<i64> {
        check_hash(hash.as_deref())?;
        self.write((user, hash, others, now), |(user, hash, others, now), conn| {
            Box::pin(set_password(conn, *user, hash.as_ref(), *others, *now))
        })
        .await
    }

    async fn rehash(&self, user: UserId, old: String, new: String) -> Result<bool> {
        check_hash(Some(&new))?;
        self.write(values![user, old, new], |values, conn| {
            let sql = "UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id";
            Box::pin(async move { Ok(!conn.rows(sql, values.clone()).await?.is_empty()) })
        })
        .await
    }

    async fn set_verified(&self, user: UserId, now: Millis) -> Result<()> {
        self.write(values![user, now], |values, conn| {
            set(conn, "UPDATE accounts SET verify_time = $2 WHERE id = $1 AND username <> '' RETURNING id", values.clone())
        })
        .await
    }

    async fn disable(&self, user: UserId, ban: Ban, _now: Millis) -> Result<i64> {
        ban.check()?;
        self.write((user, ban), |(user, ban), conn| {
            Box::pin(async move {
                let sql = "UPDATE accounts SET ban_since = $2, ban_until = $3, ban_reason = $4, ban_by = $5 \
                     WHERE id = $1 AND username <> '' RETURNING id";
                set(conn, sql, values![*user, ban.since, ban.until, &ban.reason, &ban.by]).await?;
                revoke_all(conn, *user).await
            })
        })
        .await
    }

    async fn enable(&self, user: UserId, _now: Millis) -> Result<()> {
        self.write(values![user], |values, conn| {
            let sql = "UPDATE accounts SET ban_since = NULL, ban_until = NULL, ban_reason = NULL, ban_by = NULL \
                 WHERE id = $1 AND username <> '' RETURNING id";
            set(conn, sql, values.clone())
        })
        .await
    }

    async fn delete(&self, user: UserId, by: Option<String>, now: Millis) -> Result<()> {
        by.as_ref().map_or(Ok(()), |by| check::text("by", by, 512))?;
        self.write((user, by, now), |(user, by, now), conn| {
            Box::pin(async move {
                lock_account(conn, *user).await?;
                delete(conn, *user, by.as_ref(), *now).await
            })
        })
        .await
    }

    async fn tombstone(&self, user: UserId) -> Result<Option<Tombstone>> {
        self.read(user, |user, conn| Box::pin(tombstone(conn, *user))).await
    }

    async fn export(&self, user: UserId, cursor: Option<String>) -> Result<PersonExport> {
        let place = person::place(cursor.as_deref())?;
        self.snapshot((user, place), |(user, place), conn| Box::pin(export(conn, *user, place))).await
    }

    async fn list(&self, filter: AccountFilter, limit: usize, cursor: Option<String>) -> Result<Page<Account>> {
        filter.check()?;
        let window = Window::<String>::new(limit, cursor.as_deref())?;
        let args = (filter, window.after.clone().unwrap_or_default(), window.fetch());
        check::text("cursor", &args.1, 512)?;
        let accounts = self.read(args, |(filter, after, limit), conn| Box::pin(list(conn, filter, after, *limit))).await?;
        Ok(window.page(accounts, |account| account.username.clone()))
    }

    async fn count(&self) -> Result<u64> {
        self.read((), |(), conn| {
            Box::pin(async move {
                let rows = conn.rows("SELECT count(*) FROM accounts WHERE username <> ''", vec![]).await?;
                Ok(one(rows).map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
            })
        })
        .await
    }
}
