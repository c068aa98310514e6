-- uses: events parents retain failure leave dedup moves
-- A job is to fail because somebody asked.

-- BullMQ's `removeOnFail`: how many stay, and for how long.
local function keep_failed(key)
  local is_read, options = pcall(cjson.decode, redis.call('HGET', key, 'opts') or '')
  local keep = is_read and options.removeOnFail
  if keep == true then return 0 end
  if type(keep) == 'number' then return keep end
  if type(keep) == 'table' then
    return tonumber(keep.count), tonumber(keep.age) and keep.age * 1000
  end
end

-- The worker of an active job is asked; should its run end otherwise than finished, the next claim fails the job.
local has_asked = false

local function ask(job, failure, reason, _, now)
  local run, doomed, before = unpack(redis.call('HMGET', job.key, 'ats', 'defa', 'hrc'), 1, 3)
  local first = doomed and before and string.match(before, '^%d+:(.*)$') -- may be what `defa` stands for: it stays
  redis.call('HSET', job.key, 'hrc', run .. ':' .. (first or failure))
  defer(job.key, reason, now)
  if not has_asked then
    moved('control')
    has_asked = true
  end
end

local function move_to_failed(job, failure, reason, cause, now)
  leave(job.K, job.id, job.state)
  strike(job.K, job.id)
  redis.call('HDEL', job.key, 'defa', 'hrd', 'hrc', 'processedOn')
  redis.call('HSET', job.key, 'failedReason', reason, 'finishedOn', now, 'hrw', stamped(failure, now))
  redis.call('ZADD', job.K .. 'failed', now, job.id)
  emit(job.K, 'failed', job.id, 'failedReason', reason, 'prev', job.state,
    'hr', change('failed', job.state, cause))
end

local function retain_failed(job, now)
  local count, age_ms = keep_failed(job.key)
  if count == 0 then
    redis.call('ZREM', job.K .. 'failed', job.id)
    erase(job.K, job.id, now)
  elseif count and count > 0 or age_ms then
    retain(job.K, 'failed', count and count > 0 and count, age_ms, now)
  end
end

-- First parents hear of jobs that have failed so; then dedup keys are free; then retention has its due.
local function after_failures(jobs, now)
  local children = {}
  for _, job in ipairs(jobs) do
    local parent_key, reason = unpack(redis.call('HMGET', job.key, 'parentKey', 'failedReason'), 1, 2)
    if parent_key then
      children[#children + 1] = { key = job.key, parent_key = parent_key, value = reason }
    end
  end
  tell_parents(children, act_on_parent, now)
  for _, job in ipairs(jobs) do
    local deid = redis.call('HGET', job.key, 'deid')
    if deid then
      end_key(job.K, job.queue, job.id, deid, now)
    end
  end
  for _, job in ipairs(jobs) do
    retain_failed(job, now)
  end
end

local function fail(job, failure, reason, cause, now)
  move_to_failed(job, failure, reason, cause, now)
  after_failures({ job }, now)
end
