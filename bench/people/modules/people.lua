-- The functions that `hillfort load people` calls: the same file for Hillfort and for Nakama.

local nk = require("nakama")

-- What a small function does: reads its payload, says who called.
local function greet(context, payload)
  local request = nk.json_decode(payload)
  return nk.json_encode({ n = request.n, user_id = context.user_id })
end
nk.register_rpc(greet, "people.greet")

-- A match for some players.
local function open_table(context, payload)
  return nk.json_encode({ match_id = nk.match_create("people_table", {}) })
end
nk.register_rpc(open_table, "people.table")
