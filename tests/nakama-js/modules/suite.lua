-- What the suite asks of a server: functions, and the match of arena.lua.
local nk = require("nakama")

nk.register_rpc(function(context, payload)
  return nk.json_encode({ user_id = context.user_id, session_id = context.session_id, said = payload })
end, "suite_echo")

nk.register_rpc(function()
  error({ "not today", 9 })
end, "suite_fails")

-- Makes a match: { mode, seats }.
nk.register_rpc(function(_, payload)
  return nk.json_encode({ match_id = nk.match_create("arena", nk.json_decode(payload)) })
end, "suite_match")

nk.register_rpc(function(_, payload)
  local asked = nk.json_decode(payload)
  return nk.match_signal(asked.match_id, asked.data)
end, "suite_signal")
