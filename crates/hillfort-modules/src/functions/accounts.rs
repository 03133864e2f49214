//! Accounts and users.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError, Values};

use super::check::{Fields, id, ids, list, object, texts, wrong};
use super::wallets::amounts_table;
use super::{Function, Outcome, Runs, limits, number, one, row, text};
use crate::backend::{Account, AccountUpdate, Answer, Ask, User};
use crate::desk::{Desk, Want};
use crate::id::id_to_text;
use crate::json;

/// Users by chance in one call.
const RANDOM_MAX: i64 = 1000;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "account_get_id",
        "user_id",
        "account",
        "An account with `user`, `wallet`, `devices` and the rest.",
        Runs::Elsewhere("Accounts", account_get),
    ),
    row("accounts_get_id", "user_ids", "accounts", "Several.", Runs::Elsewhere("Accounts", accounts_get)),
    row(
        "account_update_id",
        "user_id, metadata, username, display_name, timezone, location, lang_tag, avatar_url",
        "",
        "Changes an account; `nil`: as before.",
        Runs::Elsewhere("AccountUpdate", account_update),
    ),
    row(
        "account_delete_id",
        "user_id, recorded = false",
        "",
        "Deletes an account and all that is its user's.",
        Runs::Elsewhere("AccountDelete", account_delete),
    ),
    row(
        "account_export_id",
        "user_id",
        "string",
        "All that is kept of a user, as JSON.",
        Runs::Elsewhere("AccountExport", account_export),
    ),
    row("users_get_id", "user_ids, facebook_ids = nil", "users", "Users by id.", Runs::Elsewhere("Users", users_get)),
    row("users_get_username", "usernames", "users", "Users by name.", Runs::Elsewhere("Users", users_get_username)),
    row("users_get_random", "count", "users", "Users by chance, at most 1,000.", Runs::Elsewhere("UsersRandom", users_random)),
    row(
        "users_ban_id",
        "user_ids",
        "",
        "Bans users and ends their sessions.",
        Runs::Elsewhere("UsersBan", |_, _, a| ban(a, Ask::UsersBan, "failed to ban users")),
    ),
    row(
        "users_unban_id",
        "user_ids",
        "",
        "Lets banned users in again.",
        Runs::Elsewhere("UsersUnban", |_, _, a| ban(a, Ask::UsersUnban, "failed to unban users")),
    ),
];

fn account_get(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let user_id = id(arguments, 1, "invalid user id")?;
    Outcome::later(Want::ask(Ask::Accounts(vec![user_id]), "failed to get account", |answer| match answer {
        Answer::Accounts(accounts) => Some(
            accounts
                .into_iter()
                .next()
                .map_or_else(|| Err("account not found".to_owned()), |account| Ok(one(account_table(account)))),
        ),
        _ => None,
    }))
}

fn accounts_get(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ids = ids(arguments, 1, "invalid user id list")?;
    if ids.is_empty() {
        return Ok(Outcome::Now(one(Data::Map(Vec::new()))));
    }
    Outcome::later(Want::ask(Ask::Accounts(ids), "failed to get accounts", |answer| match answer {
        Answer::Accounts(accounts) => Some(Ok(one(Data::List(accounts.into_iter().map(account_table).collect())))),
        _ => None,
    }))
}

fn account_update(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let update = AccountUpdate {
        user_id: id(arguments, 1, "expects a valid user id")?,
        metadata: object(arguments, 2)?,
        username: arguments.optional_text(3)?,
        display_name: arguments.optional_text(4)?,
        timezone: arguments.optional_text(5)?,
        location: arguments.optional_text(6)?,
        lang_tag: arguments.optional_text(7)?,
        avatar_url: arguments.optional_text(8)?,
    };
    Outcome::later(Want::ask(Ask::AccountUpdate(update), "error while trying to update user", Want::nothing))
}

/// An element of the first list of `multi_update`.
pub(super) fn update_of(data: &Data, place: usize) -> Result<AccountUpdate, HostError> {
    let fields = Fields::new(data, place, "expects a valid set of account update data")?;
    Ok(AccountUpdate {
        user_id: fields.id("user_id")?.ok_or_else(|| wrong(place, "expects a valid user ID"))?,
        metadata: fields.object("metadata")?,
        username: fields.text("username")?,
        display_name: fields.text("display_name")?,
        timezone: fields.text("timezone")?,
        location: fields.text("location")?,
        lang_tag: fields.text("lang_tag")?,
        avatar_url: fields.text("avatar_url")?,
    })
}

fn account_delete(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let user_id = id(arguments, 1, "expects a valid user ID")?;
    let recorded = arguments.flag_or(2, false)?;
    Outcome::later(Want::ask(Ask::AccountDelete { user_id, recorded }, "error while trying to delete account", Want::nothing))
}

