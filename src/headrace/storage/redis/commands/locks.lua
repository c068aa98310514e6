-- uses: clock locks
-- flags: no-writes
-- Locks: the holds that have not expired, by name and then by fence.
--
-- ARGV: prefix, now or '', limit, the name and the fence to continue after, the name of the only lock if there is one.
-- Answer: {rows, 1 if there are more}; a row is {name, owner, fence, taken at, expires at}

local NAMES_MAX = 1000 -- names read at once

local limit, after_name, after_fence, only = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]
local now = clock(ARGV[2])
local rows = {}

local function list(name)
  local holds = holds_of(name, now)
  table.sort(holds, function(a, b) return a.fence < b.fence end)
  for _, hold in ipairs(holds) do
    if name ~= after_name or hold.fence > after_fence then
      rows[#rows + 1] = { name, hold.owner, hold.fence, hold.taken_at, hold.expires_at }
    end
  end
end

local names = only and { only } or redis.call('ZRANGEBYLEX', LOCKS, '[' .. after_name, '+', 'LIMIT', 0, NAMES_MAX)
while #names > 0 and #rows <= limit do
  for _, name in ipairs(names) do
    list(name)
    if #rows > limit then
      break
    end
  end
  names = only and {} or redis.call('ZRANGEBYLEX', LOCKS, '(' .. names[#names], '+', 'LIMIT', 0, NAMES_MAX)
end
local is_more = #rows > limit and 1 or 0
for i = #rows, limit + 1, -1 do
  rows[i] = nil
end
return { rows, is_more }
