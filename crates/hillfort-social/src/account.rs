//! The caller's account, and others as one may see them. Owns the turn from what is stored to what is shown.

use hillfort_api::api::{self, AccountDevice, GetUsersRequest, UpdateAccountRequest, User, Users};
use hillfort_api::{ApiError, Close, Code, UserId};
use hillfort_store::{
    ANSWER_MAX, AVATAR_CHARS_MAX, Account, AccountUpdate, Ban, Conflict, Identity, IdentityKind, LANG_TAG_CHARS_MAX,
    PROFILE_CHARS_MAX, PersonExport, StoreError,
};

use prost::Message as _;

use crate::core::Core;
use crate::id::{shown, stored};
use crate::people::Key;
use crate::time::timestamp;
use crate::{checks, faults};

impl Core {
    /// `GetAccount`.
    pub(crate) async fn account(&self, user: UserId) -> Result<api::Account, ApiError> {
        let account = self.stored_account(user).await?;
        let wallet = self.store.wallets.get(stored(user)).await.map_err(faults::store)?;
        let devices = account.identities.iter().filter(|identity| identity.kind == IdentityKind::Device);
        Ok(api::Account {
            devices: devices.map(|device| AccountDevice { id: device.value.clone(), ..AccountDevice::default() }).collect(),
            wallet: serde_json::to_string(&wallet).map_err(|why| faults::internal("a wallet is no JSON", &why))?,
            email: of(&account, IdentityKind::Email),
            custom_id: of(&account, IdentityKind::Custom),
            verify_time: account.verify_time.and_then(timestamp),
            disable_time: None,
            user: Some(self.user(&account)),
        })
    }

    pub(crate) async fn stored_account(&self, user: UserId) -> Result<Account, ApiError> {
        self.store.accounts.get(stored(user)).await.map_err(not_found)
    }

    /// What everybody may see of an account.
    pub(crate) fn user(&self, account: &Account) -> User {
        User {
            id: account.id.to_string(),
            username: account.username.clone(),
            display_name: account.display_name.clone(),
            avatar_url: account.avatar_url.clone(),
            lang_tag: account.lang_tag.clone(),
            location: account.location.clone(),
            timezone: account.timezone.clone(),
            metadata: account.metadata.clone(),
            facebook_id: of(account, IdentityKind::Facebook),
            google_id: of(account, IdentityKind::Google),
            gamecenter_id: of(account, IdentityKind::GameCenter),
            steam_id: of(account, IdentityKind::Steam),
            facebook_instant_game_id: of(account, IdentityKind::FacebookInstant),
            apple_id: of(account, IdentityKind::Apple),
            online: self.is_online(shown(account.id)),
            edge_count: 0,
            create_time: timestamp(account.create_time),
            update_time: timestamp(account.update_time),
        }
    }

    /// `GetUsers`: those who exist, by id, name or Facebook's id.
    pub(crate) async fn users(&self, request: GetUsersRequest) -> Result<Users, ApiError> {
        checks::batch("ids", &request.ids, self.config.payloads.batch)?;
        checks::batch("usernames", &request.usernames, self.config.payloads.batch)?;
        checks::batch("facebook_ids", &request.facebook_ids, self.config.payloads.batch)?;
        let mut keys = Vec::with_capacity(request.ids.len() + request.usernames.len());
        for id in &request.ids {
            let id = UserId::parse(id).ok_or_else(|| ApiError::invalid("ids", "ids has one that is not a valid system ID."))?;
            keys.push(Key::Id(stored(id)));
        }
        // What cannot be a name is nobody's.
        keys.extend(request.usernames.into_iter().filter(|name| checks::username(name).is_ok()).map(Key::Name));
        keys.extend(facebook_keys(request.facebook_ids));
        let people = self.people.find(keys, self.now_ms()).await.map_err(faults::store)?;
        let users = Users { users: people.iter().map(|account| self.user(account)).collect() };
        if users.encoded_len() > ANSWER_MAX { Err(faults::store(StoreError::TooLarge)) } else { Ok(users) }
    }

