//! Owns the model of sessions.

use async_trait::async_trait;

use super::{Memory, SessionRow, State};
use crate::accounts::check_hash;
use crate::{
    Conflict, Millis, Missing, NewSession, Result, Rotate, Rotation, SESSIONS_MAX, Session, SessionId, Sessions, TokenHash,
    UserId,
};

impl SessionRow {
    fn session(&self, id: SessionId, generation: i64) -> Session {
        Session {
            id,
            user: self.user,
            generation,
            vars: self.vars.clone(),
            origin: self.origin.clone(),
            create_time: self.create_time,
            update_time: self.update_time,
            expires: self.expires,
        }
    }
}

impl State {
    pub(super) fn sessions_of(&self, user: UserId, generation: i64) -> Vec<Session> {
        let rows = self.sessions.iter().filter(|(_, row)| row.user == user);
        let mut sessions: Vec<Session> = rows.map(|(id, row)| row.session(*id, generation)).collect();
        sessions.sort_by_key(|session| (session.create_time, session.id));
        sessions
    }

    fn make_place(&mut self, user: UserId) {
        let mut mine: Vec<_> =
            self.sessions.iter().filter(|(_, row)| row.user == user).map(|(id, row)| (row.update_time, *id)).collect();
        mine.sort_unstable();
        let over = (mine.len() + 1).saturating_sub(SESSIONS_MAX);
        for (_, id) in mine.into_iter().take(over) {
            self.sessions.remove(&id);
        }
    }

    fn rotate(&mut self, rotate: Rotate, now: Millis) -> Result<Rotation> {
        let Some(mut row) = self.sessions.get(&rotate.id).filter(|row| now < row.expires).cloned() else {
            return Ok(Rotation::Ended);
        };
        if rotate.presented == row.current {
            row.previous = Some(row.current);
            row.rotate_time = now;
        } else if row.previous != Some(rotate.presented) || now >= row.rotate_time.saturating_add(rotate.grace) {
            self.sessions.remove(&rotate.id);
            return Ok(Rotation::Reused(row.user));
        }
        row.current = rotate.next;
        row.expires = rotate.expires;
        row.update_time = now;
        row.vars = rotate.vars.unwrap_or(row.vars);
        self.sessions.put(rotate.id, row.clone());
        Ok(Rotation::Rotated(row.session(rotate.id, self.row(row.user)?.account.generation)))
    }
}

#[async_trait]
impl Sessions for Memory {
    async fn create(&self, new: NewSession, now: Millis) -> Result<Session> {
        new.check()?;
        self.unit(|state| {
            let generation = state.row(new.user)?.account.generation;
            if state.sessions.has(&new.id) {
                return Err(Conflict::Id.into());
            }
            state.make_place(new.user);
            let row = SessionRow {
                user: new.user,
                current: new.token,
                previous: None,
                rotate_time: now,
                vars: new.vars,
                origin: new.origin,
                create_time: now,
                update_time: now,
                expires: new.expires,
            };
            state.sessions.put(new.id, row.clone());
            Ok(row.session(new.id, generation))
        })
    }

    async fn rotate(&self, rotate: Rotate, now: Millis) -> Result<Rotation> {
        rotate.check()?;
        self.unit(|state| state.rotate(rotate, now))
    }

    async fn get(&self, id: SessionId, now: Millis) -> Result<Option<Session>> {
        self.unit(|state| {
            let Some(row) = state.sessions.get(&id).filter(|row| now < row.expires) else { return Ok(None) };
            Ok(Some(row.session(id, state.row(row.user)?.account.generation)))
        })
    }

    async fn of_user(&self, user: UserId, now: Millis) -> Result<Vec<Session>> {
        self.unit(|state| {
            let generation = state.row(user)?.account.generation;
            let mut sessions = state.sessions_of(user, generation);
            sessions.retain(|session| now < session.expires);
            Ok(sessions)
        })
    }

    async fn revoke(&self, id: SessionId) -> Result<bool> {
        self.unit(|state| Ok(state.sessions.remove(&id).is_some()))
    }

    async fn revoke_all(&self, user: UserId, _now: Millis) -> Result<i64> {
        self.unit(|state| state.revoke_all(user))
    }

    async fn generation(&self, user: UserId) -> Result<i64> {
        self.unit(|state| Ok(state.row(user)?.account.generation))
    }

    async fn purge(&self, now: Millis, limit: usize) -> Result<u64> {
        self.unit(|state| {
            let mut ended: Vec<_> =
                state.sessions.iter().filter(|(_, row)| row.expires <= now).map(|(id, row)| (row.expires, *id)).collect();
            ended.sort_unstable();
            ended.truncate(limit);
            ended.iter().for_each(|(_, id)| drop(state.sessions.remove(id)));
            let mut resets: Vec<_> = state
                .resets
                .iter()
                .filter(|(_, (_, expires))| *expires <= now)
                .map(|(user, (_, expires))| (*expires, *user))
                .collect();
            resets.sort_unstable();
            resets.truncate(limit - ended.len());
            for (_, user) in &resets {
                state.resets.remove(user);
            }
            Ok((ended.len() + resets.len()) as u64)
        })
    }

    async fn create_reset(&self, user: UserId, token: TokenHash, expires: Millis, _now: Millis) -> Result<()> {
        self.unit(|state| {
            state.row(user)?;
            if state.resets.iter().any(|(other, (taken, _))| *other != user && *taken == token) {
                return Err(Conflict::Id.into());
            }
            state.resets.put(user, (token, expires));
            Ok(())
        })
    }

    async fn use_reset(&self, token: TokenHash, password_hash: String, now: Millis) -> Result<UserId> {
        check_hash(Some(&password_hash))?;
        self.unit(|state| {
            let found = state.resets.iter().find(|(_, (hash, expires))| *hash == token && now < *expires);
            let user = *found.ok_or(Missing::ResetToken)?.0;
            state.resets.remove(&user);
            state.change(user, |row| row.password_hash = Some(password_hash))?;
            state.revoke_all(user)?;
            Ok(user)
        })
    }
}
