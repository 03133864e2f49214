//! The one table of the console's routes: how each is asked, who may, what the audit log calls it, and how large its body may be. Knows
//! nothing of what they do.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use hillfort_store::Role::{self, Administrator, Operator, Viewer};

use super::api::{self, State};
use super::{accounts, admission, audit, configuration, explorer, gate, matches, modules, operators, owned, sign_in, storage};

/// Bytes of a body that is a form.
const FORM: usize = 4 << 10;
/// Bytes of a body with metadata in it: 64 KiB, as JSON in JSON.
const PROFILE: usize = 160 << 10;
/// Bytes of a body with an object or a request in it: 1 MiB, as JSON in JSON.
const OBJECT: usize = 2_304 << 10;

/// What a route takes, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Needs {
    /// Nothing: what it tells is for everybody who can reach the console.
    Nothing,
    /// That somebody is signed in.
    SignIn,
    /// This role, or one that includes it.
    Role(Role),
}

/// One route.
pub(super) struct Row {
    /// For those who walk the table: the handler has it, too.
    #[cfg(test)]
    pub(super) method: axum::http::Method,
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    /// Its name in the audit log: what changes something has one, and so has what takes personal data out.
    pub(super) action: Option<&'static str>,
    /// Bytes of its body at most.
    pub(super) body_max: usize,
    handler: fn() -> MethodRouter<State>,
}

macro_rules! table {
    ($($method:ident $path:literal, $needs:expr, $action:expr, $body:expr, $handler:path;)+) => {
        /// The table.
        pub(super) static ROWS: &[Row] = &[$(Row {
            #[cfg(test)]
            method: axum::http::Method::$method,
            path: $path,
            needs: $needs,
            action: $action,
            body_max: $body,
            handler: || on(MethodFilter::$method, $handler),
        }),+];
    };
}

use Needs::{Nothing, Role as Of, SignIn};

table! {
    GET "/api/me", Nothing, None, 0, sign_in::me;
    GET "/metrics", Nothing, None, 0, api::exposition;
    POST "/api/sign-in", Nothing, Some("operator.sign_in"), FORM, sign_in::sign_in;
    POST "/api/sign-out", SignIn, Some("operator.sign_out"), FORM, sign_in::sign_out;
    POST "/api/password", SignIn, Some("operator.password"), FORM, sign_in::password;
    GET "/api/operators", Of(Administrator), None, 0, operators::list;
    POST "/api/operators", Of(Administrator), Some("operator.create"), FORM, operators::create;
    POST "/api/operators/{name}", Of(Administrator), Some("operator.update"), FORM, operators::update;
    DELETE "/api/operators/{name}", Of(Administrator), Some("operator.delete"), FORM, operators::delete;
    GET "/api/audit", Of(Viewer), None, 0, audit::list;

    GET "/api/live", Of(Viewer), None, 0, api::live;
    GET "/api/address/{address}", Of(Viewer), None, 0, api::explain;
    POST "/api/ban", Of(Operator), Some("address.ban"), FORM, api::ban;
    POST "/api/lift", Of(Operator), Some("address.lift"), FORM, api::lift;
    POST "/api/allow", Of(Operator), Some("address.allow"), FORM, api::allow;
    POST "/api/disallow", Of(Operator), Some("address.disallow"), FORM, api::disallow;
    POST "/api/limits", Of(Administrator), Some("limit.set"), FORM, api::limits;
    POST "/api/attack", Of(Administrator), Some("attack.start"), FORM, api::attack;
    GET "/api/rooms", Of(Viewer), None, 0, api::rooms;
    GET "/api/rooms/{room}", Of(Viewer), None, 0, api::look;
    POST "/api/rooms/{room}", Of(Operator), Some("room.steer"), FORM, api::steer;
    POST "/api/rooms/{room}/move", Of(Operator), Some("room.move"), FORM, api::move_room;
    POST "/api/record", Of(Operator), Some("room.record"), FORM, api::record;

    GET "/api/accounts", Of(Viewer), None, 0, accounts::search;
    GET "/api/accounts/{id}", Of(Viewer), None, 0, accounts::view;
    POST "/api/accounts/{id}", Of(Operator), Some("account.edit"), PROFILE, accounts::edit;
    POST "/api/accounts/{id}/ban", Of(Operator), Some("account.ban"), FORM, accounts::ban;
    POST "/api/accounts/{id}/unban", Of(Operator), Some("account.unban"), FORM, accounts::unban;
    POST "/api/accounts/{id}/sign-out", Of(Operator), Some("account.sign_out"), FORM, accounts::sign_out;
    POST "/api/accounts/{id}/export", Of(Administrator), Some("account.export"), FORM, accounts::export;
    GET "/api/accounts/{id}/ledger", Of(Viewer), None, 0, owned::ledger;
    POST "/api/accounts/{id}/wallet", Of(Administrator), Some("account.wallet"), FORM, owned::change;
    POST "/api/accounts/{id}/unlink", Of(Administrator), Some("account.unlink"), FORM, owned::unlink;
    DELETE "/api/accounts/{id}", Of(Administrator), Some("account.delete"), FORM, accounts::delete;

    GET "/api/collections", Of(Viewer), None, 0, storage::collections;
    GET "/api/objects", Of(Viewer), None, 0, storage::list;
    GET "/api/object", Of(Viewer), None, 0, storage::view;
    POST "/api/object", Of(Operator), Some("storage.write"), OBJECT, storage::write;
    DELETE "/api/object", Of(Administrator), Some("storage.delete"), FORM, storage::delete;

    GET "/api/calls", Of(Viewer), None, 0, explorer::list;
    POST "/api/calls/{call}", Of(Administrator), Some("api.call"), OBJECT, explorer::call;

    GET "/api/matches", Of(Viewer), None, 0, matches::list;
    GET "/api/matches/{id}", Of(Viewer), None, 0, matches::view;
    DELETE "/api/matches/{id}", Of(Operator), Some("match.end"), FORM, matches::end;

    GET "/api/modules", Of(Viewer), None, 0, modules::show;
    POST "/api/modules/reload", Of(Administrator), Some("modules.reload"), FORM, modules::reload;

    GET "/api/configuration", Of(Viewer), None, 0, configuration::show;
}

/// All routes behind the gate, each behind its row. The page's files are for everybody: they are in every binary.
pub(super) fn router(state: State) -> Router {
    let hosts: Arc<[String]> = state.settings.hosts.clone().into();
    let mut router = Router::new();
    for row in ROWS {
        let admit = middleware::from_fn_with_state((state.clone(), row), admission::admit);
        let handler = (row.handler)().route_layer(DefaultBodyLimit::max(row.body_max)).route_layer(admit);
        router = router.route(row.path, handler);
    }
    router.fallback(get(api::file)).layer(middleware::from_fn_with_state(hosts, gate::check)).with_state(state)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn whatever_changes_something_takes_a_role_and_is_written_down() {
        let mut names = BTreeSet::new();
        for row in ROWS {
            let what = format!("{} {}", row.method, row.path);
            assert!(names.insert(what.clone()), "{what} is there twice");
            if row.method.is_safe() {
                assert!(row.action.is_none() && row.body_max == 0, "{what} looks, and changes nothing");
            } else {
                assert!(row.action.is_some() && row.body_max > 0, "{what} is not written down");
                let own = row.path.starts_with("/api/sign-") || row.path == "/api/password";
                assert_eq!(own, row.needs < Of(Operator), "{what} takes no role");
            }
        }
    }
}
