//! Owns everything that is kept about one person, in parts of a bounded size. Knows nothing of where it is kept.

use serde::Serialize;

use crate::{Account, LedgerEntry, Object, Result, Session, StoreError, Wallet, check, cursor};

/// A part of everything that is kept about a person, but for the hash of the password and of tokens. Lines of the ledger and objects come
/// in parts of at most [`crate::ANSWER_MAX`] bytes (an object more at most); the rest is small and in each part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonExport {
    /// Profile and identities.
    pub account: Account,
    /// What it owns, by name.
    pub wallet: Wallet,
    /// Where it is signed in.
    pub sessions: Vec<Session>,
    /// Changes of the wallet, oldest first.
    pub ledger: Vec<LedgerEntry>,
    /// Objects it owns, whatever their permissions, by collection and key. They begin when the ledger is done.
    pub objects: Vec<Object>,
    /// Where the next part begins; `None` in the last.
    pub cursor: Option<String>,
}

/// Where a part begins: after this line of the ledger, and once all of those are told, after this collection and key.
pub(crate) type Place = (i64, Option<(String, String)>);

/// The place that a caller gave.
pub(crate) fn place(cursor: Option<&str>) -> Result<Place> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else { return Ok((0, None)) };
    let place: Place = cursor::read(cursor).ok_or_else(|| StoreError::invalid("cursor", "is not one of an export"))?;
    for text in place.1.iter().flat_map(|(collection, key)| [collection, key]) {
        check::text("cursor", text, 128)?;
    }
    Ok(place)
}

/// The cursor to what comes after these lines and objects; `more` of the one or of the other.
pub(crate) fn next(last_line: Option<i64>, more_lines: bool, objects: &[Object], more_objects: bool) -> Option<String> {
    let place: Place = match (last_line, objects.last()) {
        (Some(line), _) if more_lines => (line, None),
        (_, Some(last)) if more_objects => (i64::MAX, Some((last.id.collection.clone(), last.id.key.clone()))),
        _ => return None,
    };
    Some(cursor::write(&place))
}
