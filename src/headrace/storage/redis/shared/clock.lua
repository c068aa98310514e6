-- uses: texts
-- The instant of this script in milliseconds: Redis's own, unless a test gave one.

local instant
local instant_text

local function clock(given)
  if not instant then
    local time = given == '' and redis.call('TIME')
    instant = time and time[1] * 1000 + math.floor(time[2] / 1000) or tonumber(given)
  end
  return instant
end

local function clock_text(given)
  instant_text = instant_text or text_of(clock(given))
  return instant_text
end
