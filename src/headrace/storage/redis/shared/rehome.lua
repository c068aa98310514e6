-- uses: queues place events leave remove numbers deadlines follow
-- A job goes over to another queue, with all that belongs to it. Its state stays.

local FAMILY = { ':dependencies', ':processed', ':failed', ':unsuccessful' }
local WORDS = { completed = 'returnvalue', failed = 'failedReason' }

-- One that was dropped may name a parent that is gone.
local function has_parent(key)
  local parent_key = redis.call('HGET', key, 'parentKey')
  return parent_key and redis.call('EXISTS', parent_key) == 1
end

local function is_in_flow(key)
  for _, suffix in ipairs(FAMILY) do
    if redis.call('EXISTS', key .. suffix) == 1 then
      return true
    end
  end
  return has_parent(key)
    or redis.call('EXISTS', ties_key(key, 'follows'), ties_key(key, 'followers')) > 0
end

local function arrive(K, id, job, score, now)
  local key, word = K .. id, WORDS[job.state]
  if word then
    redis.call('ZADD', K .. job.state, score, id)
    emit(K, job.state, id, word, redis.call('HGET', key, word) or '', 'hr', change(job.state))
  elseif job.state == 'delayed' then
    local at = math.floor(score / 4096)
    redis.call('HSET', key, 'hrs', now)
    delay_until(K, id, at)
    emit(K, 'delayed', id, 'delay', at, 'hr', change('delayed'))
  else
    local priority = tonumber(redis.call('HGET', key, 'priority')) or 0
    push_back(K, id, priority, now)
    emit_ready(K, id, priority)
  end
end

-- The refusal, or nothing and the id that the job has now.
local function rehome(job, to, now)
  local K = queue_key(to)
  local is_named = redis.call('HEXISTS', job.key, 'hrn') == 1 or not is_number(job.id)
  if is_in_flow(job.key) then
    return { 'in-flow', job.queue, job.id }
  end
  if is_named and redis.call('EXISTS', K .. job.id) == 1 then
    return { 'duplicate-id', to, job.id }
  end
  local score = tonumber(redis.call('ZSCORE', job.K .. job.state, job.id) or 0)
  emit(job.K, 'removed', job.id, 'prev', word_of(job.state))
  redis.call('HDEL', job.key, 'parentKey', 'parent')
  if not WORDS[job.state] then
    lose_key(job)
  end
  leave(job.K, job.id, job.state)
  strike(job.K, job.id)
  local number = string.format('%d', redis.call('INCR', K .. 'id'))
  local id = is_named and job.id or number
  redis.call('RENAME', job.key, K .. id)
  if redis.call('EXISTS', job.key .. ':logs') == 1 then
    redis.call('RENAME', job.key .. ':logs', K .. id .. ':logs')
  end
  if is_named then
    redis.call('HSET', K .. id, 'hrn', number)
  end
  know(to)
  local deadline = string.match(redis.call('HGET', K .. id, 'hre') or '', '^%d+')
  if deadline then
    watch_deadline(to, id, number, deadline)
  end
  arrive(K, id, job, score, now)
  if not WORDS[job.state] then
    enroll(K, id)
  end
  return nil, id
end
