//! Owns sessions and tokens for a new password in SQL.

use async_trait::async_trait;

use super::{Conn, Fail, Row, Sql, Statement, lock_account, one, values};
use crate::accounts::check_hash;
use crate::sessions::check_sign_in;
use crate::{
    Conflict, Found, Identity, Millis, Missing, NewAccount, NewSession, OtherWays, Result, Rotate, Rotation, SESSIONS_MAX,
    Session, SessionId, Sessions, SignedIn, StoreError, TokenHash, UserId,
};

macro_rules! sessions {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.account_id, a.generation, s.vars, s.origin, s.create_time, s.update_time, s.expires FROM sessions s \
             JOIN accounts a ON a.id = s.account_id WHERE ",
            $rest
        )
    };
}

fn read_session(mut row: Row) -> Result<Session, Fail> {
    Ok(Session {
        id: SessionId(row.array(0)?),
        user: row.user(1)?,
        generation: row.int(2)?,
        vars: row.text(3)?,
        origin: row.text(4)?,
        create_time: row.int(5)?,
        update_time: row.int(6)?,
        expires: row.int(7)?,
    })
}

pub(super) async fn all_of(conn: &mut dyn Conn, user: UserId) -> Result<Vec<Session>, Fail> {
    let rows = conn.rows(sessions!("s.account_id = $1 ORDER BY s.create_time, s.id"), values![user]).await?;
    rows.into_iter().map(read_session).collect()
}

/// Ends the sessions that were used least recently, but for `$1`, of whose account there are too many with it.
const TRIM: &str = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
     WHERE account_id = (SELECT account_id FROM sessions WHERE id = $1) AND id <> $1 \
     ORDER BY update_time DESC, id DESC LIMIT 1000000 OFFSET $2)";

async fn create(conn: &mut dyn Conn, user: UserId, new: &NewSession, now: Millis) -> Result<Session, Fail> {
    const INSERT: &str = "INSERT INTO sessions (id, account_id, current, rotate_time, vars, origin, create_time, update_time, expires) \
         VALUES ($1, $2, $3, $4, $5, $6, $4, $4, $7) ON CONFLICT DO NOTHING RETURNING id";
    let generation = lock_account(conn, user).await?;
    let values = values![new.id.0, user, new.token, now, &new.vars, &new.origin, new.expires];
    one(conn.rows(INSERT, values).await?).ok_or(Conflict::Id)?;
    conn.rows(TRIM, values![new.id.0, SESSIONS_MAX - 1]).await?;
    Ok(Session {
        id: new.id,
        user,
        generation,
        vars: new.vars.clone(),
        origin: new.origin.clone(),
        create_time: now,
        update_time: now,
        expires: new.expires,
    })
}

/// Begins a session of somebody who is known: who, when there is such a person, and whether the session was begun.
fn returning(identity: &Identity, session: &NewSession, now: Millis) -> Vec<Statement> {
    const WHO: &str = "SELECT id, username, generation, ban_since, ban_until, ban_reason, ban_by FROM accounts \
         WHERE id = (SELECT account_id FROM identities WHERE kind = $1 AND value = $2)";
    const BEGIN: &str = "INSERT INTO sessions (id, account_id, current, rotate_time, vars, origin, create_time, update_time, expires) \
         SELECT $3, id, $4, $5, $6, $7, $5, $5, $8 FROM accounts \
         WHERE id = (SELECT account_id FROM identities WHERE kind = $1 AND value = $2) AND (ban_since IS NULL OR ban_until <= $5) \
         ON CONFLICT DO NOTHING RETURNING account_id";
    let (kind, value) = (identity.kind.name(), &identity.value);
    let begin = values![kind, value, session.id.0, session.token, now, &session.vars, &session.origin, session.expires];
    vec![
        Statement { sql: WHO, values: values![kind, value], locks: true },
        Statement { sql: BEGIN, values: begin, locks: false },
        Statement { sql: TRIM, values: values![session.id.0, SESSIONS_MAX - 1], locks: false },
    ]
}

/// What came of [`returning`].
enum Returned {
    /// The person is here, or banned.
    Known(SignedIn),
    /// Nobody has the identity.
    Nobody,
    /// The identity changed hands between the statements, or the session's id is taken: all is to be looked at again. With whether a session
    /// was begun, whoever it is of.
    Unclear { begun: bool },
}

