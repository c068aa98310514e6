-- uses: schedules
-- flags: allow-oom
-- DropSchedule: forget a schedule; whether there was one.
--
-- ARGV: prefix, now or '', name.

local name = ARGV[3]
redis.call('ZREM', SLOTS, name)
redis.call('ZREM', SCHEDULES, name)
return redis.call('DEL', schedule_key(name))
