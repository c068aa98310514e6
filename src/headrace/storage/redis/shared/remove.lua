-- uses: events leave keys parents follow
-- What goes with a job; and removal by hand, which is an event, and what has not finished takes its dedup key along.

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

-- Deletes what there is of a job; what those who wait for it have to know.
local function delete(key)
  local sets = { key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful' }
  if redis.call('EXISTS', unpack(sets)) > 0 then
    orphan(key)
  end
  local job = redis.call('HMGET', key, 'parentKey', 'parent', 'name', 'hrp', 'hrq', 'hrm')
  redis.call('DEL', key, key .. ':logs', unpack(sets))
  if job[6] then
    unfollow(key)
  end
  return { key = key, parent_key = job[1], parent = job[2], name = job[3], place = job[4], is_followed = job[5] }
end

-- Nobody follows these jobs any more.
local function forget_followers(children)
  for _, child in ipairs(children) do
    if child.is_followed then
      redis.call('DEL', ties_key(child.key, 'followers'))
      redis.call('ZREM', FOLLOWED, child.key)
    end
  end
end

-- Jobs that have left their states go, all at once; then those who waited for them hear of it.
local function erase(keys, now)
  local children = {}
  for i, key in ipairs(keys) do
    children[i] = delete(key)
  end
  local ties = ties_of(children)
  forget_followers(children)
  local vain = tell_removed(ties, now)
  if #vain > 0 then
    drop(vain, now)
  end
end

-- First all leave their states, so that none of them is released by the end of another.
local function drop(jobs, now)
  local keys = {}
  for i, job in ipairs(jobs) do
    emit(job.K, 'removed', job.id, 'prev', word_of(job.state))
    if job.state ~= 'completed' and job.state ~= 'failed' then
      lose_key(job)
    end
    leave(job.K, job.id, job.state)
    strike(job.K, job.id)
    keys[i] = job.key
  end
  erase(keys, now)
end
