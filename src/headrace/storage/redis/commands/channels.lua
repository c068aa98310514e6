-- uses: log
-- Channels: those whose name begins so, by name.
--
-- ARGV: prefix, now or '', how the name begins, limit, the name to continue after.
-- Answer: {rows, 1 if there are more}; a row is {name, first position that is kept, last position}

local begins, limit, after = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local from = after >= begins and after ~= '' and '(' .. after or '[' .. begins
local to = begins == '' and '+' or '(' .. begins .. '\255' -- no byte of UTF-8 is as large
local names = redis.call('ZRANGEBYLEX', CHANNELS, from, to, 'LIMIT', 0, limit + 1)
local rows = {}
for i = 1, math.min(limit, #names) do
  local before, last = bounds_of(names[i])
  rows[i] = { names[i], before + 1, last }
end
return { rows, #names > limit and 1 or 0 }
