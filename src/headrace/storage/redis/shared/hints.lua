-- What the last calls saw of a queue. Others write too, and this Lua serves every database of the server: it may make a
-- call cheaper, and decides nothing.

local HINTS_MAX = 1000
local HINTS = { count = 0 } -- by queue key: how many were active, and how many events were told since its stream was trimmed

local function hints_of(K)
  if not HINTS[K] then
    if HINTS.count >= HINTS_MAX then
      HINTS = { count = 0 }
    end
    HINTS[K], HINTS.count = { active = math.huge, told = 0 }, HINTS.count + 1
  end
  return HINTS[K]
end