    /// `UpdateAccount`.
    pub(crate) async fn update_account(&self, user: UserId, request: UpdateAccountRequest) -> Result<(), ApiError> {
        let update = AccountUpdate {
            username: request.username,
            display_name: request.display_name,
            avatar_url: request.avatar_url,
            lang_tag: request.lang_tag,
            location: request.location,
            timezone: request.timezone,
            metadata: None,
        };
        if update == AccountUpdate::default() {
            return Err(ApiError::new(Code::InvalidArgument, "No fields to update."));
        }
        self.edit_account(user, update).await.map(|_| ())
    }

    /// Changes what is given of a profile, after checking it.
    pub(crate) async fn edit_account(&self, user: UserId, update: AccountUpdate) -> Result<Account, ApiError> {
        if let Some(username) = &update.username {
            checks::username(username)?;
        }
        for (field, text, most) in [
            ("display_name", &update.display_name, PROFILE_CHARS_MAX),
            ("avatar_url", &update.avatar_url, AVATAR_CHARS_MAX),
            ("lang_tag", &update.lang_tag, LANG_TAG_CHARS_MAX),
            ("location", &update.location, PROFILE_CHARS_MAX),
            ("timezone", &update.timezone, PROFILE_CHARS_MAX),
        ] {
            text.as_ref().map_or(Ok(()), |text| checks::profile(field, text, most))?;
        }
        self.change_account(user, update).await
    }

    /// Changes a profile, and lets those who look it up see it.
    pub(crate) async fn change_account(&self, user: UserId, update: AccountUpdate) -> Result<Account, ApiError> {
        let before = self.stored_account(user).await?;
        if let Some(name) = &update.username {
            self.people.expect_name(name);
        }
        let after = match self.store.accounts.update(stored(user), update, self.now_ms()).await {
            Ok(after) => after,
            Err(StoreError::Conflict(Conflict::Username)) => {
                return Err(ApiError::invalid("username", "Username is already in use."));
            }
            Err(error) => {
                // It may have been done: a filter that is being filled has then read the account under neither name.
                self.people.note(&before);
                return Err(not_found(error));
            }
        };
        self.people.forget(&before).await;
        self.people.learn(&after).await;
        Ok(after)
    }

    /// `DeleteAccount`: erases the person with all that it owns, and ends its sessions. With `by`, that there was one is kept.
    pub(crate) async fn erase(&self, user: UserId, by: Option<String>) -> Result<(), ApiError> {
        let account = self.stored_account(user).await?;
        self.store.accounts.delete(stored(user), by, self.now_ms()).await.map_err(not_found)?;
        self.people.forget(&account).await;
        self.ended(user, account.generation.saturating_add(1), Close::Banned, "the account was deleted")
    }

    /// A part of everything that is kept about a person.
    pub(crate) async fn export(&self, user: UserId, cursor: Option<String>) -> Result<PersonExport, ApiError> {
        self.store.accounts.export(stored(user), cursor).await.map_err(|error| match error {
            StoreError::Invalid(why) => ApiError::invalid("cursor", why),
            error => not_found(error),
        })
    }

    /// Bans a person: its sessions end, and whoever signs in learns why and until when.
    pub(crate) async fn ban(&self, user: UserId, until_ms: Option<i64>, reason: String, by: String) -> Result<(), ApiError> {
        let account = self.stored_account(user).await?;
        let ban = Ban { since: self.now_ms(), until: until_ms, reason: reason.clone(), by };
        let generation = self.store.accounts.disable(stored(user), ban, self.now_ms()).await.map_err(not_found)?;
        self.people.forget(&account).await;
        self.ended(user, generation, Close::Banned, &reason)
    }

    /// Lifts a ban.
    pub(crate) async fn unban(&self, user: UserId) -> Result<(), ApiError> {
        self.store.accounts.enable(stored(user), self.now_ms()).await.map_err(not_found)
    }
}

/// Those of Facebook's ids that can be somebody's.
pub(crate) fn facebook_keys(ids: Vec<String>) -> impl Iterator<Item = Key> {
    let ids = ids.into_iter().filter(|id| checks::identity("facebook_ids", "Facebook ID", id, 1).is_ok());
    ids.map(|id| Key::Identity(Identity::new(IdentityKind::Facebook, id)))
}

fn of(account: &Account, kind: IdentityKind) -> String {
    account.identity(kind).unwrap_or_default().to_owned()
}

fn not_found(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound(_) => ApiError::new(Code::NotFound, "Account not found."),
        error => faults::store(error),
    }
}
