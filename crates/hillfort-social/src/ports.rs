//! What this crate asks of others: the runtime of modules, the registry of matches, open sockets, and the clock. Owns the traits; knows
//! nothing of who implements them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hillfort_api::api::{ListMatchesRequest, Match};
use hillfort_api::{ApiError, Call, CallName, Caller, Reply};

/// What a port answers, later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Milliseconds since 1970, UTC. A test gives its own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The clock of the system.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Modules: hooks around calls, and functions of their own.
pub trait Runtime: Send + Sync {
    /// Whether some module wants to see calls of this name before they are made, and after.
    fn hooks(&self, call: CallName) -> Hooks;

    /// Shows the call to the module, which may change or refuse it. `None`: the module has switched the call off.
    fn before(&self, caller: Caller, call: Call) -> Later<Result<Option<Call>, ApiError>>;

    /// Shows what came of the call. What the hook says is logged by the runtime; the call is done. After a sign-in, `caller` is the user
    /// who signed in.
    fn after(&self, caller: Caller, call: Call, reply: Reply) -> Later<()>;

    /// Calls the function `id`, in lower case. `None`: there is none.
    fn rpc(&self, caller: Caller, id: String, payload: String) -> Later<Option<Result<String, ApiError>>>;
}

/// Which hooks there are around a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hooks {
    /// One before.
    pub before: bool,
    /// One after.
    pub after: bool,
}

/// Running matches.
pub trait Matches: Send + Sync {
    /// Those that the request asks for; its bounds were checked.
    fn list(&self, request: ListMatchesRequest) -> Later<Result<Vec<Match>, ApiError>>;
}
