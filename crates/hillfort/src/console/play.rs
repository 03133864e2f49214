//! What plays, as the console asks it: modules of the server runtime, matches as the client API lists them. Owns nothing but the handles.

use std::fmt;
use std::sync::Arc;

use hillfort_api::match_id::RoomCipher;
use hillfort_api::matches::Matches;
use hillfort_modules::Runtime;
use hillfort_nakama::socket::Sockets;

/// See the module.
#[derive(Clone)]
pub struct Play {
    /// The server runtime.
    pub modules: Runtime,
    /// Matches that run.
    pub matches: Arc<dyn Matches>,
    /// Open sockets, which know who is in a relayed match.
    pub sockets: Sockets,
    /// From ids of matches to their rooms.
    pub cipher: RoomCipher,
}

impl fmt::Debug for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Play").field("modules", &self.modules).finish_non_exhaustive()
    }
}
