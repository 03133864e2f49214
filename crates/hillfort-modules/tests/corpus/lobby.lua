-- Finds an open match by its label, or creates one.

local nk = require("nakama")

local function find(context, payload)
  local matches = nk.match_list(10, true, nil, 0, 1, "+label.open:1")
  if #matches > 0 then
    table.sort(matches, function(a, b) return a.size > b.size end)
    return nk.json_encode({ match_id = matches[1].match_id })
  end
  local match_id = nk.match_create("games.tic_tac_toe", { fast = true })
  return nk.json_encode({ match_id = match_id, created = true })
end
nk.register_rpc(find, "find_match")

nk.run_once(function(context)
  nk.localcache_put("started", { mode = context.execution_mode, env = context.env })
end)

nk.register_rpc(function(context)
  local started = nk.localcache_get("started")
  return nk.json_encode({ mode = started.mode, greeting = context.env.greeting, node = context.node })
end, "started")
