//! Owns the model of sessions.

use async_trait::async_trait;

use super::{Memory, SessionRow, State};
use crate::accounts::check_hash;
use crate::sessions::check_sign_in;
use crate::{
    Conflict, Found, Identity, Millis, Missing, NewAccount, NewSession, OtherWays, Result, Rotate, Rotation, SESSIONS_MAX,
    Session, SessionId, Sessions, SignedIn, TokenHash, UserId,
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
    fn put_session(&mut self, id: SessionId, row: SessionRow) {
        self.end_session(id);
        self.sessions_of.put((row.user, id), ());
        self.sessions_by_end.put((row.expires, id), ());
        self.sessions.put(id, row);
    }

    /// Whether there was one.
    fn end_session(&mut self, id: SessionId) -> bool {
        let Some(row) = self.sessions.remove(&id) else { return false };
        self.sessions_of.remove(&(row.user, id));
        self.sessions_by_end.remove(&(row.expires, id));
        true
    }

    fn session_ids(&self, user: UserId) -> Vec<SessionId> {
        let all = (user, SessionId([0; 16]))..=(user, SessionId([0xff; 16]));
        self.sessions_of.range(all).map(|((_, id), ())| *id).collect()
    }

    pub(super) fn end_sessions(&mut self, user: UserId) {
        for id in self.session_ids(user) {
            self.end_session(id);
        }
    }

    pub(super) fn end_reset(&mut self, user: UserId) {
        if let Some((token, expires)) = self.resets.remove(&user) {
            self.reset_tokens.remove(&token);
            self.resets_by_end.remove(&(expires, user));
        }
    }

    pub(super) fn sessions_of(&self, user: UserId, generation: i64) -> Vec<Session> {
        let rows = self.session_ids(user).into_iter().filter_map(|id| Some((id, self.sessions.get(&id)?)));
        let mut sessions: Vec<Session> = rows.map(|(id, row)| row.session(id, generation)).collect();
        sessions.sort_by_key(|session| (session.create_time, session.id));
        sessions
    }

    fn make_place(&mut self, user: UserId) {
        let rows = self.session_ids(user).into_iter().filter_map(|id| Some((self.sessions.get(&id)?.update_time, id)));
        let mut mine: Vec<_> = rows.collect();
        mine.sort_unstable();
        let over = (mine.len() + 1).saturating_sub(SESSIONS_MAX);
        for (_, id) in mine.into_iter().take(over) {
            self.end_session(id);
        }
    }

    fn begin(&mut self, user: UserId, new: NewSession, now: Millis) -> Result<Session> {
        let generation = self.row(user)?.account.generation;
        if self.sessions.has(&new.id) {
            return Err(Conflict::Id.into());
        }
        self.make_place(user);
        let row = SessionRow {
            user,
            current: new.token,
            previous: None,
            rotate_time: now,
            vars: new.vars,
            origin: new.origin,
            create_time: now,
            update_time: now,
            expires: new.expires,
        };
        self.put_session(new.id, row.clone());
        Ok(row.session(new.id, generation))
    }

    fn rotate(&mut self, rotate: Rotate, now: Millis) -> Result<Rotation> {
        let Some(mut row) = self.sessions.get(&rotate.id).filter(|row| now < row.expires).cloned() else {
            return Ok(Rotation::Ended);
        };
        let again = rotate.presented != row.current;
        let in_time = now < row.rotate_time.saturating_add(rotate.grace) && row.origin == rotate.origin;
        if !again {
            row.previous = Some(row.current);
            row.rotate_time = now;
        } else if row.previous != Some(rotate.presented) || !in_time {
            self.end_session(rotate.id);
            return Ok(Rotation::Reused(row.user));
        }
        row.current = rotate.next;
        row.expires = rotate.expires;
        row.update_time = now;
        row.vars = rotate.vars.unwrap_or(row.vars);
        row.origin = rotate.origin;
        self.put_session(rotate.id, row.clone());
        let session = row.session(rotate.id, self.row(row.user)?.account.generation);
        Ok(if again { Rotation::Again(session) } else { Rotation::Rotated(session) })
    }
}

