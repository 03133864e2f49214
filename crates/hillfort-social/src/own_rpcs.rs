//! Functions that the server has by itself, for what Nakama's API has no call for: passwords, and a person's own data. Owns their names
//! and payloads. Any session may call them, a guest's too; modules cannot take their names.

use std::collections::BTreeMap;

use hillfort_api::{ApiError, CALLS, Caller, Code, Who};
use hillfort_store::{OtherWays, SessionId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::core::Core;
use crate::faults;
use crate::limits::{Allowance, TryAgainIn};

/// What their names begin with.
const PREFIX: &str = "hillfort.";
/// Key of exports in the tables of limits.
const EXPORT: u8 = 11;
/// Exports of one account.
const EXPORTS: Allowance = Allowance::new(2, 600_000);
/// Key of further parts of exports.
const EXPORT_PART: u8 = 12;
/// Further parts.
const EXPORT_PARTS: Allowance = Allowance::new(60, 10_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    token: String,
    password: String,
    #[serde(default)]
    unlink_others: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    old: String,
    new: String,
    #[serde(default)]
    unlink_others: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Export {
    cursor: String,
}

impl Core {
    /// Calls the function `id`, if it is one of these.
    pub(crate) async fn own_rpc(&self, caller: &Caller, id: &str, payload: &str) -> Option<Result<String, ApiError>> {
        let name = id.strip_prefix(PREFIX)?;
        Some(match name {
            "password_reset_request" => match read::<Request>(payload) {
                Ok(request) => self.request_reset(caller.address.ip(), &request.email).await.map(|()| "{}".to_owned()),
                Err(error) => Err(error),
            },
            "password_reset" => match read::<Reset>(payload) {
                Ok(reset) => {
                    let others = other_ways(reset.unlink_others);
                    let ways = self.reset(caller.address.ip(), &reset.token, &reset.password, others).await;
                    ways.map(|ways| serde_json::json!({ "other_ways": ways }).to_string())
                }
                Err(error) => Err(error),
            },
            "password_change" => match read::<Change>(payload) {
                Ok(change) => {
                    let others = other_ways(change.unlink_others);
                    self.change_password(caller, &change.old, &change.new, others).await
                }
                Err(error) => Err(error),
            },
            "export" => self.own_export(caller, payload).await,
            "routes" => self.routes(caller),
            _ => return None,
        })
    }

    /// Names of all routes for this session, by call.
    fn routes(&self, caller: &Caller) -> Result<String, ApiError> {
        let Who::User(user) = &caller.who else { return Err(ApiError::new(Code::PermissionDenied, "A session is required.")) };
        let off = || ApiError::new(Code::FailedPrecondition, "Route aliases are not configured.");
        let aliases = self.aliases.as_ref().ok_or_else(off)?;
        let session: SessionId = user.token_id.parse().map_err(|why| faults::internal("a session has no id", &why))?;
        let now_ms = self.now_ms();
        let names: BTreeMap<_, _> = CALLS.iter().map(|row| (row.name, aliases.name(session.0, row.call, now_ms))).collect();
        Ok(serde_json::json!(names).to_string())
    }

    /// A part of the caller's own data; the cursor in it leads to the next.
    async fn own_export(&self, caller: &Caller, payload: &str) -> Result<String, ApiError> {
        let Who::User(user) = &caller.who else { return Err(ApiError::new(Code::PermissionDenied, "A session is required.")) };
        let asked = if payload.trim_ascii().is_empty() { Export::default() } else { read::<Export>(payload)? };
        // A part reads some MiB at once.
        let too_soon = |again: TryAgainIn| {
            ApiError::new(
                Code::ResourceExhausted,
                format!("Exported a moment ago: try again in {} s.", again.0.max(1) / 1000 + 1),
            )
        };
        let (key, allowance) = if asked.cursor.is_empty() { (EXPORT, EXPORTS) } else { (EXPORT_PART, EXPORT_PARTS) };
        self.guesses.take(&(key, user.user_id.0), allowance, self.now_ms()).map_err(too_soon)?;
        let person = self.export(user.user_id, Some(asked.cursor)).await?;
        serde_json::to_string(&person).map_err(|why| faults::internal("a person's data are no JSON", &why))
    }
}

fn other_ways(unlink: bool) -> OtherWays {
    if unlink { OtherWays::Unlink } else { OtherWays::Keep }
}

fn read<T: DeserializeOwned>(payload: &str) -> Result<T, ApiError> {
    serde_json::from_str(payload).map_err(|why| ApiError::invalid("payload", format!("payload: {why}")))
}