fn returned(answers: Vec<Vec<Row>>, now: Millis) -> Result<Returned, Fail> {
    let mut answers = answers.into_iter();
    let (who, begun) = (answers.next().and_then(one), answers.next().and_then(one));
    let begun_of = begun.map(|row| row.user(0)).transpose()?;
    let Some(mut row) = who else {
        return Ok(if begun_of.is_some() { Returned::Unclear { begun: true } } else { Returned::Nobody });
    };
    let (user, ban) = (row.user(0)?, super::accounts::read_ban(&mut row, 3)?.filter(|ban| ban.holds(now)));
    if begun_of != ban.is_none().then_some(user) {
        return Ok(Returned::Unclear { begun: begun_of.is_some() });
    }
    Ok(Returned::Known(SignedIn { user, username: row.text(1)?, generation: row.int(2)?, ban, created: false }))
}

/// The long way. `begun`: a session of this id and token is to be taken back first.
async fn sign_in(
    conn: &mut dyn Conn,
    identity: &Identity,
    new: Option<&NewAccount>,
    session: &NewSession,
    begun: bool,
    now: Millis,
) -> Result<SignedIn, Fail> {
    if begun {
        conn.rows("DELETE FROM sessions WHERE id = $1 AND current = $2", values![session.id.0, session.token]).await?;
    }
    let Found { account, created } = super::identities::find_or_make(conn, identity, new, now).await?;
    let ban = account.ban.filter(|ban| ban.holds(now));
    if ban.is_none() {
        match create(conn, account.id, session, now).await {
            Ok(open) if open.generation == account.generation => {}
            // Banned, signed out everywhere or deleted between the two.
            Ok(_) | Err(Fail::Store(StoreError::NotFound(Missing::Account))) => return Err(Fail::Again),
            Err(fail) => return Err(fail),
        }
    }
    Ok(SignedIn { user: account.id, username: account.username, generation: account.generation, ban, created })
}

async fn rotate(conn: &mut dyn Conn, rotate: &Rotate, now: Millis) -> Result<Rotation, Fail> {
    let sql = "SELECT account_id, current, previous, rotate_time, origin FROM sessions WHERE id = $1 AND expires > $2";
    let Some(mut row) = one(conn.rows_locked(sql, values![rotate.id.0, now]).await?) else { return Ok(Rotation::Ended) };
    let (user, current): (_, TokenHash) = (row.user(0)?, row.array(1)?);
    let previous = if row.0[2] == super::Value::Null { None } else { Some(row.bytes(2)?) };
    let again = rotate.presented != current;
    let (previous, rotate_time) = if again {
        let (rotate_time, origin) = (row.int(3)?, row.text(4)?);
        let in_time = now < rotate_time.saturating_add(rotate.grace) && origin == rotate.origin;
        match previous {
            Some(previous) if previous == rotate.presented && in_time => (previous, rotate_time),
            _ => {
                conn.rows("DELETE FROM sessions WHERE id = $1", values![rotate.id.0]).await?;
                return Ok(Rotation::Reused(user));
            }
        }
    } else {
        (current.to_vec(), now)
    };
    let sql = "UPDATE sessions SET current = $2, previous = $3, rotate_time = $4, vars = COALESCE($5, vars), update_time = $6, \
         expires = $7, origin = $8 WHERE id = $1";
    let values = values![
        rotate.id.0,
        rotate.next,
        previous.as_slice(),
        rotate_time,
        rotate.vars.as_ref(),
        now,
        rotate.expires,
        &rotate.origin
    ];
    conn.rows(sql, values).await?;
    let row = one(conn.rows(sessions!("s.id = $1"), values![rotate.id.0]).await?).ok_or(Fail::Again)?;
    let session = read_session(row)?;
    Ok(if again { Rotation::Again(session) } else { Rotation::Rotated(session) })
}

async fn of_user(conn: &mut dyn Conn, user: UserId, now: Millis) -> Result<Vec<Session>, Fail> {
    generation(conn, user).await?;
    let sql = sessions!("s.account_id = $1 AND s.expires > $2 ORDER BY s.create_time, s.id");
    conn.rows(sql, values![user, now]).await?.into_iter().map(read_session).collect()
}

async fn generation(conn: &mut dyn Conn, user: UserId) -> Result<i64, Fail> {
    let sql = "SELECT generation FROM accounts WHERE id = $1 AND username <> ''";
    one(conn.rows(sql, values![user]).await?).ok_or(Missing::Account)?.int(0)
}

