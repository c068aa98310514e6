-- uses: events parents retain failure leave dedup moves family state
-- A job is to fail because somebody asked, or because its parent needs it no more.

local FAMILY_MAX = 10000 -- jobs below one, as in core

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

-- Tells the parents of jobs that have failed so; what that decides.
local function tell_failed(jobs, now)
  local children = {}
  for _, job in ipairs(jobs) do
    local parent_key, reason = unpack(redis.call('HMGET', job.key, 'parentKey', 'failedReason'), 1, 2)
    if parent_key then
      children[#children + 1] = { key = job.key, parent_key = parent_key, value = reason }
    end
  end
  return tell_parents(children, act_on_parent, now)
end

-- Dedup keys are free, then retention has its due.
local function settle_accounts(jobs, now)
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

-- Cancels what stands below a parent; what that decides of others.
local function call_off_below(parent, failed, now)
  local queue, id = ref_of(failed.key)
  local reason = 'its sibling ' .. queue .. '/' .. id .. ' failed' -- lifecycle.sibling_failed
  local failure = '{"reason":' .. cjson.encode(reason) .. ',"cause":"cancelled"}'
  local family, decided = family_of(parent.K, ref_of(parent.key), parent.id, FAMILY_MAX), {}
  for i = 2, math.min(#family, FAMILY_MAX + 1) do
    local job = family[i]
    job.state = state_of(job.K, job.id)
    if job.state == 'active' then
      ask(job, failure, reason, 'cancelled', now)
    elseif job.state and job.state ~= 'completed' and job.state ~= 'failed' then
      move_to_failed(job, failure, reason, 'cancelled', now)
      for _, more in ipairs(tell_failed({ job }, now)) do
        decided[#decided + 1] = more
      end
      settle_accounts({ job }, now)
    end
  end
  return decided
end

-- Each parent calls off its children once, first come, first served.
local function call_off(decided, now)
  local seen, i = {}, 1
  while decided[i] do
    local parent, failed = decided[i][1], decided[i][2]
    if not seen[parent.key] then
      seen[parent.key] = true
      for _, more in ipairs(call_off_below(parent, failed, now)) do
        decided[#decided + 1] = more
      end
    end
    i = i + 1
  end
end

local function after_failures(jobs, now)
  call_off(tell_failed(jobs, now), now)
  settle_accounts(jobs, now)
end

local function fail(job, failure, reason, cause, now)
  move_to_failed(job, failure, reason, cause, now)
  after_failures({ job }, now)
end
