-- A reward once a day: the RPC daily_reward gives 50 coins, and says when the next are due.

local nk = require("nakama")

local COINS = 50
local DAY_S = 24 * 60 * 60

nk.register_rpc(function(context, payload)
  if not context.user_id then
    error({ "sign in first", 16 })
  end
  local key = { collection = "rewards", key = "daily", user_id = context.user_id }
  local last = nk.storage_read({ key })[1]
  local now = math.floor(nk.time() / 1000)
  local due = last and last.value.given + DAY_S or now
  if now < due then
    return nk.json_encode({ coins = 0, next = due })
  end
  -- Both or neither: of two calls at once one finds another version of the object, and fails.
  local write = { collection = key.collection, key = key.key, user_id = key.user_id, value = { given = now },
    version = last and last.version or "*", permission_read = 1, permission_write = 0 }
  local wallet = { user_id = context.user_id, changeset = { coins = COINS }, metadata = { why = "daily reward" } }
  nk.multi_update(nil, { write }, nil, { wallet }, true)
  return nk.json_encode({ coins = COINS, next = now + DAY_S })
end, "daily_reward")
