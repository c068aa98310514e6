-- uses: place events parents leave family dedup followed
-- A finished job is tried again.

-- Children that failed a parent are pending again, unless they have completed since. Whether any is pending.
local function reclaim(key)
  for _, child in ipairs(children_of(key)) do
    if child.is_there and not child.value and not child.ignored then
      if redis.call('ZSCORE', child.K .. 'completed', child.id) then
        redis.call('HSET', key .. ':processed', child.key, redis.call('HGET', child.key, 'returnvalue') or 'null')
        redis.call('SREM', key .. ':dependencies', child.key)
      else
        redis.call('SADD', key .. ':dependencies', child.key)
      end
      redis.call('ZREM', key .. ':unsuccessful', child.key)
    end
  end
  for _, followed in ipairs(followed_by(key)) do
    if followed.is_there and not followed.value and not followed.ignored then
      if redis.call('ZSCORE', followed.K .. 'completed', followed.id) then
        mark_edge(key, followed.key, followed.edge, 'result', redis.call('HGET', followed.key, 'returnvalue') or 'null')
      else
        mark_edge(key, followed.key, followed.edge, 'pending', redis.call('HGET', followed.key, 'finishedOn') or nil)
      end
    end
  end
  return not is_free(key)
end

local function tell_followers_retried(key, now)
  for _, follower_key in ipairs(followers_of(key)) do
    local edge = is_waiting(follower_key) and edge_between(follower_key, key)
    if edge then
      mark_edge(follower_key, key, edge, 'pending')
      redis.call('ZADD', FOLLOWED, now, key)
    end
  end
end

-- Who still waits for children waits for this one again; who went on is not pulled back.
local function tell_retried(job, now)
  local parent_key, parent_json, is_followed = unpack(redis.call('HMGET', job.key, 'parentKey', 'parent', 'hrq'), 1, 3)
  local parent = parent_key and parent_of(parent_key, parent_json)
  if parent and redis.call('ZSCORE', parent.K .. 'waiting-children', parent.id) then
    local known = redis.call('HDEL', parent_key .. ':processed', job.key)
      + redis.call('HDEL', parent_key .. ':failed', job.key) + redis.call('ZREM', parent_key .. ':unsuccessful', job.key)
    if known > 0 then
      redis.call('SADD', parent_key .. ':dependencies', job.key)
    end
  end
  if is_followed then
    tell_followers_retried(job.key, now)
  end
end

-- Jobs are about to be retried together: none goes on without another for having done so before.
local function expect_again(jobs, now)
  local retried = {}
  for _, job in ipairs(jobs) do
    retried[job.key] = true
  end
  for _, job in ipairs(jobs) do
    local parent_key = redis.call('HGET', job.key, 'parentKey')
    if parent_key and retried[parent_key] and redis.call('HDEL', parent_key .. ':failed', job.key) == 1 then
      redis.call('ZADD', parent_key .. ':unsuccessful', now, job.key)
    end
  end
end

local function retry(job, now)
  leave(job.K, job.id, job.state)
  redis.call('HDEL', job.key, 'finishedOn', 'processedOn', 'failedReason', 'returnvalue', 'atm', 'attemptsMade', 'stc',
    'defa', 'hrd', 'hrc', 'hrw')
  if redis.call('HEXISTS', job.key, 'hre') == 1 then -- its deadline is void: it counts as started
    redis.call('HSETNX', job.key, 'ats', 1)
  end
  if reclaim(job.key) then
    redis.call('ZADD', job.K .. 'waiting-children', now, job.id)
    emit(job.K, 'waiting-children', job.id, 'prev', job.state)
  else
    local priority = tonumber(redis.call('HGET', job.key, 'priority')) or 0
    push_back(job.K, job.id, priority, now)
    emit_ready(job.K, job.id, priority, job.state)
  end
  enroll(job.K, job.id)
  tell_retried(job, now)
  retake_key(job, now)
end
