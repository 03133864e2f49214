//! Signing in: each way from a proof to an account. Owns the rules of `create`, names and conflicts; how a service is asked is
//! [`crate::outside`]'s, what a session is [`crate::sessions`]'.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;

use hillfort_api::api::{AccountEmail, AccountGameCenter, Session};
use hillfort_api::{ApiError, Call, Caller, Code, SessionUser};
use hillfort_store::{
    AVATAR_CHARS_MAX, Account, AccountUpdate, Conflict, Found, Identity, IdentityKind, NewAccount, PROFILE_CHARS_MAX, SignedIn,
    StoreError, UserId,
};

use crate::core::{Core, random};
use crate::guesses::Refused;
use crate::outside::game_center::GameCenterProof;
use crate::outside::{Person, ProofFault};
use crate::passwords::{Busy, Checked};
use crate::sessions::refuse_banned;
use crate::{checks, faults};

/// Letters of a name that is made up.
const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The service that a person is to be found with, and what it was shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof<'a> {
    Apple(&'a str),
    Google(&'a str),
    Facebook(&'a str),
    FacebookInstant(&'a str),
    Steam(&'a str),
    GameCenter(&'a AccountGameCenter),
}

/// An account, and the hash of its password if it has one.
type Known = (Account, Option<String>);

/// The account with the hash of its password. An address that changed hands between the two questions is another's.
fn with_hash(account: Account, hash: Option<(UserId, Option<String>)>) -> Known {
    let hash = hash.filter(|(user, _)| *user == account.id).and_then(|(_, hash)| hash);
    (account, hash)
}

/// An identity that was shown, which may be nobody's yet.
#[derive(Debug)]
pub(crate) struct Shown {
    identity: Identity,
    create: Option<bool>,
    username: String,
    /// What the service that vouches for it tells of the person.
    person: Person,
}

/// Who signs in.
pub(crate) enum Who {
    /// Whose password it was.
    Known(Found),
    Shown(Shown),
}

/// An answer of the store, on its way.
type Asked<'a, T> = Pin<Box<dyn Future<Output = hillfort_store::Result<T>> + Send + 'a>>;

/// Who signs in, and the variables of the session.
type Identified = Result<(Who, BTreeMap<String, String>), ApiError>;

impl Core {
    /// Any of the calls `Authenticate…`.
    pub(crate) async fn sign_in(&self, caller: &Caller, call: Call) -> Result<(Session, SessionUser), ApiError> {
        let (who, vars) = self.identify(Some(caller.address.ip()), call).await?;
        match who {
            Who::Shown(shown) if !self.config.sessions.single => self.enter(caller, &shown, vars).await,
            who => {
                let found = self.account_of(who).await?;
                self.begin(caller, &found.account, found.created, vars).await
            }
        }
    }

    /// The account, found or made.
    pub(crate) async fn account_of(&self, who: Who) -> Result<Found, ApiError> {
        match who {
            Who::Known(found) => Ok(found),
            Who::Shown(shown) => self.find_or_make(&shown, None).await,
        }
    }

    /// Begins a session of whoever has the identity, in one unit of the store's work.
    async fn enter(
        &self,
        caller: &Caller,
        shown: &Shown,
        vars: BTreeMap<String, String>,
    ) -> Result<(Session, SessionUser), ApiError> {
        checks::vars(&vars, self.config.payloads.vars_bytes)?;
        let now_ms = self.now_ms();
        let (turn, new) = self.first_turn(caller, &vars, now_ms);
        let signed_in = self
            .with_name(shown, None, |account| self.store.sessions.sign_in(shown.identity.clone(), account, new.clone(), now_ms))
            .await?;
        let SignedIn { user, username, generation, ban, created } = signed_in;
        self.people.entered(user, &username, &shown.identity, created).await;
        if created && let Err(why) = self.take_email(user, &shown.person).await {
            // The person is in: the address is an extra.
            tracing::warn!(%user, %why, "the address that a service has verified was not kept");
        }
        refuse_banned(ban.as_ref(), now_ms)?;
        let tokens = self.tokens(self.claims(new.id, user, username, generation, vars, now_ms), turn, created, now_ms);
        if tokens.is_err() {
            // Nobody has a token of it.
            self.store.sessions.revoke(new.id).await.map_err(faults::store)?;
        }
        tokens
    }

    /// Who makes a call `Authenticate…`. `address` limits guesses; modules have none.
    pub(crate) async fn identify(&self, address: Option<IpAddr>, call: Call) -> Identified {
        match call {
            Call::AuthenticateDevice(request) => {
                let account = request.account.unwrap_or_default();
                checks::identity("id", "Device ID", &account.id, 10)?;
                Self::by_id(IdentityKind::Device, account.id, request.create, &request.username, account.vars)
            }
            Call::AuthenticateCustom(request) => {
                let account = request.account.unwrap_or_default();
                checks::identity("id", "Custom ID", &account.id, 6)?;
                Self::by_id(IdentityKind::Custom, account.id, request.create, &request.username, account.vars)
            }
            Call::AuthenticateEmail(request) => {
                let account =
                    request.account.ok_or_else(|| ApiError::invalid("account", "Email address and password is required."))?;
                self.by_password(address, account, request.create, &request.username).await
            }
            Call::AuthenticateApple(request) => {
                let account = request.account.unwrap_or_default();
                self.by_proof(Proof::Apple(&account.token), request.create, &request.username, account.vars.clone()).await
            }
            Call::AuthenticateGoogle(request) => {
                let account = request.account.unwrap_or_default();
                self.by_proof(Proof::Google(&account.token), request.create, &request.username, account.vars.clone()).await
            }
            Call::AuthenticateFacebook(request) => {
                let account = request.account.unwrap_or_default();
                self.by_proof(Proof::Facebook(&account.token), request.create, &request.username, account.vars.clone()).await
            }
            Call::AuthenticateFacebookInstantGame(request) => {
                let account = request.account.unwrap_or_default();
                let proof = Proof::FacebookInstant(&account.signed_player_info);
                self.by_proof(proof, request.create, &request.username, account.vars.clone()).await
            }
            Call::AuthenticateSteam(request) => {
                let account = request.account.unwrap_or_default();
                self.by_proof(Proof::Steam(&account.token), request.create, &request.username, account.vars.clone()).await
            }
            Call::AuthenticateGameCenter(request) => {
                let account = request.account.unwrap_or_default();
                self.by_proof(Proof::GameCenter(&account), request.create, &request.username, account.vars.clone()).await
            }
            other => Err(ApiError::not_yet(other.name().row().name)),
        }
    }

    fn by_id(kind: IdentityKind, id: String, create: Option<bool>, username: &str, vars: BTreeMap<String, String>) -> Identified {
        let shown = Shown { identity: Identity::new(kind, id), create, username: username.to_owned(), person: Person::default() };
        Ok((Who::Shown(shown), vars))
    }

    async fn by_proof(
        &self,
        proof: Proof<'_>,
        create: Option<bool>,
        username: &str,
        mut vars: BTreeMap<String, String>,
    ) -> Identified {
        if !username.is_empty() {
            checks::username(username)?;
        }
        // The nonce proves something to this call alone.
        let nonce = vars.remove("nonce");
        let (kind, person) = self.ask(proof, nonce.as_deref()).await?;
        let shown = Shown { identity: Identity::new(kind, &person.id), create, username: username.to_owned(), person };
        Ok((Who::Shown(shown), vars))
    }

    /// By address and password, or by name and password when there is no address.
    async fn by_password(
        &self,
        address: Option<IpAddr>,
        given: AccountEmail,
        create: Option<bool>,
        username: &str,
    ) -> Identified {
        let by_name = given.email.is_empty();
        if by_name && username.is_empty() {
            return Err(ApiError::invalid("username", "Username is required when email address is not supplied."));
        }
        if !by_name {
            checks::email(&given.email)?;
        }
        checks::password(&given.password)?;
        if !username.is_empty() {
            checks::username(username)?;
        }
        let email = given.email.to_lowercase();
        let name = if by_name { username } else { &email };
        let guess = address.map(|address| self.guess(name, address)).transpose()?;
        let tried = self.try_password(&given, create, username).await;
        Ok((Who::Known(self.settle(guess.as_ref(), tried)?), given.vars))
    }

    /// What was given has the right form, and the guess is charged.
    async fn try_password(&self, given: &AccountEmail, create: Option<bool>, username: &str) -> Result<Found, Refused> {
        let (by_name, email) = (given.email.is_empty(), given.email.to_lowercase());
        let may_create = !by_name && create.unwrap_or(true);
        let known = if by_name { self.known_by_name(username).await? } else { self.known_by_address(&email, may_create).await? };
        if known.is_none() && may_create {
            let hash = self.passwords.hash(&given.password).await.map_err(busy)?;
            let identity = Identity::new(IdentityKind::Email, &email);
            let shown = Shown { identity, create, username: username.to_owned(), person: Person::default() };
            let found = self.find_or_make(&shown, Some(hash)).await?;
            if !found.created {
                // Somebody was faster with the same address: it is their password that counts.
                let known = self.password_of(&email).await?;
                self.check(&given.password, known.as_ref().map(|(_, hash)| hash.as_deref())).await?;
            }
            return Ok(found);
        }
        let checked = self.check(&given.password, known.as_ref().map(|(_, hash)| hash.as_deref())).await?;
        let Some((account, hash)) = known else { return Err(ApiError::new(Code::NotFound, "User account not found.").into()) };
        if let (Checked::RightButOld, Some(old)) = (checked, hash) {
            self.rehash(account.id, old, &given.password).await;
        }
        Ok(Found { account, created: false })
    }

    /// Whether the password is right. Without an account, as much is computed, and the answer is `NotFound` or `Unauthenticated`.
    pub(crate) async fn check(&self, password: &str, known: Option<Option<&str>>) -> Result<Checked, Refused> {
        let checked = self.passwords.check(password, known.flatten()).await.map_err(busy)?;
        let error = match (checked, known) {
            (Checked::Wrong, None) if !self.config.hide_unknown => ApiError::new(Code::NotFound, "User account not found."),
            (Checked::Wrong, _) => ApiError::new(Code::Unauthenticated, "Invalid credentials."),
            (checked, _) => return Ok(checked),
        };
        Err(Refused::Wrong(error))
    }

    /// Hashes a password at today's cost, if its hash still is `old`: it may have been changed meanwhile. If it cannot be now, the next
    /// sign-in does it.
    async fn rehash(&self, user: UserId, old: String, password: &str) {
        let Ok(hash) = self.passwords.hash(password).await else { return };
        if let Err(why) = self.store.accounts.rehash(user, old, hash).await {
            tracing::debug!(%why, "a password was not hashed anew");
        }
    }

    pub(crate) async fn password_of(&self, email: &str) -> Result<Option<(UserId, Option<String>)>, ApiError> {
        match self.store.accounts.password(email.to_owned()).await {
            Ok(known) => Ok(Some(known)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(faults::store(error)),
        }
    }

    /// Whose address it is, as the account is before the check (who changes the password meanwhile ends the session that begins here), and the
    /// password's hash. Nobody's account is asked for, too: an unknown address takes as many questions as a known one, but for one that may
    /// sign up, which tells anyway.
    async fn known_by_address(&self, email: &str, may_create: bool) -> Result<Option<Known>, ApiError> {
        let address = Identity::new(IdentityKind::Email, email);
        let accounts = self.store.accounts.by_identities(vec![address]).await.map_err(faults::store)?;
        let account = accounts.into_iter().next();
        if account.is_none() && may_create {
            return Ok(None);
        }
        let hash = self.password_of(email).await?;
        Ok(account.map(|account| with_hash(account, hash)))
    }

    /// The same by name: an unknown one, and one without an address, take as many questions as one that has a password.
    async fn known_by_name(&self, username: &str) -> Result<Option<Known>, ApiError> {
        let accounts = self.store.accounts.by_usernames(vec![username.to_owned()]).await.map_err(faults::store)?;
        let account = accounts.into_iter().next();
        let email = account.as_ref().and_then(|account| account.identity(IdentityKind::Email));
        let hash = self.password_of(email.unwrap_or(username)).await?;
        Ok(account.map(|account| with_hash(account, hash)))
    }

    /// The account with the identity, or a new one.
    async fn find_or_make(&self, shown: &Shown, password_hash: Option<String>) -> Result<Found, ApiError> {
        let found = self
            .with_name(shown, password_hash, |new| {
                self.store.accounts.register_or_find(shown.identity.clone(), new, self.now_ms())
            })
            .await?;
        if found.created {
            self.people.learn(&found.account).await;
            self.take_email(found.account.id, &shown.person).await?;
        } else {
            // Whoever made it may not have heard that it was.
            self.people.note(&found.account);
        }
        Ok(found)
    }

    /// Asks the store with the account that is to be made if nobody has the identity: with the name that is wanted, or one that is made up.
    async fn with_name<'a, T>(
        &'a self,
        shown: &Shown,
        password_hash: Option<String>,
        ask: impl Fn(Option<NewAccount>) -> Asked<'a, T>,
    ) -> Result<T, ApiError> {
        let Shown { identity, create, username, person } = shown;
        if !username.is_empty() {
            checks::username(username)?;
        }
        let create = create.unwrap_or(true);
        let expected = create.then(|| self.people.expect(identity));
        if !create && self.people.is_nobodys(identity) {
            return Err(ApiError::new(Code::NotFound, "User account not found."));
        }
        // A name that was made up may be taken: one in 10^17 for each account. Twice is no chance.
        for _ in 0..2 {
            let name = if username.is_empty() { made_up() } else { username.clone() };
            let new = NewAccount {
                id: UserId::random(),
                username: name,
                password_hash: password_hash.clone(),
                profile: profile(person),
            };
            match ask(create.then_some(new)).await {
                Ok(answer) => return Ok(answer),
                Err(StoreError::Conflict(Conflict::Username)) if username.is_empty() => {}
                Err(StoreError::Conflict(Conflict::Username)) => break,
                Err(StoreError::NotFound(_)) => return Err(ApiError::new(Code::NotFound, "User account not found.")),
                // It may have been made.
                Err(error) => return Err(faults::store(error)),
            }
        }
        if let Some(expected) = expected {
            expected.refused();
        }
        Err(ApiError { code: Code::AlreadyExists, message: "Username is already in use.".into(), field: Some("username") })
    }

    /// Asks a service who brings a proof.
    pub(crate) async fn ask(&self, proof: Proof<'_>, nonce: Option<&str>) -> Result<(IdentityKind, Person), ApiError> {
        let (outside, now_ms) = (&self.outside, self.now_ms());
        let fetch = &outside.fetch;
        let required = |name: &'static str, text: &str| {
            if text.is_empty() { Err(ApiError::invalid("token", format!("{name} is required."))) } else { Ok(()) }
        };
        let (kind, name, person) = match proof {
            Proof::Apple(token) => {
                required("Apple ID token", token)?;
                (IdentityKind::Apple, "Apple", outside.apple.check(fetch, token, nonce, now_ms).await)
            }
            Proof::Google(token) => {
                required("Google access token", token)?;
                (IdentityKind::Google, "Google", outside.google.check(fetch, token, nonce, now_ms).await)
            }
            Proof::Facebook(token) => {
                required("Facebook access token", token)?;
                (IdentityKind::Facebook, "Facebook", outside.facebook.check(fetch, token, nonce, now_ms).await)
            }
            Proof::FacebookInstant(signed) => {
                if signed.is_empty() {
                    let message = "Signed Player Info for a Facebook Instant Game is required.";
                    return Err(ApiError::invalid("signed_player_info", message));
                }
                (IdentityKind::FacebookInstant, "Facebook Instant Game", outside.facebook.instant(signed, now_ms))
            }
            Proof::Steam(ticket) => {
                required("Steam access token", ticket)?;
                (IdentityKind::Steam, "Steam", outside.steam.check(fetch, ticket).await)
            }
            Proof::GameCenter(account) => {
                let proof = game_center(account)?;
                (IdentityKind::GameCenter, "GameCenter", outside.game_center.check(fetch, &proof, now_ms).await)
            }
        };
        person.map(|person| (kind, person)).map_err(|fault| match fault {
            ProofFault::NotConfigured(_) => {
                ApiError::new(Code::FailedPrecondition, format!("{name} authentication is not configured."))
            }
            ProofFault::Refused(why) => {
                tracing::debug!(service = name, why, "a proof was refused");
                ApiError::new(Code::Unauthenticated, format!("Could not authenticate {name} profile."))
            }
            ProofFault::Unreachable(why) => {
                tracing::warn!(service = name, %why, "a service cannot be asked");
                ApiError::new(Code::Unavailable, format!("{name} cannot be asked now: try again later."))
            }
        })
    }

    /// Keeps an address that a service has verified, unless it is somebody else's or there is one.
    pub(crate) async fn take_email(&self, user: UserId, person: &Person) -> Result<(), ApiError> {
        let Some(email) = person.email.as_deref().filter(|email| checks::email(email).is_ok()) else { return Ok(()) };
        match self.store.accounts.link(user, Identity::new(IdentityKind::Email, email), None, self.now_ms()).await {
            Ok(()) => self.store.accounts.set_verified(user, self.now_ms()).await.map_err(faults::store),
            Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(faults::store(error)),
        }
    }
}

/// What a new account takes over from a service.
pub(crate) fn profile(person: &Person) -> AccountUpdate {
    let take = |text: &Option<String>, most: usize| {
        text.clone().filter(|text| !text.is_empty() && !text.chars().any(char::is_control) && text.chars().nth(most).is_none())
    };
    AccountUpdate {
        display_name: take(&person.name, PROFILE_CHARS_MAX),
        avatar_url: take(&person.picture, AVATAR_CHARS_MAX),
        ..AccountUpdate::default()
    }
}

fn game_center(account: &AccountGameCenter) -> Result<GameCenterProof<'_>, ApiError> {
    for (field, name, text) in [
        ("bundle_id", "bundle ID", &account.bundle_id),
        ("player_id", "player ID", &account.player_id),
        ("public_key_url", "public key URL", &account.public_key_url),
        ("salt", "salt", &account.salt),
        ("signature", "signature", &account.signature),
    ] {
        if text.is_empty() {
            return Err(ApiError::invalid(field, format!("GameCenter {name} is required.")));
        }
    }
    if account.timestamp_seconds == 0 {
        return Err(ApiError::invalid("timestamp_seconds", "GameCenter timestamp is required."));
    }
    Ok(GameCenterProof {
        player_id: &account.player_id,
        bundle_id: &account.bundle_id,
        timestamp: account.timestamp_seconds,
        salt: &account.salt,
        signature: &account.signature,
        public_key_url: &account.public_key_url,
    })
}

pub(crate) fn busy(busy: Busy) -> ApiError {
    ApiError::new(Code::ResourceExhausted, format!("{busy}."))
}

/// Ten letters by chance, as Nakama makes names up.
fn made_up() -> String {
    let bytes: [u8; 20] = random();
    bytes
        .chunks_exact(2)
        .map(|pair| char::from(LETTERS[usize::from(u16::from_be_bytes([pair[0], pair[1]])) % LETTERS.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use hillfort_store::{Identity, IdentityKind, NewAccount, OtherWays, UserId};

    use super::made_up;
    use crate::core::Core;

    #[test]
    fn a_password_that_is_changed_while_it_is_hashed_anew_stays() {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let core = Core::in_memory(1_700_000_000_000).await;
            let (user, email) = (UserId::random(), Identity::new(IdentityKind::Email, "ada@example.org"));
            let new = NewAccount { password_hash: Some("cheap".into()), ..NewAccount::named(user, "ada") };
            core.store.accounts.register_or_find(email, Some(new), 1).await.unwrap();
            let hash = async || core.store.accounts.password("ada@example.org".into()).await.unwrap().1.unwrap();
            core.rehash(user, "cheap".into(), "correct horse").await;
            assert!(hash().await.starts_with("$argon2id$"));
            // The sign-in with the old password has read this one; its owner changes it before the new hash is there.
            let read = hash().await;
            core.store.accounts.set_password(user, Some("of the new password".into()), OtherWays::Keep, 2).await.unwrap();
            core.rehash(user, read, "correct horse").await;
            assert_eq!(hash().await, "of the new password");
        });
    }

    #[test]
    fn names_are_made_of_letters() {
        let names: std::collections::HashSet<_> = (0..1000).map(|_| made_up()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 10 && name.bytes().all(|byte| byte.is_ascii_alphabetic())));
    }
}
