//! Sessions: begun by a sign-in, carried on by refresh tokens that are good once, ended by signing out. Owns what tokens mean; their
//! format is [`crate::token`]'s.
//!
//! A session is one family of refresh tokens. Each has a turn, and each turn has one that follows it: who refreshes with one token twice
//! within the grace and from one address, because an answer was lost or two parts of a client were at it at once, gets the same turn twice,
//! and both answers go on. An older one that comes again, or one from another address, was stolen, or its thief came first, and ends the session. Access tokens are looked up in memory alone; they are short-lived, and what was revoked before this
//! server started is asked of the store once for each session ([`Core::admit`]).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hillfort_api::api::{Session, SessionLogoutRequest, SessionRefreshRequest};
use hillfort_api::{ApiError, Caller, Close, Code, SessionUser, UserId, source};
use hillfort_store::{Account, Ban, NewSession, Rotate, Rotation, SessionId, TokenHash};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::core::{Core, full, random};
use crate::id::{shown, stored};
use crate::token::{Claims, LEEWAY_S, TokenFault, TokenTooLong};
use crate::{checks, faults, signed};

/// What became of refresh tokens.
#[derive(Debug, Default)]
pub struct RefreshStats {
    /// The newest of its session: it got the next.
    pub given: AtomicU64,
    /// The one before, within the grace: it got the same.
    pub again: AtomicU64,
    /// An old one, or the one before from another address: the session was ended.
    pub reused: AtomicU64,
}

