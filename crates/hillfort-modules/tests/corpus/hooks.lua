-- Hooks before and after calls and messages.

local nk = require("nakama")

local function before_device(context, request)
  if request.account.id == "banned-device-id" then
    error({ "this device is banned", 7 })
  end
  if request.account.id == "nobody-device-id" then
    return nil
  end
  request.username = "Player-" .. request.account.id:sub(1, 4)
  return request
end
nk.register_req_before(before_device, "AuthenticateDevice")

local function after_device(context, session, request)
  nk.localcache_put("signed_in:" .. request.account.id, { created = session.created, mode = context.execution_mode }, 60)
end
nk.register_req_after(after_device, "AuthenticateDevice")

local function before_account(context, request)
  assert(request == nil, "takes nothing")
  if context.username == "blocked" then
    error("not you")
  end
end
nk.register_req_before(before_account, "GetAccount")

local function before_match(context, envelope)
  envelope.match_create.name = (envelope.match_create.name or "") .. "!"
  return envelope
end
nk.register_rt_before(before_match, "MatchCreate")

nk.register_rpc(function(_, payload)
  return nk.json_encode(nk.localcache_get("signed_in:" .. payload, {}))
end, "signed_in")
