-- uses: clock numbering moves
-- Publish: append to a channel, which is made if need be.
--
-- ARGV: prefix, now or '', channel, key, the position that is expected or '', bodies…
-- Answer: {'ok', the position of the last entry} or {'conflict', the last position}

local FIRST = 6 -- the first body

local now, channel, key, expected = clock(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
number(channel)
local last = last_position(channel)

if expected and expected ~= last then
  return { 'conflict', last }
end
redis.call('ZADD', CHANNELS, 0, channel)
redis.call('HINCRBY', POSITIONS, channel, #ARGV - FIRST + 1)
for i = FIRST, #ARGV do
  last = last + 1
  put_entry(log_key(channel), last, now, key, ARGV[i])
end
if queue_of_log(channel) then
  moved('log/' .. channel) -- whoever waits for job events waits for BullMQ's stream
end
return { 'ok', last }
