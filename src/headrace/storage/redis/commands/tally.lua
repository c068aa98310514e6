-- uses: clock
-- flags: no-writes
-- Tally: what finished in the last minutes, counted by Settle.
--
-- ARGV: prefix, now or '', queue or '' for all, minutes.
-- Answer: {now, [queue, minute, its hash] of each in which something finished}

local MINUTES_MAX = 24 * 60

local now = clock(ARGV[2])
local last = math.floor(now / 60000)
local queues = ARGV[3] == '' and redis.call('ZRANGE', KEYS[1], 0, -1) or { ARGV[3] }
local found = {}
for _, queue in ipairs(queues) do
  for minute = last - math.min(tonumber(ARGV[4]), MINUTES_MAX) + 1, last do
    local tally = redis.call('HGETALL', string.format('%s~:%s:tally:%.0f', ARGV[1], queue, minute))
    if #tally > 0 then
      found[#found + 1] = { queue, minute, tally }
    end
  end
end
return { now, found }
