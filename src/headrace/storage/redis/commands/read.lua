-- uses: numbering
-- flags: allow-oom
-- Read: the entries of a channel after a position.
--
-- ARGV: prefix, now or '', channel, after, limit.
-- Answer: {entries as XRANGE gives them, the first position that is kept, the last position}

local channel, after, limit = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
number(channel)
local before, last = bounds_of(channel)
local from = string.format('%.0f', math.max(after, before) + 1)
local entries = limit > 0 and redis.call('XRANGE', log_key(channel), from, '+', 'COUNT', limit) or {}
return { entries, before + 1, last }
