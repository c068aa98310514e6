-- uses: parents
-- Which finished jobs go, and what goes with a job.

local REMOVED_MAX = 1000 -- jobs removed by retention in one settlement

-- The children of a job that goes have no parent.
local function orphan(key)
  local families = {
    redis.call('SMEMBERS', key .. ':dependencies'), redis.call('HKEYS', key .. ':processed'),
    redis.call('HKEYS', key .. ':failed'), redis.call('ZRANGE', key .. ':unsuccessful', 0, -1),
  }
  for _, children in ipairs(families) do
    for _, child in ipairs(children) do
      if redis.call('HGET', child, 'parentKey') == key then
        redis.call('HDEL', child, 'parentKey', 'parent')
      end
    end
  end
end

-- A child that goes no longer holds its parent back.
local function erase(K, id, now)
  local key = K .. id
  local sets = { key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful' }
  if redis.call('EXISTS', unpack(sets)) > 0 then
    orphan(key)
  end
  local job = redis.call('HMGET', key, 'parentKey', 'parent', 'name', 'hrp')
  redis.call('DEL', key, key .. ':logs', unpack(sets))
  if job[1] and redis.call('SREM', job[1] .. ':dependencies', key) == 1 then
    release_if_free(parent_of(job[1], job[2]), now)
  elseif job[1] and redis.call('EXISTS', job[1]) == 1 then
    redis.call('HSET', job[1], 'hrt' .. key, (job[4] or 0) .. ':' .. (job[3] or '')) -- what its parent remembers of it
  end
end

local function erase_all(K, target, ids, now)
  if #ids == 0 then
    return
  end
  redis.call('ZREM', K .. target, unpack(ids))
  for _, id in ipairs(ids) do
    erase(K, id, now)
  end
end

-- The `count` newest stay, none older than `age_ms`; the oldest go first.
local function retain(K, target, count, age_ms, now)
  if age_ms then
    local old = redis.call('ZRANGEBYSCORE', K .. target, '-inf', now - age_ms, 'LIMIT', 0, REMOVED_MAX)
    erase_all(K, target, old, now)
  end
  if count then
    local excess = redis.call('ZCARD', K .. target) - count
    if excess > 0 then
      erase_all(K, target, redis.call('ZRANGE', K .. target, 0, math.min(excess, REMOVED_MAX) - 1), now)
    end
  end
end