#[async_trait]
impl Sessions for Memory {
    async fn create(&self, user: UserId, new: NewSession, now: Millis) -> Result<Session> {
        new.check()?;
        self.unit(|state| state.begin(user, new, now))
    }

    async fn sign_in(&self, identity: Identity, new: Option<NewAccount>, session: NewSession, now: Millis) -> Result<SignedIn> {
        check_sign_in(&identity, new.as_ref(), &session)?;
        self.unit(|state| {
            let Found { account, created } = state.register_or_find(identity, new, now)?;
            let ban = account.ban.filter(|ban| ban.holds(now));
            if ban.is_none() {
                state.begin(account.id, session, now)?;
            }
            Ok(SignedIn { user: account.id, username: account.username, generation: account.generation, ban, created })
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
        self.unit(|state| Ok(state.end_session(id)))
    }

    async fn revoke_all(&self, user: UserId, _now: Millis) -> Result<i64> {
        self.unit(|state| state.revoke_all(user))
    }

    async fn generation(&self, user: UserId) -> Result<i64> {
        self.unit(|state| Ok(state.row(user)?.account.generation))
    }

    async fn purge(&self, now: Millis, limit: usize) -> Result<u64> {
        self.unit(|state| {
            let ended = state.sessions_by_end.iter().map(|(key, ())| *key).take_while(|(expires, _)| *expires <= now);
            let ended: Vec<_> = ended.take(limit).collect();
            for (_, id) in &ended {
                state.end_session(*id);
            }
            let resets = state.resets_by_end.iter().map(|(key, ())| *key).take_while(|(expires, _)| *expires <= now);
            let resets: Vec<_> = resets.take(limit - ended.len()).collect();
            resets.iter().for_each(|(_, user)| state.end_reset(*user));
            Ok((ended.len() + resets.len()) as u64)
        })
    }

    async fn create_reset(&self, user: UserId, token: TokenHash, expires: Millis, _now: Millis) -> Result<()> {
        self.unit(|state| {
            state.row(user)?;
            if state.reset_tokens.get(&token).is_some_and(|other| *other != user) {
                return Err(Conflict::Id.into());
            }
            state.end_reset(user);
            state.resets.put(user, (token, expires));
            state.reset_tokens.put(token, user);
            state.resets_by_end.put((expires, user), ());
            Ok(())
        })
    }

    async fn use_reset(&self, token: TokenHash, password_hash: String, others: OtherWays, now: Millis) -> Result<UserId> {
        check_hash(Some(&password_hash))?;
        self.unit(|state| {
            let user = *state.reset_tokens.get(&token).ok_or(Missing::ResetToken)?;
            if state.resets.get(&user).is_none_or(|(_, expires)| now >= *expires) {
                return Err(Missing::ResetToken.into());
            }
            state.end_reset(user);
            state.set_password(user, Some(password_hash), others, now)?;
            Ok(user)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Memory;
    use crate::{Accounts, Identity, IdentityKind, NewAccount, NewSession, SESSIONS_MAX, SessionId, Sessions, UserId};

    #[test]
    fn a_sign_in_looks_at_no_other_persons_sessions() {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let memory = Memory::default();
            for person in 0..200_u8 {
                let user = UserId([person + 1; 16]);
                let new = NewAccount::named(user, format!("player{person}"));
                let device = Identity::new(IdentityKind::Device, format!("device{person}"));
                memory.register_or_find(device, Some(new), 1).await.unwrap();
                for number in 0..20 {
                    let id = SessionId::at(1);
                    let new = NewSession { id, token: [number; 32], expires: 1000, vars: "{}".into(), origin: String::new() };
                    let before = memory.state.lock().unwrap().looked_at();
                    memory.create(user, new, 1).await.unwrap();
                    let looked = memory.state.lock().unwrap().looked_at() - before;
                    assert!(looked <= SESSIONS_MAX as u64 + 8, "{looked} rows");
                }
            }
            let before = memory.state.lock().unwrap().looked_at();
            memory.revoke_all(UserId([7; 16]), 2).await.unwrap();
            assert_eq!(memory.purge(2, 1000).await, Ok(0));
            assert!(memory.state.lock().unwrap().looked_at() - before <= SESSIONS_MAX as u64 + 8);
        });
    }
}
