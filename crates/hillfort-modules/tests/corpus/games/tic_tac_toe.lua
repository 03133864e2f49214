-- Two players, nine fields. A match handler in the style of Nakama's examples.

local nk = require("nakama")

local M = {}

local LINES = {
  { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 }, { 1, 4, 7 }, { 2, 5, 8 }, { 3, 6, 9 }, { 1, 5, 9 }, { 3, 5, 7 }
}

local OpCode = { START = 1, MOVE = 2, STATE = 3, DONE = 4, REJECTED = 5 }

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

local function label(state)
  return nk.json_encode({ open = count(state.presences) < 2 and 1 or 0, fast = state.fast and 1 or 0 })
end

function M.match_init(context, params)
  local state = { presences = {}, marks = {}, board = {}, turn = nil, fast = params and params.fast, empty_ticks = 0 }
  return state, 5, label(state)
end

function M.match_join_attempt(context, dispatcher, tick, state, presence, metadata)
  if state.presences[presence.user_id] then
    return state, false, "already joined"
  end
  if count(state.presences) >= 2 then
    return state, false, "match full"
  end
  if metadata.color == "pink" then
    return state, false
  end
  return state, true
end

function M.match_join(context, dispatcher, tick, state, presences)
  for _, presence in ipairs(presences) do
    state.presences[presence.user_id] = presence
    state.marks[presence.user_id] = count(state.marks) == 0 and "x" or "o"
  end
  dispatcher.match_label_update(label(state))
  if count(state.presences) == 2 then
    for user_id, mark in pairs(state.marks) do
      if mark == "x" then state.turn = user_id end
    end
    dispatcher.broadcast_message(OpCode.START, nk.json_encode({ marks = state.marks, turn = state.turn }), nil, nil, true)
  end
  return state
end

function M.match_leave(context, dispatcher, tick, state, presences)
  for _, presence in ipairs(presences) do
    state.presences[presence.user_id] = nil
  end
  dispatcher.match_label_update(label(state))
  return state
end

local function winner(board)
  for _, line in ipairs(LINES) do
    local a, b, c = board[line[1]], board[line[2]], board[line[3]]
    if a and a == b and b == c then return a end
  end
end

function M.match_loop(context, dispatcher, tick, state, messages)
  for _, message in ipairs(messages) do
    local sender = message.sender
    local move = message.data and nk.json_decode(message.data) or {}
    if message.op_code ~= OpCode.MOVE or sender.user_id ~= state.turn or state.board[move.position] then
      dispatcher.broadcast_message_deferred(OpCode.REJECTED, nil, { sender })
    else
      state.board[move.position] = state.marks[sender.user_id]
      for user_id in pairs(state.marks) do
        if user_id ~= sender.user_id then state.turn = user_id end
      end
      local won = winner(state.board)
      if won then
        dispatcher.broadcast_message(OpCode.DONE, nk.json_encode({ winner = won, tick = tick }), nil, sender)
        local user = nk.account_get_id(sender.user_id)
        nk.wallet_update(sender.user_id, { wins = 1 }, { name = user.username }, false)
        return nil
      end
      dispatcher.broadcast_message(OpCode.STATE, nk.json_encode({ turn = state.turn }), nil, sender)
    end
  end
  if count(state.presences) == 0 then
    state.empty_ticks = state.empty_ticks + 1
    if state.empty_ticks > 10 then return nil end
  end
  return state
end

function M.match_terminate(context, dispatcher, tick, state, grace_seconds)
  dispatcher.broadcast_message(OpCode.DONE, nk.json_encode({ grace = grace_seconds }))
  return state
end

function M.match_signal(context, dispatcher, tick, state, data)
  if data == "kick" then
    for _, presence in pairs(state.presences) do
      dispatcher.match_kick({ presence })
    end
  end
  return state, "moves: " .. count(state.board)
end

return M