async fn purge(conn: &mut dyn Conn, now: Millis, limit: usize) -> Result<u64, Fail> {
    let sessions = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= $1 ORDER BY expires, id LIMIT $2) \
         RETURNING expires";
    let resets = "DELETE FROM resets WHERE account_id IN (SELECT account_id FROM resets WHERE expires <= $1 \
         ORDER BY expires, account_id LIMIT $2) RETURNING expires";
    let ended = conn.rows(sessions, values![now, limit]).await?.len();
    let more = conn.rows(resets, values![now, limit.saturating_sub(ended)]).await?.len();
    Ok((ended + more) as u64)
}

async fn use_reset(conn: &mut dyn Conn, token: TokenHash, hash: &String, others: OtherWays, now: Millis) -> Result<UserId, Fail> {
    let sql = "DELETE FROM resets WHERE token = $1 AND expires > $2 RETURNING account_id";
    let user = one(conn.rows(sql, values![token, now]).await?).ok_or(Missing::ResetToken)?.user(0)?;
    super::accounts::set_password(conn, user, Some(hash), others, now).await?;
    Ok(user)
}

#[async_trait]
impl Sessions for Sql {
    async fn create(&self, user: UserId, new: NewSession, now: Millis) -> Result<Session> {
        new.check()?;
        self.write((user, new, now), |(user, new, now), conn| Box::pin(create(conn, *user, new, *now))).await
    }

    async fn sign_in(&self, identity: Identity, new: Option<NewAccount>, session: NewSession, now: Millis) -> Result<SignedIn> {
        check_sign_in(&identity, new.as_ref(), &session)?;
        let answers = self.write_at_once(returning(&identity, &session, now)).await?;
        let begun = match returned(answers, now)? {
            Returned::Known(signed_in) => return Ok(signed_in),
            Returned::Nobody if new.is_none() => return Err(Missing::Account.into()),
            Returned::Nobody => false,
            Returned::Unclear { begun } => begun,
        };
        self.write((identity, new, session, begun, now), |(identity, new, session, begun, now), conn| {
            Box::pin(sign_in(conn, identity, new.as_ref(), session, *begun, *now))
        })
        .await
    }

    async fn rotate(&self, request: Rotate, now: Millis) -> Result<Rotation> {
        request.check()?;
        self.write((request, now), |(request, now), conn| Box::pin(rotate(conn, request, *now))).await
    }

    async fn get(&self, id: SessionId, now: Millis) -> Result<Option<Session>> {
        self.read(values![id.0, now], |values, conn| {
            Box::pin(async move {
                let rows = conn.rows(sessions!("s.id = $1 AND s.expires > $2"), values.clone()).await?;
                one(rows).map(read_session).transpose()
            })
        })
        .await
    }

    async fn of_user(&self, user: UserId, now: Millis) -> Result<Vec<Session>> {
        self.read((user, now), |(user, now), conn| Box::pin(of_user(conn, *user, *now))).await
    }

    async fn revoke(&self, id: SessionId) -> Result<bool> {
        self.write(id, |id, conn| {
            Box::pin(async move {
                let rows = conn.rows("DELETE FROM sessions WHERE id = $1 RETURNING id", values![id.0]).await?;
                Ok(!rows.is_empty())
            })
        })
        .await
    }

    async fn revoke_all(&self, user: UserId, _now: Millis) -> Result<i64> {
        self.write(user, |user, conn| Box::pin(super::accounts::revoke_all(conn, *user))).await
    }

    async fn generation(&self, user: UserId) -> Result<i64> {
        self.read(user, |user, conn| Box::pin(generation(conn, *user))).await
    }

    async fn purge(&self, now: Millis, limit: usize) -> Result<u64> {
        self.write((now, limit), |(now, limit), conn| Box::pin(purge(conn, *now, *limit))).await
    }

    async fn create_reset(&self, user: UserId, token: TokenHash, expires: Millis, _now: Millis) -> Result<()> {
        self.write((user, token, expires), |(user, token, expires), conn| {
            Box::pin(async move {
                lock_account(conn, *user).await?;
                let sql = "INSERT INTO resets (account_id, token, expires) VALUES ($1, $2, $3) \
                     ON CONFLICT (account_id) DO UPDATE SET token = excluded.token, expires = excluded.expires";
                conn.rows(sql, values![*user, *token, *expires]).await.map(drop)
            })
        })
        .await
    }

    async fn use_reset(&self, token: TokenHash, password_hash: String, others: OtherWays, now: Millis) -> Result<UserId> {
        check_hash(Some(&password_hash))?;
        self.write((token, password_hash, others, now), |(token, hash, others, now), conn| {
            Box::pin(use_reset(conn, *token, hash, *others, *now))
        })
        .await
    }
}
