-- What the tests of the server runtime call.

local nk = require("nakama")

nk.register_rpc(function(context, payload)
  return nk.json_encode({ user = context.username, payload = payload, on_socket = context.session_id ~= nil, env = context.env.place })
end, "echo")

nk.register_rpc(function(context, payload)
  error({ "that does not work", 9 })
end, "fails")

nk.register_rpc(function(context, payload)
  while true do end
end, "spins")

nk.register_rpc(function(context, payload)
  nk.storage_write({ {
    collection = "notes", key = "last", user_id = context.user_id, value = { text = payload }, permission_read = 1, permission_write = 0,
  } })
end, "note")

nk.register_rpc(function(context, payload)
  nk.storage_write_behind({ {
    collection = "notes", key = "late", user_id = context.user_id, value = { text = payload }, permission_read = 1, permission_write = 0,
  } })
end, "note_later")

nk.register_rpc(function(context, payload)
  return nk.match_create("arena", nk.json_decode(payload))
end, "make_match")

nk.register_rpc(function(context, payload)
  local stream = { mode = 20, label = "news" }
  local new = nk.stream_user_join(context.user_id, context.session_id, stream, false, true)
  nk.stream_send(stream, context.username .. " listens")
  return nk.json_encode({ new = new, count = nk.stream_count(stream), first = nk.stream_user_list(stream)[1].username })
end, "listen")

nk.register_rpc(function(context, payload)
  nk.stream_close({ mode = 20, label = "news" })
  return tostring(nk.stream_count({ mode = 20, label = "news" }))
end, "hush")

nk.register_rpc(function(context, payload)
  nk.status_follow(context.session_id, { payload })
end, "follow")

nk.register_rpc(function(context, payload)
  nk.status_unfollow(context.session_id, { payload })
end, "unfollow")

nk.register_rpc(function(context, payload)
  nk.event("sold", { item = payload }, 1700000000, true)
end, "sell")

nk.register_req_before(function(context, request)
  if request.display_name == "admin" then
    error({ "that name is taken", 7 })
  end
  request.location = "from " .. request.display_name
  return request
end, "UpdateAccount")

nk.register_req_after(function(context, session, request)
  if session.created then
    nk.wallet_update(context.user_id, { coins = 10 }, { why = "welcome" }, true)
  end
end, "AuthenticateDevice")

nk.register_rt_before(function(context, envelope)
  if envelope.status_update.status == "rude" then
    return nil
  end
  envelope.status_update.status = envelope.status_update.status .. "!"
  return envelope
end, "StatusUpdate")

nk.register_rt_after(function(context, reply, envelope)
  nk.storage_write({ {
    collection = "matches", key = "made", user_id = context.user_id, value = { id = reply.match.match_id },
    permission_read = 1, permission_write = 0,
  } })
end, "MatchCreate")
