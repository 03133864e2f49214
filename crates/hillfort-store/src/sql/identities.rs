//! Owns how accounts are made, and found by identities, in SQL. Knows nothing of what else an account has.

use super::accounts::{by_id, by_identity};
use super::{Conn, Fail, lock_account, one, values};
use crate::{AccountUpdate, Conflict, DEVICES_MAX, Found, Identity, IdentityKind, LANG_TAG, Millis, Missing, NewAccount, UserId};

const INSERT: &str = "INSERT INTO identities (kind, value, account_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING kind";

/// The account with the identity, made from `new` when there is none.
pub(super) async fn find_or_make(
    conn: &mut dyn Conn,
    identity: &Identity,
    new: Option<&NewAccount>,
    now: Millis,
) -> Result<Found, Fail> {
    const ACCOUNT: &str = "INSERT INTO accounts (id, username, display_name, avatar_url, lang_tag, location, timezone, metadata, \
         password_hash, generation, create_time, update_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $10) \
         ON CONFLICT DO NOTHING RETURNING id";
    if let Some(account) = by_identity(conn, identity).await? {
        return Ok(Found { account, created: false });
    }
    let new = new.ok_or(Missing::Account)?;
    let AccountUpdate { username: _, display_name, avatar_url, lang_tag, location, timezone, metadata } = &new.profile;
    let mut values = values![new.id, &new.username];
    for (text, default) in [(display_name, ""), (avatar_url, ""), (lang_tag, LANG_TAG), (location, ""), (timezone, "")] {
        values.push(text.as_ref().map_or(default, String::as_str).into());
    }
    values.push(metadata.as_ref().map_or("{}", String::as_str).into());
    values.extend(values![new.password_hash.as_ref(), now]);
    if one(conn.rows(ACCOUNT, values).await?).is_none() {
        // Another transaction may have made it meanwhile, by the same identity.
        if let Some(account) = by_identity(conn, identity).await? {
            return Ok(Found { account, created: false });
        }
        let id_is_taken = !conn.rows("SELECT id FROM accounts WHERE id = $1", values![new.id]).await?.is_empty();
        return Err(if id_is_taken { Conflict::Id } else { Conflict::Username }.into());
    }
    let values = values![identity.kind.name(), &identity.value, new.id];
    if one(conn.rows(INSERT, values).await?).is_none() {
        return Err(Fail::Again);
    }
    Ok(Found { account: by_id(conn, new.id).await?, created: true })
}

async fn owner(conn: &mut dyn Conn, identity: &Identity) -> Result<Option<UserId>, Fail> {
    let sql = "SELECT account_id FROM identities WHERE kind = $1 AND value = $2";
    one(conn.rows(sql, values![identity.kind.name(), &identity.value]).await?).map(|row| row.user(0)).transpose()
}

/// Identities of an account; with a kind, those of it.
async fn count(conn: &mut dyn Conn, user: UserId, kind: Option<IdentityKind>) -> Result<i64, Fail> {
    let sql = "SELECT count(*) FROM identities WHERE account_id = $1 AND kind >= $2 AND kind <= $3";
    let (first, last) = kind.map_or(("", "z"), |kind| (kind.name(), kind.name()));
    one(conn.rows(sql, values![user, first, last]).await?).map_or(Ok(0), |row| row.int(0))
}

async fn touch(conn: &mut dyn Conn, user: UserId, now: Millis) -> Result<(), Fail> {
    conn.rows("UPDATE accounts SET update_time = $2 WHERE id = $1", values![user, now]).await.map(drop)
}

pub(super) async fn link(
    conn: &mut dyn Conn,
    user: UserId,
    identity: &Identity,
    hash: Option<&String>,
    now: Millis,
) -> Result<(), Fail> {
    lock_account(conn, user).await?;
    match owner(conn, identity).await? {
        Some(other) if other != user => return Err(Conflict::Identity.into()),
        Some(_) => {}
        None => {
            let most = if identity.kind == IdentityKind::Device { DEVICES_MAX } else { 1 };
            if count(conn, user, Some(identity.kind)).await? >= most as i64 {
                return Err(Conflict::IdentityKind.into());
            }
            if one(conn.rows(INSERT, values![identity.kind.name(), &identity.value, user]).await?).is_none() {
                return Err(Fail::Again);
            }
            touch(conn, user, now).await?;
        }
    }
    if hash.is_some() {
        conn.rows("UPDATE accounts SET password_hash = $2 WHERE id = $1", values![user, hash]).await?;
    }
    Ok(())
}

pub(super) async fn unlink(
    conn: &mut dyn Conn,
    user: UserId,
    kind: IdentityKind,
    value: Option<&String>,
    now: Millis,
) -> Result<(), Fail> {
    lock_account(conn, user).await?;
    let all = count(conn, user, None).await?;
    let gone = match value {
        Some(value) => {
            let sql = "DELETE FROM identities WHERE account_id = $1 AND kind = $2 AND value = $3 RETURNING kind";
            conn.rows(sql, values![user, kind.name(), value]).await?
        }
        None => {
            let sql = "DELETE FROM identities WHERE account_id = $1 AND kind = $2 RETURNING kind";
            conn.rows(sql, values![user, kind.name()]).await?
        }
    };
    if gone.is_empty() {
        return Err(Missing::Identity.into());
    }
    if all == 1 {
        return Err(Conflict::LastIdentity.into());
    }
    if kind == IdentityKind::Email {
        let sql = "UPDATE accounts SET password_hash = NULL, verify_time = NULL WHERE id = $1";
        conn.rows(sql, values![user]).await?;
    }
    touch(conn, user, now).await
}
