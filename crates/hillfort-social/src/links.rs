//! Ways to sign in, added to an account and taken from it. Owns the rules; proofs are checked as in [`crate::sign_in`].

use hillfort_api::api::AccountEmail;
use hillfort_api::{ApiError, Call, Code, UserId};
use hillfort_store::{AccountUpdate, Conflict, Identity, IdentityKind, StoreError};

use crate::core::Core;
use crate::id::stored;
use crate::outside::Person;
use crate::sign_in::{Proof, busy, profile};
use crate::{checks, faults};

impl Core {
    /// Any of the calls `Link…`.
    pub(crate) async fn link(&self, user: UserId, call: Call) -> Result<(), ApiError> {
        match call {
            Call::LinkDevice(device) => {
                checks::identity("id", "Device ID", &device.id, 10)?;
                self.add(user, Identity::new(IdentityKind::Device, device.id), None).await
            }
            Call::LinkCustom(custom) => {
                checks::identity("id", "Custom ID", &custom.id, 6)?;
                self.add(user, Identity::new(IdentityKind::Custom, custom.id), None).await
            }
            Call::LinkEmail(given) => self.link_email(user, given).await,
            Call::LinkApple(account) => self.link_proof(user, Proof::Apple(&account.token), account.vars.get("nonce")).await,
            Call::LinkGoogle(account) => self.link_proof(user, Proof::Google(&account.token), account.vars.get("nonce")).await,
            Call::LinkFacebook(request) => {
                let account = request.account.unwrap_or_default();
                self.link_proof(user, Proof::Facebook(&account.token), account.vars.get("nonce")).await
            }
            Call::LinkFacebookInstantGame(account) => {
                self.link_proof(user, Proof::FacebookInstant(&account.signed_player_info), None).await
            }
            Call::LinkSteam(request) => {
                let account = request.account.unwrap_or_default();
                self.link_proof(user, Proof::Steam(&account.token), None).await
            }
            Call::LinkGameCenter(account) => self.link_proof(user, Proof::GameCenter(&account), None).await,
            other => Err(ApiError::not_yet(other.name().row().name)),
        }
    }

    async fn link_email(&self, user: UserId, given: AccountEmail) -> Result<(), ApiError> {
        if given.email.is_empty() || given.password.is_empty() {
            let field = if given.email.is_empty() { "email" } else { "password" };
            return Err(ApiError::invalid(field, "Email address and password is required."));
        }
        checks::email(&given.email)?;
        checks::password(&given.password)?;
        if let Some((owner, Some(_))) = self.password_of(&given.email.to_lowercase()).await?
            && owner == stored(user)
        {
            let text = "This address has a password already: the RPC hillfort.password_change replaces it.";
            return Err(ApiError::new(Code::AlreadyExists, text));
        }
        let hash = self.passwords.hash(&given.password).await.map_err(busy)?;
        self.add(user, Identity::new(IdentityKind::Email, given.email), Some(hash)).await
    }

    async fn link_proof(&self, user: UserId, proof: Proof<'_>, nonce: Option<&String>) -> Result<(), ApiError> {
        let (kind, person) = self.ask(proof, nonce.map(String::as_str)).await?;
        self.add(user, Identity::new(kind, &person.id), None).await?;
        self.take_email(stored(user), &person).await?;
        self.take_profile(user, &person).await
    }

    /// Takes name and picture over where the account has none.
    async fn take_profile(&self, user: UserId, person: &Person) -> Result<(), ApiError> {
        let account = self.store.accounts.get(stored(user)).await.map_err(faults::store)?;
        let given = profile(person);
        let update = AccountUpdate {
            display_name: given.display_name.filter(|_| account.display_name.is_empty()),
            avatar_url: given.avatar_url.filter(|_| account.avatar_url.is_empty()),
            ..AccountUpdate::default()
        };
        if update != AccountUpdate::default() {
            self.store.accounts.update(stored(user), update, self.now_ms()).await.map_err(faults::store)?;
        }
        self.people.forget(&account).await;
        Ok(())
    }

    async fn add(&self, user: UserId, identity: Identity, password_hash: Option<String>) -> Result<(), ApiError> {
        let name = name_of(identity.kind);
        let expected = self.people.expect(&identity);
        match self.store.accounts.link(stored(user), identity.clone(), password_hash, self.now_ms()).await {
            Ok(()) => {
                self.people.linked(&identity).await;
                Ok(())
            }
            Err(StoreError::Conflict(Conflict::Identity)) => {
                Err(ApiError::new(Code::AlreadyExists, format!("{name} is already in use.")))
            }
            Err(StoreError::Conflict(Conflict::IdentityKind)) => {
                expected.refused();
                Err(ApiError::new(Code::AlreadyExists, format!("The account has another {name}: unlink that first.")))
            }
            Err(StoreError::NotFound(_)) => Err(ApiError::new(Code::NotFound, "Account not found.")),
            Err(error) => Err(faults::store(error)),
        }
    }

