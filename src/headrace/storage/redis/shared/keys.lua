-- uses: queues
-- Who has a dedup key. BullMQ's `de:<key>` names the owner, with a time to live if the key is for a time, and `dn:<key>` is
-- what is kept for its end. Beside them stand, so that a queue can forget its keys, `prefix~:<queue>:dedups`, those for a
-- time and for ever by their ends; and, as BullMQ knows no key for ever, `prefix~:<queue>:ever`, who has which.
-- A clock that a test holds still ends no `de:`; there the end is the score in `dedups`.

local EVER = '+inf'
local has_still_clock = ARGV[2] ~= ''

local function ours_of(queue, name)
  return ARGV[1] .. '~:' .. queue .. ':' .. name
end

local function end_of_key(queue, deid, now)
  local left = redis.call('PTTL', queue_key(queue) .. 'de:' .. deid)
  if left >= 0 then
    return now + left
  end
  return has_still_clock and tonumber(redis.call('ZSCORE', ours_of(queue, 'dedups'), deid)) or nil
end

-- {owner, when it ends, is it for ever}, or nil if it is free. One without an end lasts until the owner has finished.
local function taken_key(queue, deid, now)
  local K = queue_key(queue)
  local owner = redis.call('HGET', ours_of(queue, 'ever'), deid)
  if owner then
    return { owner = owner, is_forever = true }
  end
  owner = redis.call('GET', K .. 'de:' .. deid)
  if not owner then
    return nil
  end
  local ends_at = end_of_key(queue, deid, now)
  if ends_at then
    return ends_at > now and { owner = owner, ends_at = ends_at } or nil
  end
  -- Who deletes a job by hand leaves such a key behind.
  return redis.call('EXISTS', K .. owner) == 1 and { owner = owner, lasts_until_finished = true } or nil
end

local function give_key(queue, deid, id, ends_at, is_forever, now)
  local de = queue_key(queue) .. 'de:' .. deid
  redis.call('HDEL', ours_of(queue, 'ever'), deid)
  redis.call('ZREM', ours_of(queue, 'dedups'), deid)
  redis.call('SET', de, id)
  if is_forever then
    redis.call('HSET', ours_of(queue, 'ever'), deid, id)
    redis.call('ZADD', ours_of(queue, 'dedups'), EVER, deid)
  elseif ends_at then
    redis.call('ZADD', ours_of(queue, 'dedups'), ends_at, deid)
    if not has_still_clock then
      redis.call('PEXPIRE', de, ends_at - now)
    end
  end
end

-- What was kept for the end of the owner goes along.
local function free_key(K, queue, deid)
  redis.call('DEL', K .. 'de:' .. deid, K .. 'dn:' .. deid)
  redis.call('HDEL', ours_of(queue, 'ever'), deid)
  redis.call('ZREM', ours_of(queue, 'dedups'), deid)
end

-- A job that is removed, or goes away, loses the key that it has.
local function lose_key(job)
  local deid = redis.call('HGET', job.key, 'deid')
  if deid and (redis.call('GET', job.K .. 'de:' .. deid) == job.id
    or redis.call('HGET', ours_of(job.queue, 'ever'), deid) == job.id) then
    free_key(job.K, job.queue, deid)
  end
end

local function forget_keys(queue, ends, most)
  local dedups = ours_of(queue, 'dedups')
  for _, deid in ipairs(redis.call('ZRANGEBYSCORE', dedups, '-inf', ends, 'LIMIT', 0, most)) do
    if ends == EVER or has_still_clock then
      free_key(queue_key(queue), queue, deid)
    else -- its `de:` has gone by itself, or was given to another
      redis.call('ZREM', dedups, deid)
    end
  end
end
