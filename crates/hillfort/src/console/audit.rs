//! The audit log: writes a line for each change, keeps so many of them, and shows them. Knows nothing of what the changes are.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use hillfort_store::{AuditFilter, NewAuditEntry};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::State;
use super::feed::unix_ms;
use super::office::Office;
use super::told::{Note, Refusal, Told};

/// Lines that are kept; the oldest go.
pub(super) const LINES_MAX: usize = 100_000;
/// Lines on a page.
const PAGE: usize = 100;
/// So many new lines until old ones are removed.
const PURGE_EVERY: u64 = 64;
/// Lines that one removal takes at most.
const PURGE: usize = 1_000;
/// Bytes of a subject and of a detail's value that are written; more is cut.
const TEXT_MAX: usize = 400;

/// Writes lines.
#[derive(Debug)]
pub(super) struct Audit {
    office: Arc<Office>,
    written: AtomicU64,
}

impl Audit {
    pub(super) fn new(office: Arc<Office>) -> Self {
        Self { office, written: AtomicU64::new(0) }
    }

    /// Writes what came of a change. When the store does not take the line, the log of the server has it: an address must be banned
    /// also while the database is away.
    pub(super) async fn write(&self, actor: &str, from: IpAddr, action: &str, status: StatusCode, note: Note) {
        let mut detail = note.detail;
        detail.values_mut().for_each(shorten);
        let outcome = note.outcome.map_or_else(|| outcome(status).to_owned(), |outcome| clean(&outcome, TEXT_MAX));
        detail.insert("outcome".to_owned(), outcome.into());
        detail.insert("status".to_owned(), status.as_u16().into());
        let entry = NewAuditEntry {
            actor: clean(actor, 128),
            action: action.to_owned(),
            subject: clean(&note.subject, TEXT_MAX),
            address: from.to_string(),
            detail: Value::from(detail).to_string(),
        };
        let (audit, now) = (Arc::clone(&self.office.store.audit), i64::try_from(unix_ms()).unwrap_or(i64::MAX));
        let purge = self.written.fetch_add(1, Relaxed).is_multiple_of(PURGE_EVERY);
        let kept = entry.clone();
        let written = self.office.run(async move {
            audit.append(entry, now).await?;
            if purge {
                audit.purge(i64::MIN, LINES_MAX, PURGE).await?;
            }
            Ok::<_, hillfort_store::StoreError>(())
        });
        if let Err(refusal) = written.await.and_then(|written| written.map_err(Refusal::from)) {
            tracing::error!(why = refusal.text, line = ?kept, "a line of the audit log could not be kept");
        }
    }
}

fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..400 => "done",
        400..500 => "refused",
        _ => "failed",
    }
}

fn shorten(value: &mut Value) {
    if let Value::String(text) = value {
        *text = clean(text, TEXT_MAX);
    }
}

/// At most `most` bytes of it, without what no database keeps, and what a terminal or a page would obey instead of showing it.
fn clean(text: &str, most: usize) -> String {
    let is_odd =
        |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::new();
    for c in text.chars().map(|c| if is_odd(c) { char::REPLACEMENT_CHARACTER } else { c }) {
        if shown.len() + c.len_utf8() > most {
            break;
        }
        shown.push(c);
    }
    shown
}

/// Which lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    subject: String,
    cursor: Option<String>,
}

/// `GET /api/audit`: newest first.
pub(super) async fn list(Shared(state): Shared<State>, Query(wanted): Query<Wanted>) -> Told {
    let Wanted { actor, action, subject, cursor } = wanted;
    let audit = Arc::clone(&state.office.store.audit);
    let filter = AuditFilter { actor, action, subject };
    let page = state.office.run(async move { audit.list(filter, PAGE, cursor).await }).await??;
    let lines = page.items.iter().map(|line| {
        let detail = serde_json::from_str(&line.detail).unwrap_or(Value::Null);
        json!({
            "id": line.id, "time": line.time, "actor": line.actor, "action": line.action, "subject": line.subject,
            "address": line.address, "detail": detail,
        })
    });
    let lines: Vec<Value> = lines.collect();
    Ok(Json(json!({ "lines": lines, "cursor": page.cursor })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_characters() {
        assert_eq!(clean("é\0x", 10), "é\u{fffd}x");
        assert_eq!(clean("aé", 2), "a");
        assert_eq!(clean("a\n\u{1b}[2J\u{202e}b", 100), "a\u{fffd}\u{fffd}[2J\u{fffd}b");
        assert_eq!(clean("\0\0", 5), "\u{fffd}", "what stands for another may be longer");
        assert_eq!(clean(&"x".repeat(1_000), TEXT_MAX).len(), TEXT_MAX);
    }
}
