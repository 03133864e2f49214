-- A reward once a day: storage, wallet, time.

local nk = require("nakama")

local DAY = 24 * 60 * 60

local function last_claim(user_id)
  local objects = nk.storage_read({
    { collection = "reward", key = "daily", user_id = user_id }
  })
  for _, object in ipairs(objects) do
    return object
  end
  return nil
end

local function can_claim(object, now)
  if object == nil then
    return true
  end
  local midnight = nk.cron_prev("0 0 * * *", now + 1)
  return object.value.last_claim_unix < midnight
end

local function rpc_can_claim(context, _)
  local now = math.floor(nk.time() / 1000)
  return nk.json_encode({ can_claim = can_claim(last_claim(context.user_id), now) })
end
nk.register_rpc(rpc_can_claim, "canclaimdailyreward")

local function rpc_claim(context, payload)
  if payload ~= nil and #payload > 0 then
    error({ "no input allowed", 3 })
  end
  local now = math.floor(nk.time() / 1000)
  local object = last_claim(context.user_id)
  local resp = { coins_received = 0 }
  if can_claim(object, now) then
    resp.coins_received = 500
    local version = object and object.version or nil
    local ok, err = pcall(nk.multi_update, nil, {
      {
        collection = "reward",
        key = "daily",
        user_id = context.user_id,
        value = { last_claim_unix = now },
        version = version or "*",
        permission_read = 1,
        permission_write = 0,
      }
    }, nil, {
      { user_id = context.user_id, changeset = { coins = resp.coins_received }, metadata = {} }
    }, true)
    if not ok then
      nk.logger_error(("claim error: %q"):format(err))
      error({ "internal error", 13 })
    end
  end
  return nk.json_encode(resp)
end
nk.register_rpc(rpc_claim, "ClaimDailyReward")
