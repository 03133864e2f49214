-- A match that sends each message back to who sent it, in the tick after it came.

local M = {}

local TICKS_PER_S = 30
-- A table without players ends after so many ticks.
local EMPTY_TICKS_MAX = 30 * TICKS_PER_S

function M.match_init(context, params)
  return { empty_ticks = 0, players = 0 }, TICKS_PER_S, "people"
end

function M.match_join_attempt(context, dispatcher, tick, state, presence, metadata)
  return state, true
end

function M.match_join(context, dispatcher, tick, state, presences)
  state.players = state.players + #presences
  state.empty_ticks = 0
  return state
end

function M.match_leave(context, dispatcher, tick, state, presences)
  state.players = state.players - #presences
  return state
end

function M.match_loop(context, dispatcher, tick, state, messages)
  for _, message in ipairs(messages) do
    dispatcher.broadcast_message(message.op_code, message.data, { message.sender }, nil, true)
  end
  if state.players > 0 then
    return state
  end
  state.empty_ticks = state.empty_ticks + 1
  if state.empty_ticks > EMPTY_TICKS_MAX then
    return nil
  end
  return state
end

function M.match_terminate(context, dispatcher, tick, state, grace_seconds)
  return state
end

function M.match_signal(context, dispatcher, tick, state, data)
  return state, data
end

return M
