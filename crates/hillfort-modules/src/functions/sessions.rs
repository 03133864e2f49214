//! Sessions of users.

use hillfort_script::HostError;
use hillfort_script::modules::{Arguments, Charge};

use super::check::{id, ids, wrong};
use super::{Function, Outcome, Runs, row};
use crate::backend::Ask;
use crate::desk::{Desk, Want};

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "session_disconnect",
        "session_id, reason = 0",
        "",
        "Closes a session; `reason` from 0 to 4 is what others see of it.",
        Runs::Elsewhere("SessionDisconnect", disconnect),
    ),
    row(
        "session_logout",
        "user_id, token = nil, refresh_token = nil",
        "",
        "Makes tokens invalid; without any: all of the user's.",
        Runs::Elsewhere("SessionLogout", logout),
    ),
    row(
        "status_follow",
        "session_id, user_ids",
        "",
        "Has a session hear of these users' status from now on.",
        Runs::Elsewhere("StatusFollow", |_, _, a| status(a, true)),
    ),
    row(
        "status_unfollow",
        "session_id, user_ids",
        "",
        "Has it hear of them no longer.",
        Runs::Elsewhere("StatusFollow", |_, _, a| status(a, false)),
    ),
];

fn disconnect(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let session_id = id(arguments, 1, "expects valid session id")?;
    let reason = u8::try_from(arguments.integer_or(2, 0)?).ok().filter(|reason| *reason <= 4);
    let reason = reason.ok_or_else(|| wrong(2, "invalid disconnect reason, must be a value 0-4"))?;
    Outcome::later(Want::ask(Ask::SessionDisconnect { session_id, reason }, "failed to disconnect", Want::nothing))
}

fn logout(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let ask = Ask::SessionLogout {
        user_id: id(arguments, 1, "expects valid user id")?,
        token: arguments.optional_text(2)?.unwrap_or_default(),
        refresh_token: arguments.optional_text(3)?.unwrap_or_default(),
    };
    Outcome::later(Want::ask(ask, "failed to logout", Want::nothing))
}

fn status(arguments: &Arguments, follow: bool) -> Result<Outcome, HostError> {
    let session_id = id(arguments, 1, "expects valid session id")?;
    let user_ids = ids(arguments, 2, "expects a list of user ids")?;
    let blame = if follow { "failed to follow status" } else { "failed to unfollow status" };
    Outcome::later(Want::ask(Ask::StatusFollow { session_id, user_ids, follow }, blame, Want::nothing))
}
