//! Wallets and their ledger.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError, Values};

use super::accounts::each;
use super::check::{Fields, amounts, id, object, wrong};
use super::{Function, Outcome, Runs, limits, number, one, row, text};
use crate::backend::{Answer, Ask, LedgerItem, Wallet, WalletResult, WalletUpdate};
use crate::desk::{Desk, Want};
use crate::id::id_to_text;
use crate::json;

/// Lines of a ledger in one call.
const PAGE_MAX: i64 = 100;

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "wallet_update",
        "user_id, changeset, metadata = nil, ledger = false",
        "updated, previous",
        "Adds whole numbers to a wallet, takes them when negative; refuses what would go below 0.",
        Runs::Elsewhere("WalletsUpdate", wallet_update),
    ),
    row(
        "wallets_update",
        "updates, ledger = false",
        "results",
        "Several wallets, each with `user_id`, `changeset`, `metadata`; all or none, also when one user is not there.",
        Runs::Elsewhere("WalletsUpdate", wallets_update),
    ),
    row(
        "wallet_ledger_list",
        "user_id, limit = 100, cursor = nil",
        "items, cursor",
        "A page of a ledger, newest first.",
        Runs::Elsewhere("LedgerList", ledger_list),
    ),
    row(
        "wallet_ledger_update",
        "item_id, metadata",
        "item",
        "Lays the members of `metadata` over those of a line of a ledger.",
        Runs::Elsewhere("LedgerUpdate", ledger_update),
    ),
];

/// Amounts as a table.
pub(super) fn amounts_table(wallet: &Wallet) -> Data {
    Data::map(wallet.iter().map(|(name, amount)| (name.as_str(), number(*amount))))
}

/// An element of a list of updates.
pub(super) fn update_of(data: &Data, place: usize) -> Result<WalletUpdate, HostError> {
    let fields = Fields::new(data, place, "expects a valid set of updates")?;
    Ok(WalletUpdate {
        user_id: fields.id("user_id")?.ok_or_else(|| wrong(place, "expects user_id to be a valid ID"))?,
        changeset: fields.amounts("changeset")?.ok_or_else(|| wrong(place, "expects changeset to be supplied"))?,
        metadata: fields.object("metadata")?.unwrap_or_else(|| "{}".to_owned()),
    })
}

/// A wallet before and after.
pub(super) fn result_table(result: &WalletResult) -> Data {
    Data::map([
        ("user_id", text(id_to_text(&result.user_id))),
        ("previous", amounts_table(&result.previous)),
        ("updated", amounts_table(&result.updated)),
    ])
}

fn wallet_update(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let update = WalletUpdate {
        user_id: id(arguments, 1, "expects a valid user id")?,
        changeset: amounts(&arguments.table(2, limits())?, 2)?,
        metadata: object(arguments, 3)?.unwrap_or_else(|| "{}".to_owned()),
    };
    let ledger = arguments.flag_or(4, false)?;
    Outcome::later(Want::ask(Ask::WalletsUpdate { updates: vec![update], ledger }, "failed to update user wallet", |answer| {
        match answer {
            Answer::Wallets(results) => Some(match results.first() {
                Some(result) => Ok(Values(vec![amounts_table(&result.updated), amounts_table(&result.previous)])),
                None => Err("user not found".to_owned()),
            }),
            _ => None,
        }
    }))
}

fn wallets_update(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    if arguments.is_nil(1) {
        return Err(wrong(1, "expects a valid set of updates"));
    }
    let updates = each(arguments, 1, "expects a valid set of updates", update_of)?;
    let ledger = arguments.flag_or(2, false)?;
    if updates.is_empty() {
        return Ok(Outcome::Now(Values::default()));
    }
    Outcome::later(Want::ask(Ask::WalletsUpdate { updates, ledger }, "failed to update user wallet", |answer| match answer {
        Answer::Wallets(results) => Some(Ok(one(Data::List(results.iter().map(result_table).collect())))),
        _ => None,
    }))
}

fn item_table(item: LedgerItem) -> Data {
    Data::map([
        ("id", text(id_to_text(&item.id))),
        ("user_id", text(id_to_text(&item.user_id))),
        ("create_time", number(item.create_time)),
        ("update_time", number(item.update_time)),
        ("changeset", amounts_table(&item.changeset)),
        ("metadata", json::object(&item.metadata)),
    ])
}

fn ledger_list(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let user_id = id(arguments, 1, "expects a valid user id")?;
    let limit = arguments.integer_or(2, PAGE_MAX)?;
    let limit = u32::try_from(limit).ok().filter(|_| limit <= PAGE_MAX).ok_or_else(|| wrong(2, "expects limit to be 0-100"))?;
    let cursor = arguments.optional_text(3)?.unwrap_or_default();
    Outcome::later(Want::ask(Ask::LedgerList { user_id, limit, cursor }, "failed to retrieve user wallet ledger", |answer| {
        match answer {
            Answer::Ledger(ledger) => {
                let items = Data::List(ledger.items.into_iter().map(item_table).collect());
                Some(Ok(Values(vec![items, text(ledger.cursor)])))
            }
            _ => None,
        }
    }))
}

fn ledger_update(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let item_id = id(arguments, 1, "expects a valid id")?;
    let metadata = object(arguments, 2)?.ok_or_else(|| wrong(2, "expects a table as metadata value"))?;
    Outcome::later(Want::ask(
        Ask::LedgerUpdate { item_id, metadata },
        "failed to update user wallet ledger",
        |answer| match answer {
            Answer::LedgerItem(item) => Some(Ok(one(item_table(item)))),
            _ => None,
        },
    ))
}
