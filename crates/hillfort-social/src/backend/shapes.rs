//! The same things as modules, the API and the store write them. Owns the turns between their shapes; decides nothing.

use std::collections::BTreeMap;

use hillfort_api::api::*;
use hillfort_api::{ApiError, Call, UserId};
use hillfort_modules::backend as module;
use hillfort_modules::backend::Credential;
use hillfort_store as store;
use hillfort_store::{Expect, IdentityKind, ObjectId, ReadPermission, WalletChange, WalletState, WriteObject, WritePermission};

/// Seconds of a time in milliseconds.
fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}

pub(super) fn user(account: &store::Account, online: bool) -> module::User {
    let of = |kind| account.identity(kind).unwrap_or_default().to_owned();
    module::User {
        user_id: account.id.0,
        username: account.username.clone(),
        display_name: account.display_name.clone(),
        avatar_url: account.avatar_url.clone(),
        lang_tag: account.lang_tag.clone(),
        location: account.location.clone(),
        timezone: account.timezone.clone(),
        metadata: account.metadata.clone(),
        apple_id: of(IdentityKind::Apple),
        facebook_id: of(IdentityKind::Facebook),
        facebook_instant_game_id: of(IdentityKind::FacebookInstant),
        google_id: of(IdentityKind::Google),
        gamecenter_id: of(IdentityKind::GameCenter),
        steam_id: of(IdentityKind::Steam),
        online,
        edge_count: 0,
        create_time: seconds(account.create_time),
        update_time: seconds(account.update_time),
    }
}

pub(super) fn account(account: &store::Account, wallet: store::Wallet, online: bool) -> module::Account {
    let devices = account.identities.iter().filter(|identity| identity.kind == IdentityKind::Device);
    module::Account {
        user: user(account, online),
        wallet: wallet.into_iter().collect(),
        email: account.identity(IdentityKind::Email).unwrap_or_default().to_owned(),
        devices: devices.map(|device| device.value.clone()).collect(),
        custom_id: account.identity(IdentityKind::Custom).unwrap_or_default().to_owned(),
        verify_time: account.verify_time.map(seconds),
        disable_time: account.ban.as_ref().map(|ban| seconds(ban.since)),
    }
}

pub(super) fn profile(update: module::AccountUpdate) -> (UserId, store::AccountUpdate) {
    let changed = store::AccountUpdate {
        username: update.username.filter(|name| !name.is_empty()),
        display_name: update.display_name,
        avatar_url: update.avatar_url,
        lang_tag: update.lang_tag,
        location: update.location,
        timezone: update.timezone,
        metadata: update.metadata,
    };
    (UserId(update.user_id), changed)
}

pub(super) fn object_id(key: module::ObjectKey) -> ObjectId {
    ObjectId::new(key.collection, key.key, key.user_id.map_or(store::UserId::SYSTEM, store::UserId))
}

fn object_key(id: ObjectId) -> module::ObjectKey {
    let user_id = (!id.user.is_system()).then_some(id.user.0);
    module::ObjectKey { collection: id.collection, key: id.key, user_id }
}

pub(super) fn object(object: store::Object) -> module::StorageObject {
    module::StorageObject {
        key: object_key(object.id),
        value: object.value,
        version: object.version,
        permission_read: object.read as i32,
        permission_write: object.write as i32,
        create_time: seconds(object.create_time),
        update_time: seconds(object.update_time),
    }
}

pub(super) fn ack(ack: store::Ack) -> module::ObjectAck {
    module::ObjectAck { key: object_key(ack.id), version: ack.version }
}

pub(super) fn write(write: module::ObjectWrite) -> Result<WriteObject, ApiError> {
    let read = ReadPermission::try_from(i64::from(write.permission_read)).map_err(crate::faults::store)?;
    let permission = WritePermission::try_from(i64::from(write.permission_write)).map_err(crate::faults::store)?;
    let expect = Expect::from_text(&write.version);
    Ok(WriteObject { id: object_id(write.key), value: write.value, expect, read, write: permission })
}

/// Amounts by name; what is named twice is added.
pub(super) fn map(amounts: module::Wallet) -> Result<BTreeMap<String, i64>, ApiError> {
    let mut sums = BTreeMap::new();
    for (name, amount) in amounts {
        let sum: &mut i64 = sums.entry(name).or_default();
        *sum = sum.checked_add(amount).ok_or_else(|| ApiError::invalid("changeset", "An amount is out of bounds."))?;
    }
    Ok(sums)
}

pub(super) fn change(update: module::WalletUpdate) -> Result<WalletChange, ApiError> {
    let metadata = if update.metadata.is_empty() { "{}".to_owned() } else { update.metadata };
    Ok(WalletChange { user: store::UserId(update.user_id), changeset: map(update.changeset)?, metadata })
}

pub(super) fn result(state: WalletState) -> module::WalletResult {
    let (previous, updated) = (state.previous.into_iter().collect(), state.updated.into_iter().collect());
    module::WalletResult { user_id: state.user.0, previous, updated }
}

pub(super) fn ledger_item(entry: store::LedgerEntry) -> module::LedgerItem {
    module::LedgerItem {
        id: entry.id.0,
        user_id: entry.user.0,
        changeset: entry.changeset.into_iter().collect(),
        metadata: entry.metadata,
        create_time: seconds(entry.create_time),
        update_time: seconds(entry.update_time),
    }
}

