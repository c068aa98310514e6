-- uses: clock schedules
-- flags: no-writes
-- Schedules: those that are named, in no order; or a page of all, by name or by their next slots.
--
-- ARGV: prefix, now or '', order, limit, next_at and name after which the page begins, the names as MessagePack or ''.
-- Answer: {[name, its hash], now}.

local limit, after_at, after_name = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local CHUNK = 1000

local function by_name()
  local from = after_name == '' and '-' or '(' .. after_name
  return redis.call('ZRANGEBYLEX', SCHEDULES, from, '+', 'LIMIT', 0, limit)
end

-- Of one instant they are in the order of names. Ranks are compared: Lua would compare names by the server's locale.
local function by_time()
  local found, offset = {}, 0
  local passed = redis.call('ZLEXCOUNT', SCHEDULES, '-', '[' .. after_name)
  repeat
    local page = redis.call('ZRANGEBYSCORE', SLOTS, after_at, '+inf', 'WITHSCORES', 'LIMIT', offset, CHUNK)
    for i = 1, #page, 2 do
      local name, is_at = page[i], tonumber(page[i + 1]) == after_at
      if #found < limit and (not is_at or redis.call('ZRANK', SCHEDULES, name) >= passed) then
        found[#found + 1] = name
      end
    end
    offset = offset + CHUNK
  until #found == limit or #page < 2 * CHUNK
  return found
end

local names
if ARGV[7] ~= '' then
  names = cmsgpack.unpack(ARGV[7])
else
  names = ARGV[3] == 'time' and by_time() or by_name()
end
local rows = {}
for _, name in ipairs(names) do
  local schedule = redis.call('HGETALL', schedule_key(name))
  if #schedule > 0 then
    rows[#rows + 1] = { name, schedule }
  end
end
return { rows, clock(ARGV[2]) }
