-- uses: events parents retain failure leave dedup moves family state
-- Jobs fail though nobody runs them: because somebody asked, because they are late, or because a sibling has failed.

local CALLED_OFF_MAX = 10000 -- jobs below a parent; core.commands.changes: FAMILY_MAX

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
    erase({ job.key }, now)
  elseif count and count > 0 or age_ms then
    retain(job.K, 'failed', count and count > 0 and count, age_ms, now)
  end
end

-- The parents that need their other children no more.
local function tell_of_failures(jobs, now)
  local children = {}
  for i, job in ipairs(jobs) do
    local parent_key, reason, is_followed = unpack(redis.call('HMGET', job.key, 'parentKey', 'failedReason', 'hrq'), 1, 3)
    children[i] = { key = job.key, parent_key = parent_key, is_followed = is_followed, value = reason }
  end
  return tell_failed(ties_of(children), now)
end

local function free_key_of(job, now)
  local deid = redis.call('HGET', job.key, 'deid')
  if deid then
    end_key(job.K, job.queue, job.id, deid, now)
  end
end

-- One that is open fails, or its worker is asked; the parents that this frees of their children join `free`.
local function call_off_one(job, reason, free, now)
  job.state = redis.call('EXISTS', job.key) == 1 and state_of(job.K, job.id)
  if not job.state or job.state == 'completed' or job.state == 'failed' then
    return
  end
  local failure = '{"reason":' .. cjson.encode(reason) .. ',"cause":"cancelled"}'
  if job.state == 'active' then
    ask(job, failure, reason, 'cancelled', now)
    return
  end
  move_to_failed(job, failure, reason, 'cancelled', now)
  for _, each in ipairs(tell_of_failures({ job }, now)) do
    free[#free + 1] = each
  end
  free_key_of(job, now)
  retain_failed(job, now)
end

-- Cancels what is below each parent; and so on, if that ends other parents. Each [parent, child that failed] is keys.
local function call_off(free, now)
  local seen, turn = {}, 0
  while turn < #free do
    turn = turn + 1
    local parent_key, failed_key = unpack(free[turn], 1, 2)
    if not seen[parent_key] then
      seen[parent_key] = true
      local queue, id = ref_of(parent_key)
      local K = string.sub(parent_key, 1, #parent_key - #id)
      local family = family_of(K, queue, id, CALLED_OFF_MAX)
      for i = 2, math.min(#family, CALLED_OFF_MAX + 1) do
        call_off_one(family[i], string.format('its sibling %s/%s failed', ref_of(failed_key)), free, now)
      end
    end
  end
end

-- First parents hear of jobs that have failed so; then dedup keys are free; then retention has its due.
local function after_failures(jobs, now)
  call_off(tell_of_failures(jobs, now), now)
  for _, job in ipairs(jobs) do
    free_key_of(job, now)
  end
  for _, job in ipairs(jobs) do
    retain_failed(job, now)
  end
end

local function fail(job, failure, reason, cause, now)
  move_to_failed(job, failure, reason, cause, now)
  after_failures({ job }, now)
end
