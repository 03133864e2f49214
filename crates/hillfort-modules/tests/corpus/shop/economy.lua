-- A shop: wallets, ledger, a price list from another module, and a request for what somebody has.

local nk = require("nakama")
local prices = require("shop.prices")
local strings = require("lib.strings")

local function buy(context, payload)
  local request = nk.json_decode(payload)
  local price = prices[request.item]
  if not price then
    error({ "there is no " .. tostring(request.item), 5 })
  end
  local ok, updated, previous = pcall(nk.wallet_update, context.user_id, { coins = -price }, { item = request.item }, true)
  if not ok then
    error({ updated, 9 })
  end
  nk.storage_write({
    {
      collection = "inventory",
      key = request.item,
      user_id = context.user_id,
      value = { bought_at = nk.time(), tags = strings.join(("a,b"):split(","), "+") },
      permission_write = 0,
    }
  })
  return nk.json_encode({ before = previous.coins, after = updated.coins })
end
nk.register_rpc(buy, "shop.buy")

local function inventory(context, _)
  local objects, cursor = nk.storage_list(context.user_id, "inventory", 100, nil)
  local items = {}
  for _, object in ipairs(objects) do
    items[#items + 1] = object.key
  end
  return nk.json_encode({ items = items, more = cursor ~= nil })
end
nk.register_rpc(inventory, "shop.inventory")

local function ledger(context, _)
  local items = nk.wallet_ledger_list(context.user_id, 10)
  local sum = 0
  for _, item in ipairs(items) do
    sum = sum + item.changeset.coins
  end
  return tostring(sum)
end
nk.register_rpc(ledger, "shop.ledger")
