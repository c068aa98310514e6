-- uses: schedules moves
-- PutSchedule: make a schedule, or change the version that was read.
--
-- ARGV: prefix, now or '', name, version, plan, since, next_at or '', paused or ''.
-- Answer: the version that it has now, or 0 if another one is there.

local name, next_at = ARGV[3], ARGV[7]
local key = schedule_key(name)
local version = tonumber(redis.call('HGET', key, 'version') or 0)

if version ~= tonumber(ARGV[4]) then
  return 0
end
redis.call('HSET', key, 'plan', ARGV[5], 'version', version + 1, 'since', ARGV[6], 'paused', ARGV[8])
redis.call('ZADD', SCHEDULES, 0, name)
aim_at(name, next_at ~= '' and next_at or nil)
moved('schedules')
return version + 1