/// The call that signs in with a credential.
pub(super) fn call_of(credential: Credential, username: String, create: bool) -> Call {
    let create = Some(create);
    match credential {
        Credential::Device { id } => {
            let account = Some(AccountDevice { id, ..Default::default() });
            Call::AuthenticateDevice(AuthenticateDeviceRequest { account, create, username })
        }
        Credential::Custom { id } => {
            let account = Some(AccountCustom { id, ..Default::default() });
            Call::AuthenticateCustom(AuthenticateCustomRequest { account, create, username })
        }
        Credential::Email { email, password } => {
            let account = Some(AccountEmail { email, password, ..Default::default() });
            Call::AuthenticateEmail(AuthenticateEmailRequest { account, create, username })
        }
        Credential::Username { username, password } => {
            let account = Some(AccountEmail { password, ..Default::default() });
            Call::AuthenticateEmail(AuthenticateEmailRequest { account, create: Some(false), username })
        }
        Credential::Apple { token } => {
            let account = Some(AccountApple { token, ..Default::default() });
            Call::AuthenticateApple(AuthenticateAppleRequest { account, create, username })
        }
        Credential::Google { token } => {
            let account = Some(AccountGoogle { token, ..Default::default() });
            Call::AuthenticateGoogle(AuthenticateGoogleRequest { account, create, username })
        }
        Credential::Facebook { token, import } => {
            let account = Some(AccountFacebook { token, ..Default::default() });
            Call::AuthenticateFacebook(AuthenticateFacebookRequest { account, create, username, sync: Some(import) })
        }
        Credential::FacebookInstantGame { player_info } => {
            let account = Some(AccountFacebookInstantGame { signed_player_info: player_info, ..Default::default() });
            Call::AuthenticateFacebookInstantGame(AuthenticateFacebookInstantGameRequest { account, create, username })
        }
        Credential::Steam { token, import } => {
            let account = Some(AccountSteam { token, ..Default::default() });
            Call::AuthenticateSteam(AuthenticateSteamRequest { account, create, username, sync: Some(import) })
        }
        game_center @ Credential::GameCenter { .. } => {
            let account = Some(game_center_of(game_center));
            Call::AuthenticateGameCenter(AuthenticateGameCenterRequest { account, create, username })
        }
    }
}

/// The call that links a credential; `None` for a name, which is none.
pub(super) fn link(credential: Credential) -> Option<Call> {
    Some(match credential {
        Credential::Username { .. } => return None,
        Credential::Device { id } => Call::LinkDevice(AccountDevice { id, ..Default::default() }),
        Credential::Custom { id } => Call::LinkCustom(AccountCustom { id, ..Default::default() }),
        Credential::Email { email, password } => Call::LinkEmail(AccountEmail { email, password, ..Default::default() }),
        Credential::Apple { token } => Call::LinkApple(AccountApple { token, ..Default::default() }),
        Credential::Google { token } => Call::LinkGoogle(AccountGoogle { token, ..Default::default() }),
        Credential::Facebook { token, import } => {
            let account = Some(AccountFacebook { token, ..Default::default() });
            Call::LinkFacebook(LinkFacebookRequest { account, sync: Some(import) })
        }
        Credential::FacebookInstantGame { player_info } => Call::LinkFacebookInstantGame(instant(player_info)),
        Credential::Steam { token, import } => {
            let account = Some(AccountSteam { token, ..Default::default() });
            Call::LinkSteam(LinkSteamRequest { account, sync: Some(import) })
        }
        game_center @ Credential::GameCenter { .. } => Call::LinkGameCenter(game_center_of(game_center)),
    })
}

/// The call that unlinks a credential; `None` for a name.
pub(super) fn unlink(credential: Credential) -> Option<Call> {
    Some(match credential {
        Credential::Username { .. } => return None,
        Credential::Device { id } => Call::UnlinkDevice(AccountDevice { id, ..Default::default() }),
        Credential::Custom { id } => Call::UnlinkCustom(AccountCustom { id, ..Default::default() }),
        Credential::Email { email, .. } => Call::UnlinkEmail(AccountEmail { email, ..Default::default() }),
        Credential::Apple { token } => Call::UnlinkApple(AccountApple { token, ..Default::default() }),
        Credential::Google { token } => Call::UnlinkGoogle(AccountGoogle { token, ..Default::default() }),
        Credential::Facebook { token, .. } => Call::UnlinkFacebook(AccountFacebook { token, ..Default::default() }),
        Credential::FacebookInstantGame { player_info } => Call::UnlinkFacebookInstantGame(instant(player_info)),
        Credential::Steam { token, .. } => Call::UnlinkSteam(AccountSteam { token, ..Default::default() }),
        game_center @ Credential::GameCenter { .. } => Call::UnlinkGameCenter(game_center_of(game_center)),
    })
}

fn instant(signed_player_info: String) -> AccountFacebookInstantGame {
    AccountFacebookInstantGame { signed_player_info, ..Default::default() }
}

fn game_center_of(credential: Credential) -> AccountGameCenter {
    match credential {
        Credential::GameCenter { player_id, bundle_id, timestamp_s, salt, signature, public_key_url } => AccountGameCenter {
            player_id,
            bundle_id,
            timestamp_seconds: timestamp_s,
            salt,
            signature,
            public_key_url,
            ..Default::default()
        },
        _ => AccountGameCenter::default(),
    }
}
