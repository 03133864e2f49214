-- A match that the server runs. Players send op code 1 with {"points": n}; the match keeps the scores and tells them to all, ten times a
-- second at most, with op code 2. Whoever reaches 100 has won, and the match is over. Make one by the RPC arena_find.

local nk = require("nakama")

local M = {}

local ADD, SCORES, WON = 1, 2, 3
local GOAL = 100

local function label(state)
  return nk.json_encode({ mode = "arena", open = state.players < state.size and 1 or 0 })
end

function M.match_init(context, params)
  local state = { size = params and params.size or 8, players = 0, scores = {}, lonely = 0 }
  return state, 10, label(state)
end

function M.match_join_attempt(context, dispatcher, tick, state, presence, metadata)
  if state.players >= state.size then
    return state, false, "the arena is full"
  end
  return state, true
end

function M.match_join(context, dispatcher, tick, state, presences)
  for _, presence in ipairs(presences) do
    state.players = state.players + 1
    state.scores[presence.username] = state.scores[presence.username] or 0
  end
  dispatcher.match_label_update(label(state))
  dispatcher.broadcast_message(SCORES, nk.json_encode(state.scores))
  return state
end

function M.match_leave(context, dispatcher, tick, state, presences)
  state.players = state.players - #presences
  dispatcher.match_label_update(label(state))
  return state
end

function M.match_loop(context, dispatcher, tick, state, messages)
  for _, message in ipairs(messages) do
    if message.op_code == ADD then
      local ok, move = pcall(nk.json_decode, message.data)
      local points = ok and type(move) == "table" and tonumber(move.points) or 0
      local name = message.sender.username
      -- The client asks, the server decides: at most 10 a message.
      state.scores[name] = state.scores[name] + math.max(0, math.min(10, points))
      if state.scores[name] >= GOAL then
        nk.wallet_update(message.sender.user_id, { wins = 1 }, { arena = context.match_id }, true)
        dispatcher.broadcast_message(WON, nk.json_encode({ winner = name }))
        return nil
      end
    end
  end
  if #messages > 0 then
    dispatcher.broadcast_message(SCORES, nk.json_encode(state.scores))
  end
  state.lonely = state.players == 0 and state.lonely + 1 or 0
  -- Nobody for half a minute: the match ends.
  if state.lonely > 300 then
    return nil
  end
  return state
end

function M.match_terminate(context, dispatcher, tick, state, grace_seconds)
  return nil
end

function M.match_signal(context, dispatcher, tick, state, data)
  return state, nk.json_encode({ players = state.players, scores = state.scores })
end

nk.register_rpc(function(context, payload)
  local open = nk.match_list(1, true, nil, nil, nil, "+label.mode:arena +label.open:1")
  local id = open[1] and open[1].match_id or nk.match_create("arena", { size = 8 })
  return nk.json_encode({ match_id = id })
end, "arena_find")

return M
