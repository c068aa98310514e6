-- uses: clock queues lines counts numbering keys
-- flags: allow-oom
-- Forget: a queue that has no job; or one of its dedup keys, whatever jobs there are.
--
-- The counter of ids stays, and so do the positions of the log, which is numbered to its end and then emptied.
-- ARGV: prefix, now or '', queue [, dedup key]. Answer: {'ok' [, owner of the key]}, {'no-such-queue'} or
-- {'queue-not-empty'}

local queue, dedup = ARGV[3], ARGV[4]
local K, ours = queue_key(queue), ARGV[1] .. '~:' .. queue .. ':'

if redis.call('EXISTS', K .. 'meta') == 0 then
  return { 'no-such-queue' }
end
if dedup then
  local key = taken_key(queue, dedup, clock(ARGV[2]))
  free_key(K, queue, dedup)
  return { 'ok', key and key.owner }
end
for _, count in ipairs(counts_of(K)) do
  if count > 0 then
    return { 'queue-not-empty' }
  end
end
forget_keys(queue, EVER, -1)
local channel = 'jobs/' .. queue
number(channel)
redis.call('XTRIM', log_key(channel), 'MAXLEN', 0)
-- Of BullMQ: its job schedulers, whose next jobs are gone, and its counts.
for _, scheduler in ipairs(redis.call('ZRANGE', K .. 'repeat', 0, -1)) do
  redis.call('DEL', K .. 'repeat:' .. scheduler)
end
redis.call('DEL', K .. 'repeat', K .. 'metrics:completed', K .. 'metrics:failed', K .. 'metrics:completed:data',
  K .. 'metrics:failed:data', K .. 'events', K .. 'meta', K .. 'marker', K .. 'limiter', K .. 'pc', K .. 'stalled', K .. 'stalled-check',
  ours .. 'settings', ours .. 'rest', ours .. 'starts', ours .. 'numbered')
forget_lines(K)
local minute = math.floor(clock(ARGV[2]) / 60000)
for past = 0, 24 * 60 + 1 do
  redis.call('DEL', string.format('%stally:%.0f', ours, minute - past))
end
return { 'ok' }
