-- uses: place events
-- What a child tells its parent, and how a parent goes on. Both may live in different queues.

local CALLS_OFF = '"siblings":"cancel"' -- in the options of a parent

local function parent_of(parent_key, parent_json)
  local flags = parent_json and cjson.decode(parent_json) or {}
  local queue_key, id = flags.queueKey, flags.id
  if not queue_key then
    queue_key, id = string.match(parent_key, '^(.*):([^:]+)$')
  end
  return { K = queue_key .. ':', id = id, key = parent_key, flags = flags }
end

-- Into the delay that it was added with or asked for, unless it is to fail; else to the front of `waiting`, or
-- behind its equals if it has a priority. `before` is BullMQ's word for the state it had, `asked` the delay that a job
-- which has run asked for.
local function release(parent, now, before, asked)
  local job = redis.call('HMGET', parent.key, 'priority', 'delay', 'ats', 'defa')
  if not job[1] then
    return -- somebody deleted it
  end
  local delay, priority = job[3] and (asked or 0) or tonumber(job[2]) or 0, tonumber(job[1])
  if delay > 0 and not job[4] then
    if asked then
      redis.call('HSET', parent.key, 'delay', delay)
    end
    local at = now + delay
    delay_until(parent.K, parent.id, at)
    emit(parent.K, 'delayed', parent.id, 'delay', at, 'hr', change('delayed', 'waiting-children'))
    return
  end
  local put = priority > 0 and push_back or push_front
  put(parent.K, parent.id, priority, now)
  emit_ready(parent.K, parent.id, priority, before)
end

-- Lets a parent go on that waits for children, if none is pending or one has failed it.
local function release_if_free(parent, now, is_forced, asked)
  if not redis.call('ZSCORE', parent.K .. 'waiting-children', parent.id) then
    return
  end
  if is_forced or redis.call('SCARD', parent.key .. ':dependencies') == 0
    or redis.call('HEXISTS', parent.key, 'defa') == 1 then
    redis.call('ZREM', parent.K .. 'waiting-children', parent.id)
    release(parent, now, 'waiting-children', asked)
  end
end

local function is_unfinished(parent)
  return redis.call('EXISTS', parent.key) == 1
    and not redis.call('ZSCORE', parent.K .. 'completed', parent.id)
    and not redis.call('ZSCORE', parent.K .. 'failed', parent.id)
end

-- The first deferred failure stays. `hrd` says since when.
local function defer(key, reason, now)
  if redis.call('HSETNX', key, 'defa', reason) == 1 then
    redis.call('HSET', key, 'hrd', now .. ':' .. reason)
  end
end

-- A completed child leaves its result with the parent that waits for it. Whether there was one.
local function leave_result(child, parent)
  if redis.call('SREM', parent.key .. ':dependencies', child.key) == 0 then
    return false
  end
  redis.call('HSET', parent.key .. ':processed', child.key, child.value)
  return true
end

-- A failed child acts by its policy. Without a flag that is `wait`: the child stays among the dependencies.
local function act_on_parent(child, parent, now)
  local flags = parent.flags
  if not (flags.fpof or flags.cpof or flags.idof or flags.rdof)
    or redis.call('SREM', parent.key .. ':dependencies', child.key) == 0 then
    return false
  end
  if flags.fpof then
    redis.call('ZADD', parent.key .. ':unsuccessful', now, child.key)
    if is_unfinished(parent) then
      defer(parent.key, 'child ' .. child.key .. ' failed', now)
      parent.is_failed = true
      parent.needs_no_more = string.find(redis.call('HGET', parent.key, 'opts') or '', CALLS_OFF, 1, true) ~= nil
    end
  elseif flags.cpof or flags.idof then
    redis.call('HSET', parent.key .. ':failed', child.key, child.value)
    parent.is_forced = flags.cpof
    if flags.cpof and redis.call('LPOS', parent.K .. 'active', parent.id) then
      redis.call('HSET', parent.key, 'hrh', redis.call('HGET', parent.key, 'ats') or 0) -- it need not wait any more
    end
  end
  return true
end

-- Tells parents of their children and then lets them go on, in the order of the first child of each. The parents that
-- need their other children no more, each with the child that failed.
local function tell_parents(children, tell, now)
  local parents, decided = {}, {}
  for _, child in ipairs(children) do
    local parent = parent_of(child.parent_key, redis.call('HGET', child.key, 'parent'))
    if tell(child, parent, now) then
      if parent.needs_no_more then
        decided[#decided + 1] = { parent, child }
      end
      local first = parents[parent.key]
      if not first then
        first = parent
        parents[parent.key], parents[#parents + 1] = parent, parent
      end
      first.is_failed = first.is_failed or parent.is_failed
      first.is_forced = first.is_forced or parent.is_forced
    end
  end
  for _, parent in ipairs(parents) do
    if parent.is_failed and redis.call('ZREM', parent.K .. 'delayed', parent.id) == 1 then
      redis.call('HSET', parent.key, 'delay', 0)
      release(parent, now, 'delayed')
    else
      release_if_free(parent, now, parent.is_forced)
    end
  end
  return decided
end
