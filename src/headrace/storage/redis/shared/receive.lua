-- uses: dedup remove
-- A new job whose dedup key is taken. Its dedup is a list [key, for how many ms or 0, for ever, whether it extends, what it
-- does to an owner that is delayed, to one that runs].

-- The last one is kept. It has an id from now on, which Node's workers want to know.
local function keep_for_end(K, job, next_number)
  local dn = K .. 'dn:' .. job[DEDUP][1]
  local number = not job[2] and (redis.call('HGET', dn, 'hrn') or next_number(K))
  redis.call('DEL', dn)
  redis.call('HSET', dn, 'name', job[3], 'data', job[4], 'opts', job[5], 'jid', job[2] or number)
  if number then
    redis.call('HSET', dn, 'hrn', number)
  end
  if job[WHY] then
    redis.call('HSET', dn, 'hre', job[WHY])
  end
  return job[2] or number
end

local function extend_key(queue, key, deid, ttl, now)
  if key.ends_at and now + ttl > key.ends_at then
    give_key(queue, deid, key.owner, now + ttl, false, now)
    key.ends_at = now + ttl
  end
end

local function delay_anew(K, id, delay, now)
  redis.call('ZREM', K .. 'delayed', id)
  redis.call('HSET', K .. id, 'delay', delay)
  delay_until(K, id, now + delay)
  emit(K, 'delayed', id, 'delay', now + delay, 'hr', change('delayed', 'delayed'))
end

-- What replaces another has the key as long as that would have had it.
local function give_new_key(job, id, before, now)
  local deid, ttl, is_forever = unpack(job[DEDUP], 1, 3)
  local ends_at = ttl > 0 and now + ttl
  if before then
    ends_at, is_forever = before.ends_at, before.is_forever
  end
  give_key(job[1], deid, id, ends_at, is_forever, now)
end

-- 'dropped', 'kept', 'reschedules'; or 'replaces' and the number of the job, which is still to be stored.
local function receive(key, job, next_number, now)
  local K, dedup = queue_key(job[1]), job[DEDUP]
  local deid, owner = dedup[1], { K = K, queue = job[1], id = key.owner, key = K .. key.owner }
  if redis.call('HGET', owner.key, 'deid') == deid then -- else it is gone, and another may have its id
    owner.state = state_of(K, owner.id)
  end
  local does = owner.state == 'delayed' and dedup[5]
    or owner.state == 'active' and key.lasts_until_finished and dedup[6] or 'dropped'
  if dedup[4] and dedup[2] > 0 then
    extend_key(job[1], key, deid, dedup[2], now)
  end
  if does == 'replaces' then
    local number = next_number(K)
    emit(K, 'deduplicated', job[2] or number, 'deduplicationId', deid, 'deduplicatedJobId', owner.id,
      'hrof', owner.id) -- BullMQ tells it of the new job
    drop({ owner }, now)
    return does, number
  end
  local id = does == 'kept' and keep_for_end(K, job, next_number) or job[2] or ''
  emit(K, 'deduplicated', owner.id, 'deduplicationId', deid, 'deduplicatedJobId', id)
  if does == 'reschedules' then
    delay_anew(K, owner.id, job[7], now)
  end
  return does
end
