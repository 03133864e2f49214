-- Small helpers that others require. Adds to string, as many modules do.

function string.startswith(text, start)
  return text:sub(1, #start) == start
end

function string.split(text, separator)
  local parts = {}
  for part in text:gmatch("([^" .. separator .. "]+)") do
    table.insert(parts, part)
  end
  return parts
end

local M = {}

function M.join(list, separator)
  return table.concat(list, separator)
end

-- A loop that skips by goto, as Lua programmers of Nakama write it.
function M.odd_sum(last)
  local sum = 0
  for i = 1, last do
    if i % 2 == 0 then goto continue end
    sum = sum + i
    ::continue::
  end
  return sum
end

return M
