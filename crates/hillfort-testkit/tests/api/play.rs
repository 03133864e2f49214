//! What a rig's server plays: the real list of matches, with its queries, over rooms that are made up; and the real runtime over a module in
//! Lua. Knows nothing of what is asked.

use std::path::Path;
use std::sync::Arc;

use hillfort_api::match_id::RoomCipher;
use hillfort_api::matches::{HANDLER_GAME, Later};
use hillfort_matches::MatchBackend;
use hillfort_modules::{Runtime, Settings};
use hillfort_nakama::matches::{MatchList, RoomLine, Rooms};
use hillfort_nakama::socket::{Config, SocketDoor};
use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_social::Social;
use tokio::runtime::Handle;

/// Matches of the module `arena`; one more is a hill, and one has a label that is no JSON.
pub(crate) const ARENAS: u64 = 64;
/// The label that is no JSON.
pub(crate) const PLAIN: &str = "'; DROP TABLE accounts; --";

/// Functions that take what they are given to where it could do something: the sandbox, its JSON, its patterns, a query, the database.
pub(crate) const MODULE: &str = r#"
local nk = require("nakama")

-- What is wrong with a payload is its sender's fault.
local function register(name, deed)
  nk.register_rpc(function(context, payload)
    local ok, answer = pcall(deed, context, payload)
    if not ok then
      error({ type(answer) == "table" and answer[1] or tostring(answer), 3 })
    end
    return answer
  end, name)
end

register("echo", function(_, payload) return payload end)
register("decode", function(_, payload) return nk.json_encode({ is = nk.json_decode(payload) }) end)
register("pattern", function(_, payload) return tostring(string.find(("a"):rep(30) .. "!", payload)) end)
register("find", function(_, payload) return tostring(#nk.match_list(100, true, nil, nil, nil, payload)) end)
register("keep", function(context, payload)
  local object = { collection = "kept", key = payload, user_id = context.user_id }
  nk.storage_write({ { collection = "kept", key = payload, user_id = context.user_id, value = { text = payload } } })
  return nk.storage_read({ object })[1].value.text
end)
"#;

struct Labelled(Arc<[RoomLine]>);

impl Labelled {
    fn new() -> Self {
        let line = |room: u64, game: &str, handler: &str, label: String| RoomLine {
            room: RoomId(room),
            game: game.into(),
            handler: handler.into(),
            label: label.into(),
            size: 2,
            tick_rate: 10,
            made_unix_ms: 1,
        };
        let arena = |room| {
            let label = format!("{{\"mode\":\"arena\",\"open\":{},\"a\":\"{}c\"}}", room % 2, "a".repeat(40));
            line(room, HANDLER_GAME, "arena", label)
        };
        let others = [
            line(ARENAS, "hilltop", "", "{\"mode\":\"hill\",\"a\":\"aab\"}".to_owned()),
            line(ARENAS + 1, "hilltop", "", PLAIN.to_owned()),
        ];
        Self((0..ARENAS).map(arena).chain(others).collect())
    }
}

impl Rooms for Labelled {
    fn rooms(&self) -> Arc<[RoomLine]> {
        Arc::clone(&self.0)
    }

    fn create(&self, _: &'static str, _: Vec<u8>) -> Later<Result<RoomId, Reject>> {
        Box::pin(std::future::ready(Err(Reject::Draining)))
    }

    fn look(&self, room: RoomId) -> Later<Option<RoomLine>> {
        Box::pin(std::future::ready(self.0.iter().find(|line| line.room == room).cloned()))
    }

    fn signal(&self, _: RoomId, _: Vec<u8>) -> Later<Result<Vec<u8>, Reject>> {
        Box::pin(std::future::ready(Err(Reject::RoomUnknown)))
    }
}

/// Has `social` list these matches and call these functions. The module is written into `folder`.
pub(crate) fn start(social: &Social, threads: &Handle, folder: &Path) {
    std::fs::write(folder.join("module.lua"), MODULE).unwrap();
    let cipher = RoomCipher::new([1, 2, 3, 4]);
    let door = SocketDoor::new(Config::default(), Arc::new(social.clone()), threads.clone(), cipher.clone()).unwrap();
    let matches = Arc::new(MatchList::new(door.sockets(), Arc::new(Labelled::new()), cipher));
    social.set_matches(matches.clone());
    let others = MatchBackend { matches, sessions: Arc::new(door.sockets()) };
    // One VM, and time enough for a debug build on a busy machine: the bound of steps is what holds hostile patterns.
    let settings = Settings {
        folder: folder.to_owned(),
        threads: 1,
        call_time_max: std::time::Duration::from_secs(60),
        ..Settings::default()
    };
    let modules = Runtime::start(settings, social.backend(Some(Arc::new(others)))).unwrap();
    social.set_runtime(Arc::new(modules));
}
