//! New passwords: by a token that is sent to the account's address, or by the old one. Owns the token and the words of the mail.
//!
//! Asking says the same and takes as long whether there is such an account or not: what follows happens after the answer. A token is 32
//! random bytes; the store has its hash. It is good once, for some minutes, and a newer one replaces it. A new password ends all sessions.
//!
//! Other ways to sign in stay, so that a person's own devices go on. The answer counts them: whoever thinks that somebody else has linked
//! one asks for them to be unlinked, and then the address with the new password is the only way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hillfort_api::api::Session;
use hillfort_api::{ApiError, Caller, Close, Code, UserId, Who};
use hillfort_store::{IdentityKind, OtherWays, StoreError};

use crate::core::{Core, random};
use crate::guesses::Refused;
use crate::id::{shown, stored};
use crate::limits::source;
use crate::mail::Mail;
use crate::sessions::hash;
use crate::sign_in::busy;
use crate::{checks, faults};

/// Keys of mails in the table of limits.
const MAIL: u8 = 7;
const MAIL_FROM: u8 = 8;
/// What a request works on after its answer, at most so many at once.
const UNDER_WAY_MAX: usize = 64;

impl Core {
    /// Sends a token to the address, if an account has it. Says nothing of that.
    pub(crate) async fn request_reset(&self, address: IpAddr, email: &str) -> Result<(), ApiError> {
        checks::email(email)?;
        if !self.mail.is_open() {
            return Err(ApiError::new(Code::FailedPrecondition, "Mail is not configured."));
        }
        let (now_ms, email) = (self.now_ms(), email.to_lowercase());
        let too_many = |_| ApiError::new(Code::ResourceExhausted, "Too many mails were asked for: try again later.");
        let allowance = self.config.reset.allowance;
        self.guesses.take(&(MAIL_FROM, source(address)), allowance.times(10), now_ms).map_err(too_many)?;
        self.guesses.take(&(MAIL, email.as_str()), allowance, now_ms).map_err(too_many)?;
        let Ok(permit) = Arc::clone(&self.resets).try_acquire_owned() else {
            return Err(ApiError::new(Code::ResourceExhausted, "Too many mails were asked for: try again later."));
        };
        let Some(core) = self.this.upgrade() else { return Ok(()) };
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(why) = core.send_reset(&email).await {
                tracing::warn!(%why, "a token for a new password was not sent");
            }
        });
        Ok(())
    }

    async fn send_reset(&self, email: &str) -> Result<(), StoreError> {
        let user = match self.store.accounts.password(email.to_owned()).await {
            Ok((user, _)) => user,
            Err(StoreError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let token = URL_SAFE_NO_PAD.encode(random::<32>());
        let (now_ms, rules) = (self.now_ms(), &self.config.reset);
        let expires = now_ms + i64::from(rules.minutes) * 60_000;
        self.store.sessions.create_reset(user, hash(&token), expires, now_ms).await?;
        let what = if rules.link.is_empty() { format!("Token: {token}") } else { rules.link.replace("{token}", &token) };
        let text = format!(
            "Somebody asked for a new password for your account of {}.\n\n{what}\n\nIt is good for {} minutes, once. If it was not you, nothing has changed and nothing needs to be done.\n",
            rules.game, rules.minutes
        );
        self.mail.put(Mail { to: email.to_owned(), subject: format!("A new password for {}", rules.game), text });
        Ok(())
    }

    /// Sets a new password by a token, and ends all sessions. What other ways to sign in there are now, by kind.
    pub(crate) async fn reset(
        &self,
        address: IpAddr,
        token: &str,
        password: &str,
        others: OtherWays,
    ) -> Result<BTreeMap<&'static str, usize>, ApiError> {
        checks::password(password)?;
        if token.len() != 43 {
            return Err(wrong_token());
        }
        let guess = self.blind_guess(address)?;
        let tried = self.use_reset(token, password, others).await;
        let user = self.settle(Some(&guess), tried)?;
        let generation = self.store.sessions.generation(stored(user)).await.map_err(faults::store)?;
        self.ended(user, generation, Close::SessionEnded, "the password was changed")?;
        self.other_ways(user).await
    }

    async fn use_reset(&self, token: &str, password: &str, others: OtherWays) -> Result<UserId, Refused> {
        let hashed = self.passwords.hash(password).await.map_err(busy)?;
        match self.store.sessions.use_reset(hash(token), hashed, others, self.now_ms()).await {
            Ok(user) => Ok(shown(user)),
            Err(StoreError::NotFound(_)) => Err(Refused::Wrong(wrong_token())),
            Err(error) => Err(faults::store(error).into()),
        }
    }

    /// How many ways to sign in an account has beside its address, by kind; those who looked it up before see what is left.
    async fn other_ways(&self, user: UserId) -> Result<BTreeMap<&'static str, usize>, ApiError> {
        let account = self.stored_account(user).await?;
        self.people.forget(&account).await;
        let mut ways = BTreeMap::new();
        for identity in account.identities.iter().filter(|identity| identity.kind != IdentityKind::Email) {
            *ways.entry(identity.kind.name()).or_insert(0) += 1;
        }
        Ok(ways)
    }

    /// Sets a new password by the old one. All sessions end; the answer is a new one, as JSON.
    pub(crate) async fn change_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
        others: OtherWays,
    ) -> Result<String, ApiError> {
        let Who::User(user) = &caller.who else { return Err(ApiError::new(Code::PermissionDenied, "A session is required.")) };
        checks::password(new)?;
        let account = self.stored_account(user.user_id).await?;
        let Some(email) = account.identity(IdentityKind::Email) else {
            return Err(ApiError::new(Code::FailedPrecondition, "The account has no address: link one with a password."));
        };
        let guess = self.guess(email, caller.address.ip())?;
        let tried = self.is_password(email, old).await;
        self.settle(Some(&guess), tried)?;
        let hashed = self.passwords.hash(new).await.map_err(busy)?;
        let generation = self.store.accounts.set_password(stored(user.user_id), Some(hashed), others, self.now_ms()).await;
        let generation = generation.map_err(faults::store)?;
        self.ended(user.user_id, generation, Close::SessionEnded, "the password was changed")?;
        self.people.forget(&account).await;
        let ways = self.other_ways(user.user_id).await?;
        let account = self.stored_account(user.user_id).await?;
        let (session, _) = self.begin(caller, &account, false, user.vars.clone()).await?;
        let Session { token, refresh_token, .. } = session;
        Ok(serde_json::json!({ "token": token, "refresh_token": refresh_token, "other_ways": ways }).to_string())
    }

    async fn is_password(&self, email: &str, password: &str) -> Result<(), Refused> {
        let known = self.password_of(email).await?;
        self.check(password, Some(known.as_ref().and_then(|(_, hash)| hash.as_deref()))).await.map(drop)
    }
}

fn wrong_token() -> ApiError {
    ApiError::invalid("token", "The token is not valid any more: ask for a new one.")
}

/// Permits for what happens after the answer.
pub(crate) fn permits() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(UNDER_WAY_MAX))
}