    /// Any of the calls `Unlink…`. Without an id or a proof, whatever there is of its kind goes.
    pub(crate) async fn unlink(&self, user: UserId, call: Call) -> Result<(), ApiError> {
        let (kind, value) = match call {
            Call::UnlinkDevice(device) if device.id.is_empty() => {
                return Err(ApiError::invalid("id", "A device ID must be supplied."));
            }
            Call::UnlinkDevice(device) => (IdentityKind::Device, Some(device.id)),
            Call::UnlinkCustom(custom) => (IdentityKind::Custom, some(custom.id)),
            Call::UnlinkEmail(email) => (IdentityKind::Email, some(email.email.to_lowercase())),
            Call::UnlinkApple(account) => {
                self.proved(IdentityKind::Apple, &account.token, Proof::Apple(&account.token), account.vars.get("nonce")).await?
            }
            Call::UnlinkGoogle(account) => {
                self.proved(IdentityKind::Google, &account.token, Proof::Google(&account.token), account.vars.get("nonce"))
                    .await?
            }
            Call::UnlinkFacebook(account) => {
                self.proved(IdentityKind::Facebook, &account.token, Proof::Facebook(&account.token), account.vars.get("nonce"))
                    .await?
            }
            Call::UnlinkFacebookInstantGame(account) => {
                let signed = &account.signed_player_info;
                self.proved(IdentityKind::FacebookInstant, signed, Proof::FacebookInstant(signed), None).await?
            }
            Call::UnlinkSteam(account) => {
                self.proved(IdentityKind::Steam, &account.token, Proof::Steam(&account.token), None).await?
            }
            Call::UnlinkGameCenter(account) => {
                self.proved(IdentityKind::GameCenter, &account.signature, Proof::GameCenter(&account), None).await?
            }
            other => return Err(ApiError::not_yet(other.name().row().name)),
        };
        let account = self.stored_account(user).await?;
        match self.store.accounts.unlink(stored(user), kind, value, self.now_ms()).await {
            Ok(()) => {
                self.people.forget(&account).await;
                Ok(())
            }
            Err(StoreError::Conflict(Conflict::LastIdentity) | StoreError::NotFound(_)) => Err(ApiError::new(
                Code::PermissionDenied,
                "Cannot unlink last account identifier. Check profile exists and is not last link.",
            )),
            Err(error) => Err(faults::store(error)),
        }
    }

    /// Takes one away without a proof.
    pub(crate) async fn take_identity(&self, user: UserId, kind: IdentityKind, value: String) -> Result<(), ApiError> {
        let account = self.stored_account(user).await?;
        match self.store.accounts.unlink(stored(user), kind, Some(value), self.now_ms()).await {
            Ok(()) => {
                self.people.forget(&account).await;
                Ok(())
            }
            Err(StoreError::Conflict(Conflict::LastIdentity)) => Err(ApiError::new(
                Code::FailedPrecondition,
                "This is the account's last way to sign in: link another one first, or erase the account.",
            )),
            Err(StoreError::NotFound(_)) => Err(ApiError::new(Code::NotFound, "The account has no such way to sign in.")),
            Err(error) => Err(faults::store(error)),
        }
    }

    async fn proved(
        &self,
        kind: IdentityKind,
        given: &str,
        proof: Proof<'_>,
        nonce: Option<&String>,
    ) -> Result<(IdentityKind, Option<String>), ApiError> {
        if given.is_empty() {
            return Ok((kind, None));
        }
        let (_, person) = self.ask(proof, nonce.map(String::as_str)).await?;
        Ok((kind, Some(person.id)))
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn name_of(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Device => "Device ID",
        IdentityKind::Custom => "Custom ID",
        IdentityKind::Email => "Email",
        IdentityKind::Apple => "Apple ID",
        IdentityKind::Google => "Google ID",
        IdentityKind::Facebook => "Facebook ID",
        IdentityKind::FacebookInstant => "Facebook Instant Game ID",
        IdentityKind::GameCenter => "GameCenter ID",
        IdentityKind::Steam => "Steam ID",
    }
}