fn account_export(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let user_id = id(arguments, 1, "expects a valid user ID")?;
    Outcome::later(Want::ask(Ask::AccountExport(user_id), "error exporting account", Want::text))
}

fn users_get(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ids = if arguments.is_nil(1) { Vec::new() } else { ids(arguments, 1, "invalid user ids list")? };
    let facebook_ids = if arguments.is_nil(2) {
        Vec::new()
    } else {
        texts(arguments.table(2, limits())?, 2, "invalid facebook ids list", "each facebook id must be a string")?
    };
    users(Ask::Users { ids, usernames: Vec::new(), facebook_ids })
}

fn users_get_username(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let usernames = texts(arguments.table(1, limits())?, 1, "invalid username list", "each username must be a string")?;
    users(Ask::Users { ids: Vec::new(), usernames, facebook_ids: Vec::new() })
}

fn users_random(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let count = arguments.integer_or(1, 0)?;
    let count = u32::try_from(count).ok().filter(|_| count <= RANDOM_MAX).ok_or_else(|| wrong(1, "count must be 0-1000"))?;
    users(Ask::UsersRandom(count))
}

fn users(ask: Ask) -> Result<Outcome, HostError> {
    if matches!(&ask, Ask::Users { ids, usernames, facebook_ids } if ids.is_empty() && usernames.is_empty() && facebook_ids.is_empty())
    {
        return Ok(Outcome::Now(one(Data::Map(Vec::new()))));
    }
    Outcome::later(Want::ask(ask, "failed to get users", |answer| match answer {
        Answer::Users(users) => Some(Ok(one(Data::List(users.into_iter().map(user_table).collect())))),
        _ => None,
    }))
}

fn ban(arguments: &Arguments, ask: fn(Vec<crate::id::Id>) -> Ask, blame: &'static str) -> Result<Outcome, HostError> {
    let ids = ids(arguments, 1, "invalid user id list")?;
    if ids.is_empty() {
        return Ok(Outcome::Now(Values::default()));
    }
    Outcome::later(Want::ask(ask(ids), blame, Want::nothing))
}

/// Elements of a list.
pub(super) fn each<T>(
    arguments: &Arguments,
    place: usize,
    what: &str,
    read: impl Fn(&Data, usize) -> Result<T, HostError>,
) -> Result<Vec<T>, HostError> {
    if arguments.is_nil(place) {
        return Ok(Vec::new());
    }
    list(arguments.table(place, limits())?, place, what)?.iter().map(|data| read(data, place)).collect()
}

fn user_fields(user: &User) -> Vec<(&'static str, Data)> {
    let mut fields = vec![
        ("user_id", text(id_to_text(&user.user_id))),
        ("username", text(&*user.username)),
        ("display_name", text(&*user.display_name)),
        ("avatar_url", text(&*user.avatar_url)),
        ("lang_tag", text(&*user.lang_tag)),
        ("location", text(&*user.location)),
        ("timezone", text(&*user.timezone)),
        ("online", Data::Bool(user.online)),
        ("edge_count", number(user.edge_count.into())),
        ("create_time", number(user.create_time)),
        ("update_time", number(user.update_time)),
        ("metadata", json::object(&user.metadata)),
    ];
    let ids = [
        ("apple_id", &user.apple_id),
        ("facebook_id", &user.facebook_id),
        ("facebook_instant_game_id", &user.facebook_instant_game_id),
        ("google_id", &user.google_id),
        ("gamecenter_id", &user.gamecenter_id),
        ("steam_id", &user.steam_id),
    ];
    fields.extend(ids.into_iter().filter(|(_, id)| !id.is_empty()).map(|(name, id)| (name, text(&**id))));
    fields
}

fn user_table(user: User) -> Data {
    Data::map(user_fields(&user))
}

fn account_table(account: Account) -> Data {
    let mut fields = user_fields(&account.user);
    fields.push(("user", user_table(account.user)));
    fields.push(("wallet", amounts_table(&account.wallet)));
    if !account.email.is_empty() {
        fields.push(("email", text(account.email)));
    }
    if !account.devices.is_empty() {
        let devices = account.devices.into_iter().map(|id| Data::map([("id", text(id))]));
        fields.push(("devices", Data::List(devices.collect())));
    }
    if !account.custom_id.is_empty() {
        fields.push(("custom_id", text(account.custom_id)));
    }
    fields.extend(account.verify_time.map(|time| ("verify_time", number(time))));
    fields.extend(account.disable_time.map(|time| ("disable_time", number(time))));
    Data::map(fields)
}
