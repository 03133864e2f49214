//! What this crate asks of others: the runtime of modules, matches, open sockets, and the clock. Owns the first and the last of these traits.

use std::sync::Arc;

use hillfort_api::realtime::Envelope;
use hillfort_api::{ApiError, Call, CallName, Caller, Reply};

pub use hillfort_api::matches::Matches;
pub use hillfort_api::service::{Hooks, Later};

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

    /// Whether some module wants to see messages of the realtime socket of this name (the envelope's field) before they are handled, and after.
    fn message_hooks(&self, message: &'static str) -> Hooks;

    /// Shows the message to the module, which may change or refuse it. `None`: the module has switched it off.
    fn before_message(&self, caller: Caller, envelope: Envelope) -> Later<Result<Option<Envelope>, ApiError>>;

    /// Shows what came of the message, as with calls.
    fn after_message(&self, caller: Caller, reply: Option<Envelope>, envelope: Envelope) -> Later<()>;

    /// Calls the function `id`, in lower case. `None`: there is none.
    fn rpc(&self, caller: Caller, id: String, payload: String) -> Later<Option<Result<String, ApiError>>>;
}
