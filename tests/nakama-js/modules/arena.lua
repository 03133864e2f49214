-- A match that repeats what it hears, and lets itself be asked about all that the socket has.
local nk = require("nakama")

local REPEAT, TO_ALL, LABEL, KICK, END = 1, 2, 3, 4, 5

local function label(state)
  return nk.json_encode({ mode = state.mode, taken = state.taken, seats = state.seats })
end

local M = {}

function M.match_init(_, params)
  local state = { mode = params.mode, seats = params.seats or 16, taken = 0, heard = 0, here = {} }
  return state, 20, label(state)
end

function M.match_join_attempt(_, _, _, state, _, metadata)
  if metadata.side == "wrong" then
    return state, false, "there is no such side"
  end
  return state, state.taken < state.seats, "the arena is full"
end

function M.match_join(_, dispatcher, _, state, presences)
  for _, presence in ipairs(presences) do
    state.here[presence.session_id] = presence
    state.taken = state.taken + 1
  end
  dispatcher.match_label_update(label(state))
  return state
end

function M.match_leave(_, dispatcher, _, state, presences)
  for _, presence in ipairs(presences) do
    state.here[presence.session_id] = nil
    state.taken = state.taken - 1
  end
  dispatcher.match_label_update(label(state))
  return state
end

function M.match_loop(_, dispatcher, _, state, messages)
  for _, message in ipairs(messages) do
    state.heard = state.heard + 1
    if message.op_code == REPEAT then
      dispatcher.broadcast_message(REPEAT, message.data, { message.sender }, message.sender)
    elseif message.op_code == TO_ALL then
      dispatcher.broadcast_message(TO_ALL, message.data, nil, message.sender)
    elseif message.op_code == LABEL then
      state.mode = message.data
      dispatcher.match_label_update(label(state))
    elseif message.op_code == KICK then
      dispatcher.match_kick({ message.sender })
    elseif message.op_code == END then
      return nil
    end
  end
  return state
end

function M.match_terminate(_, _, _, state)
  return state
end

function M.match_signal(_, _, _, state, data)
  return state, nk.json_encode({ asked = data, heard = state.heard, taken = state.taken })
end

return M