impl RefreshStats {
    fn count(&self, rotation: &Rotation) {
        let counter = match rotation {
            Rotation::Rotated(_) => &self.given,
            Rotation::Again(_) => &self.again,
            Rotation::Reused(_) => &self.reused,
            Rotation::Ended => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl Core {
    /// Who bears an access token. One MAC and one look into memory.
    pub(crate) fn bearer(&self, token: &str) -> Result<SessionUser, TokenFault> {
        let claims = self.secrets.access.verify(token, self.now_s())?;
        if self.revoked.refuses(claims.session, claims.user, claims.generation) {
            return Err(TokenFault::Expired);
        }
        Ok(SessionUser {
            user_id: UserId(claims.user),
            username: claims.username,
            vars: claims.vars,
            expires_s: claims.expires_s,
            issued_s: claims.issued_s,
            token_id: SessionId(claims.session).to_string(),
            generation: claims.generation,
        })
    }

    /// Looks a session up of which memory cannot know that it was revoked: one that began before this server, once, and one whose token
    /// lives longer than memory does (modules make such), now and then.
    pub(crate) async fn admit(&self, user: &SessionUser) -> Result<(), ApiError> {
        let token_s = i64::from(self.config.sessions.token_s);
        if user.issued_s > self.started_s && user.expires_s.saturating_sub(user.issued_s) <= token_s {
            return Ok(());
        }
        let refused = || ApiError::new(Code::Unauthenticated, "Auth token invalid");
        let session: SessionId = user.token_id.parse().map_err(|_| refused())?;
        let now_ms = self.now_ms();
        if self.looked_up.remembers(&session.0, now_ms) {
            return Ok(());
        }
        match self.store.sessions.get(session, now_ms).await.map_err(faults::store)? {
            Some(open) if open.user == stored(user.user_id) => {
                self.looked_up.remember(&session.0, token_s * 1000, now_ms);
                Ok(())
            }
            _ => {
                self.forget(session.0, now_ms)?;
                Err(refused())
            }
        }
    }

    /// Begins a session for an account that may come in.
    pub(crate) async fn begin(
        &self,
        caller: &Caller,
        account: &Account,
        created: bool,
        vars: BTreeMap<String, String>,
    ) -> Result<(Session, SessionUser), ApiError> {
        checks::vars(&vars, self.config.payloads.vars_bytes)?;
        let now_ms = self.now_ms();
        refuse_banned(account.ban.as_ref(), now_ms)?;
        let mut generation = account.generation;
        if self.config.sessions.single && !created {
            generation = self.end_all(shown(account.id), "another sign-in").await?;
        }
        let (turn, new) = self.first_turn(caller, &vars, now_ms);
        let claims = self.claims(new.id, account.id, account.username.clone(), generation, vars, now_ms);
        let (session, user) = self.tokens(claims, turn, created, now_ms)?;
        let open = self.store.sessions.create(account.id, new, now_ms).await.map_err(faults::store)?;
        if open.generation != generation {
            // Signed out everywhere between the two: the person may sign in again.
            return Err(ApiError::new(Code::Aborted, "The account was signed out everywhere meanwhile: sign in again."));
        }
        Ok((session, user))
    }

    /// A session to begin, and the turn of its first refresh token.
    pub(crate) fn first_turn(&self, caller: &Caller, vars: &BTreeMap<String, String>, now_ms: i64) -> (u64, NewSession) {
        let (id, turn) = (SessionId::at(now_ms), u64::from_ne_bytes(random()));
        let new = NewSession {
            id,
            token: turn_hash(id.0, turn),
            expires: now_ms + self.refresh_ms(),
            vars: json(vars),
            origin: caller.address.ip().to_canonical().to_string(),
        };
        (turn, new)
    }

    /// An access token for an account, of a session of its own: for modules, which vouch for the person.
    pub(crate) async fn token_for(
        &self,
        account: &Account,
        username: String,
        expires_s: Option<i64>,
        vars: BTreeMap<String, String>,
    ) -> Result<(String, i64), ApiError> {
        checks::vars(&vars, self.config.payloads.vars_bytes)?;
        let now_ms = self.now_ms();
        let id = SessionId::at(now_ms);
        let mut claims = self.claims(id, account.id, account.username.clone(), account.generation, vars, now_ms);
        claims.expires_s = expires_s.unwrap_or(claims.expires_s);
        if !username.is_empty() {
            claims.username = username;
        }
        let expires_s = claims.expires_s;
        let too_long = |TokenTooLong| ApiError::invalid("vars", "vars are too large for a token.");
        let token = self.secrets.access.sign(&claims).map_err(too_long)?;
        let new = NewSession {
            id,
            // Nobody has a refresh token of it.
            token: random(),
            expires: expires_s.saturating_mul(1000).max(now_ms),
            vars: json(&claims.vars),
            origin: "module".to_owned(),
        };
        self.store.sessions.create(account.id, new, now_ms).await.map_err(faults::store)?;
        Ok((token, expires_s))
    }

    /// `SessionRefresh`.
    pub(crate) async fn refresh(&self, from: IpAddr, request: SessionRefreshRequest) -> Result<(Session, SessionUser), ApiError> {
        if request.token.is_empty() {
            return Err(ApiError::invalid("token", "Refresh token is required."));
        }
        checks::vars(&request.vars, self.config.payloads.vars_bytes)?;
        let refused = || ApiError::new(Code::Unauthenticated, "Refresh token invalid or expired.");
        let now_ms = self.now_ms();
        let old = self.secrets.refresh.verify(&request.token, now_ms / 1000).map_err(|_| refused())?;
        // Whether the session ended, the store says; who is banned is told so first.
        let account = match self.store.accounts.get(stored(UserId(old.user))).await {
            Ok(account) => account,
            Err(hillfort_store::StoreError::NotFound(_)) => return Err(ApiError::new(Code::NotFound, "User account not found.")),
            Err(error) => return Err(faults::store(error)),
        };
        refuse_banned(account.ban.as_ref(), now_ms)?;
        let new_vars = Some(request.vars).filter(|vars| !vars.is_empty());
        let vars = new_vars.clone().unwrap_or(old.vars);
        let generation = account.generation;
        let claims = self.claims(SessionId(old.session), account.id, account.username, generation, vars, now_ms);
        let turn = self.next_turn(old.session, old.turn);
        let (session, user) = self.tokens(claims, turn, false, now_ms)?;
        let rotate = Rotate {
            id: SessionId(old.session),
            presented: turn_hash(old.session, old.turn),
            next: turn_hash(old.session, turn),
            expires: now_ms + self.refresh_ms(),
            vars: new_vars.as_ref().map(json),
            // A customer's addresses of IPv6 change within their network.
            origin: format!("{:016x}", source(from)),
            grace: i64::from(self.config.sessions.grace_ms),
        };
        let rotation = self.store.sessions.rotate(rotate, now_ms).await.map_err(faults::store)?;
        self.refreshes.count(&rotation);
        match rotation {
            Rotation::Rotated(open) | Rotation::Again(open) if open.generation == generation => Ok((session, user)),
            Rotation::Rotated(_) | Rotation::Again(_) | Rotation::Ended => Err(refused()),
            Rotation::Reused(user) => {
                tracing::warn!(%user, session = %SessionId(old.session), "an old refresh token came again: the session is ended");
                self.forget(old.session, now_ms)?;
                Err(refused())
            }
        }
    }

    /// `SessionLogout`: of the sessions that the tokens name; with none, of all.
    pub(crate) async fn logout(&self, user: UserId, request: SessionLogoutRequest) -> Result<(), ApiError> {
        let now_ms = self.now_ms();
        let mut ended = Vec::new();
        for (token, key, field, message) in [
            (&request.token, &self.secrets.access, "token", "Session token invalid."),
            (&request.refresh_token, &self.secrets.refresh, "refresh_token", "Refresh token invalid."),
        ] {
            if !token.is_empty() {
                let claims = key.verify(token, now_ms / 1000).ok().filter(|claims| claims.user == user.0);
                ended.push(claims.ok_or_else(|| ApiError::invalid(field, message))?.session);
            }
        }
        if ended.is_empty() {
            return self.end_all(user, "signed out everywhere").await.map(|_| ());
        }
        ended.dedup();
        for session in ended {
            self.store.sessions.revoke(SessionId(session)).await.map_err(faults::store)?;
            self.forget(session, now_ms)?;
        }
        Ok(())
    }

    /// Ends all sessions of an account; its new generation.
    pub(crate) async fn end_all(&self, user: UserId, reason: &str) -> Result<i64, ApiError> {
        let generation = self.store.sessions.revoke_all(stored(user), self.now_ms()).await.map_err(faults::store)?;
        self.ended(user, generation, Close::SessionEnded, reason)?;
        Ok(generation)
    }

    /// Lets memory and sockets know that tokens of `user` before `generation` are void.
    pub(crate) fn ended(&self, user: UserId, generation: i64, code: Close, reason: &str) -> Result<(), ApiError> {
        let now_ms = self.now_ms();
        let until_s = self.last_token_s(now_ms);
        // First, so that no socket that opens meanwhile is missed by both.
        let revoked = self.revoked.end_all(user.0, generation, until_s, now_ms / 1000).map_err(full);
        self.close_sockets(user, code, reason);
        revoked
    }

    fn forget(&self, session: crate::id::Id, now_ms: i64) -> Result<(), ApiError> {
        self.revoked.end_session(session, self.last_token_s(now_ms), now_ms / 1000).map_err(full)
    }

    /// The second after which no token that was signed until now is taken without asking the store.
    fn last_token_s(&self, now_ms: i64) -> i64 {
        now_ms / 1000 + i64::from(self.config.sessions.token_s) + 2 * LEEWAY_S
    }

    fn refresh_ms(&self) -> i64 {
        i64::from(self.config.sessions.refresh_s) * 1000
    }

    pub(crate) fn claims(
        &self,
        id: SessionId,
        user: hillfort_store::UserId,
        username: String,
        generation: i64,
        vars: BTreeMap<String, String>,
        now_ms: i64,
    ) -> Claims {
        Claims {
            session: id.0,
            user: user.0,
            username,
            vars,
            expires_s: now_ms / 1000 + i64::from(self.config.sessions.token_s),
            issued_s: now_ms / 1000,
            generation,
            turn: 0,
            signing: String::new(),
        }
    }

    /// The turn that follows: known to this deployment alone, and always the same.
    fn next_turn(&self, session: crate::id::Id, turn: u64) -> u64 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secrets.signing).expect("HMAC takes keys of any length");
        mac.update(b"hillfort refresh turns 1");
        mac.update(&session);
        mac.update(&turn.to_be_bytes());
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = mac.finalize().into_bytes().into();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Signs both tokens; the refresh token is the one of this turn.
    pub(crate) fn tokens(
        &self,
        claims: Claims,
        turn: u64,
        created: bool,
        now_ms: i64,
    ) -> Result<(Session, SessionUser), ApiError> {
        let too_long = |TokenTooLong| ApiError::invalid("vars", "vars are too large for a token.");
        let token = self.secrets.access.sign(&claims).map_err(too_long)?;
        let user = SessionUser {
            user_id: UserId(claims.user),
            username: claims.username.clone(),
            vars: claims.vars.clone(),
            expires_s: claims.expires_s,
            issued_s: claims.issued_s,
            token_id: SessionId(claims.session).to_string(),
            generation: claims.generation,
        };
        let signing =
            if self.config.signed.is_empty() { String::new() } else { signed::key_text(&self.secrets.signing, claims.session) };
        let refresh = Claims { expires_s: now_ms / 1000 + i64::from(self.config.sessions.refresh_s), turn, signing, ..claims };
        let refresh_token = self.secrets.refresh.sign(&refresh).map_err(too_long)?;
        Ok((Session { created, token, refresh_token }, user))
    }
}

/// Tells a person that may not come in why, and until when. To be said to nobody else.
pub(crate) fn refuse_banned(ban: Option<&Ban>, now_ms: i64) -> Result<(), ApiError> {
    let Some(ban) = ban.filter(|ban| ban.holds(now_ms)) else { return Ok(()) };
    let until = ban.until.map_or_else(String::new, |until| format!(" until {}", crate::time::rfc3339(until)));
    let reason = if ban.reason.is_empty() { String::new() } else { format!(" Reason: {}", ban.reason) };
    Err(ApiError::new(Code::PermissionDenied, format!("User account banned{until}.{reason}")))
}

/// What the store keeps of a refresh token.
fn turn_hash(session: crate::id::Id, turn: u64) -> TokenHash {
    Sha256::new().chain_update(session).chain_update(turn.to_be_bytes()).finalize().into()
}

/// What the store keeps of a token for a new password.
pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

fn json(vars: &BTreeMap<String, String>) -> String {
    serde_json::to_string(vars).expect("texts are JSON")
}

/// A caller that has just signed in: what hooks after a sign-in see.
pub(crate) fn signed_in(caller: &Caller, user: SessionUser) -> Caller {
    Caller { who: hillfort_api::Who::User(Arc::new(user)), ..caller.clone() }
}
