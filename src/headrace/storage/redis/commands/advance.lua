-- uses: queues place state events wake store
-- flags: allow-oom
-- What Claim leaves to be done for BullMQ's job schedulers, whose next slot is found in Python: the job of that slot.
--
-- ARGV: prefix, now or '', as MessagePack [queue, scheduler's id, its present slot, its next one, when the job was claimed,
-- opts, priority, is lifo, dedup key or nil].

local function advance(queue, rjk, slot, next_slot, at, opts, priority, is_lifo, deid)
  local K = queue_key(queue)
  local id, scheduler_key = string.format('repeat:%s:%.0f', rjk, next_slot), K .. 'repeat:' .. rjk
  if tonumber(redis.call('ZSCORE', K .. 'repeat', rjk)) ~= slot then
    return -- another one was quicker, or it was changed or taken away meanwhile
  end
  if redis.call('EXISTS', K .. id) == 1 then
    emit(K, 'duplicated', id)
    return
  end
  local name, data = unpack(redis.call('HMGET', scheduler_key, 'name', 'data'), 1, 2)
  local job = { queue, id, name, data or '{}', opts, priority, math.max(next_slot - at, 0), is_lifo, false }
  job[DEDUP] = deid and { deid }
  redis.call('ZADD', K .. 'repeat', next_slot, rjk)
  redis.call('HINCRBY', scheduler_key, 'ic', 1)
  store_job(K, id, job, redis.call('INCR', K .. 'id'), at)
  redis.call('HSET', K .. id, 'rjk', rjk)
end

for _, each in ipairs(cmsgpack.unpack(ARGV[3])) do
  advance(unpack(each, 1, 9))
end
trim_events()
wake()
