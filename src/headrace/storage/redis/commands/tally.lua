-- uses: clock
-- Tally: what finished in the last minutes, counted by Settle.
--
-- ARGV: prefix, now or '', queue, minutes. Answer: {now, [minute, its hash] of each in which something finished}

local MINUTES_MAX = 24 * 60

local now = clock(ARGV[2])
local last = math.floor(now / 60000)
local found = {}
for minute = last - math.min(tonumber(ARGV[4]), MINUTES_MAX) + 1, last do
  local tally = redis.call('HGETALL', string.format('%s~:%s:tally:%.0f', ARGV[1], ARGV[3], minute))
  if #tally > 0 then
    found[#found + 1] = { minute, tally }
  end
end
return { now, found }
