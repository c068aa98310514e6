-- uses: numbering
-- flags: allow-oom
-- Channels: those whose name begins so, by name.
--
-- ARGV: prefix, now or '', how the name begins, limit, the name to continue after.
-- Answer: {rows, 1 if there are more}; a row is {name, first position that is kept, last position}

local NUMBERED_MAX = 10000 -- new job events, beyond which the channels that follow are told as they were last read

local begins, limit, after = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local from = after >= begins and after ~= '' and '(' .. after or '[' .. begins
local to = begins == '' and '+' or '(' .. begins .. '\255' -- no byte of UTF-8 is as large
local names = redis.call('ZRANGEBYLEX', CHANNELS, from, to, 'LIMIT', 0, limit + 1)
local rows, numbered = {}, 0
for i = 1, math.min(limit, #names) do
  numbered = numbered + (numbered < NUMBERED_MAX and number(names[i]) or 0)
  local before, last = bounds_of(names[i])
  rows[i] = { names[i], before + 1, last }
end
return { rows, #names > limit and 1 or 0 }
