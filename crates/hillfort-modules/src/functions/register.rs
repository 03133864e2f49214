//! What modules register while they load. The prelude runs most of these: they take functions.

use super::{Function, Runs, State, row};

const MATCHMAKER: &str = "the matchmaker comes in a later version: create matches by an RPC until then";
const BOARDS: &str = "leaderboards and tournaments come in a later version: keep scores in storage until then";
const PURCHASES: &str = "purchases come in a later version: verify them with http_request until then";
const INDEX: &str = "indexes of storage come in a later version: use storage_list until then";

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "register_rpc",
        "function, id",
        "",
        "`function(context, payload)` answers calls of the RPC `id` with a string.",
        Runs::Prelude,
    ),
    row(
        "register_req_before",
        "function, name",
        "",
        "`function(context, request)` is called before a call of the API, such as `AuthenticateDevice`; what it returns goes on, `nil` refuses.",
        Runs::Prelude,
    ),
    row(
        "register_req_after",
        "function, name",
        "",
        "`function(context, reply, request)` is called after a call of the API.",
        Runs::Prelude,
    ),
    row(
        "register_rt_before",
        "function, name",
        "",
        "`function(context, envelope)` is called before a message of the realtime API, such as `MatchCreate`; as above.",
        Runs::Prelude,
    ),
    row(
        "register_rt_after",
        "function, name",
        "",
        "`function(context, reply, envelope)` is called after a message of the realtime API.",
        Runs::Prelude,
    ),
    row("register_shutdown", "function", "", "`function(context)` is called when the server goes down.", Runs::Prelude),
    row(
        "run_once",
        "function",
        "",
        "`function(context)` is called once for all VMs of a server, while the modules load first.",
        Runs::Prelude,
    ),
    row("get_context", "", "table", "A context with what does not depend on a call: `env`, `node`, `version`.", Runs::Prelude),
    not_yet("register_matchmaker_matched", "function", MATCHMAKER),
    not_yet("register_tournament_end", "function", BOARDS),
    not_yet("register_tournament_reset", "function", BOARDS),
    not_yet("register_leaderboard_reset", "function", BOARDS),
    not_yet("register_purchase_notification_apple", "function", PURCHASES),
    not_yet("register_purchase_notification_google", "function", PURCHASES),
    not_yet("register_subscription_notification_apple", "function", PURCHASES),
    not_yet("register_subscription_notification_google", "function", PURCHASES),
    not_yet("register_storage_index", "name, collection, key, fields, sortable, max", INDEX),
    not_yet("register_storage_index_filter", "name, function", INDEX),
];

const fn not_yet(name: &'static str, arguments: &'static str, why: &'static str) -> Function {
    Function { name, arguments, results: "", text: "Registers a function.", state: State::NotYet(why) }
}
