-- A schedule is a hash `prefix~::schedule:<name>` with the fields plan (JSON), version, since, next_at, paused, fired,
-- skipped, slot_at and job, which is `<queue>:<id>`; what it has not is empty. Beside it stand its name in
-- `prefix~::schedules`, in the order of names, and in `prefix~::slots`, by its next slot, unless it is paused or over.

local SCHEDULES, SLOTS = ARGV[1] .. '~::schedules', ARGV[1] .. '~::slots'

local function schedule_key(name)
  return ARGV[1] .. '~::schedule:' .. name
end

-- Where a schedule goes on: an instant, or nil if it is over.
local function aim_at(name, next_at)
  local key = schedule_key(name)
  redis.call('HSET', key, 'next_at', next_at or '')
  if next_at and redis.call('HGET', key, 'paused') == '' then
    redis.call('ZADD', SLOTS, next_at, name)
  else
    redis.call('ZREM', SLOTS, name)
  end
end
