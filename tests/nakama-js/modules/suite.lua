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

-- Puts the caller's session on a stream, takes it off, or says something there: { label, leave, say }.
nk.register_rpc(function(context, payload)
  local asked = nk.json_decode(payload)
  local stream = { mode = 100, label = asked.label }
  if asked.say then
    nk.stream_send(stream, asked.say)
  elseif asked.leave then
    nk.stream_user_leave(context.user_id, context.session_id, stream)
  else
    nk.stream_user_join(context.user_id, context.session_id, stream, false, false)
  end
  return "{}"
end, "suite_stream")
