-- flags: allow-oom
-- Commit: how far a reader has come.
--
-- ARGV: prefix, now or '', channel, name of the reader, position or '' to ask. Answer: the position committed.

local readers, name, position = ARGV[1] .. '~::readers:' .. ARGV[3], ARGV[4], tonumber(ARGV[5])
local committed = tonumber(redis.call('HGET', readers, name) or 0)
if position and position > committed then
  redis.call('HSET', readers, name, ARGV[5])
  committed = position
end
return committed
