-- uses: place events follow defer
-- What the end of a job tells its parent and its followers, and how these go on. They may live in different queues. Who
-- follows a job is as a parent to it here, with its bond for the policy.

-- What a parent, or a follower, remembers of a job that has failed.
local MARKS = {
  fail_parent = 'failed', continue_parent = 'reason', ignore = 'reason', finally = 'reason', on_failure = 'reason',
  drop = 'gone',
}

local function parent_of(parent_key, parent_json)
  local flags = parent_json and cjson.decode(parent_json) or {}
  local queue_key, id = flags.queueKey, flags.id
  if not queue_key then
    queue_key, id = string.match(parent_key, '^(.*):([^:]+)$')
  end
  return { K = queue_key .. ':', id = id, key = parent_key, flags = flags }
end

local function follower_of(key)
  local queue, id = ref_of(key)
  return { K = queue_key(queue), queue = queue, id = id, key = key }
end

-- The reason of a job that has failed, in our words if it was recorded by us.
local function reason_of(key)
  local reason, ours, finished_at = unpack(redis.call('HMGET', key, 'failedReason', 'hrw', 'finishedOn'), 1, 3)
  local is_read, failure = pcall(cjson.decode, ours or '')
  return is_read and failure.at == tonumber(finished_at) and failure.reason or reason or ''
end

-- Who may wait for some jobs {key, parent_key, parent as JSON or nil, is_followed, value, what followers are told if not
-- that}: of each its parent, then its followers.
local function ties_of(children)
  local ties = {}
  for _, child in ipairs(children) do
    if child.parent_key then
      local parent = parent_of(child.parent_key, child.parent or redis.call('HGET', child.key, 'parent'))
      ties[#ties + 1] = { child = child, parent = parent }
    end
    for _, key in ipairs(child.is_followed and followers_of(child.key) or {}) do
      ties[#ties + 1] = { child = child, parent = follower_of(key), is_followed = true }
    end
  end
  return ties
end

-- Without a flag the policy is `wait`.
local function bond_of(tie)
  if tie.is_followed then
    tie.edge = edge_between(tie.parent.key, tie.child.key)
    return tie.edge and tie.edge[BOND]
  end
  local flags = tie.parent.flags
  return flags.fpof and 'fail_parent' or flags.cpof and 'continue_parent' or flags.idof and 'ignore'
    or flags.rdof and 'drop' or 'wait'
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

local function is_free(key)
  local doomed, followed = unpack(redis.call('HMGET', key, 'defa', 'hrm'), 1, 2)
  return doomed or (tonumber(followed) or 0) == 0 and redis.call('SCARD', key .. ':dependencies') == 0
end

-- Lets a parent go on that waits for children, if none is pending or one has failed it.
local function release_if_free(parent, now, is_forced, asked)
  if redis.call('ZSCORE', parent.K .. 'waiting-children', parent.id) and (is_forced or is_free(parent.key)) then
    redis.call('ZREM', parent.K .. 'waiting-children', parent.id)
    release(parent, now, 'waiting-children', asked)
  end
end

local function is_unfinished(parent)
  return redis.call('EXISTS', parent.key) == 1
    and not redis.call('ZSCORE', parent.K .. 'completed', parent.id)
    and not redis.call('ZSCORE', parent.K .. 'failed', parent.id)
end

-- The parent waits for the child no more, and remembers what came of it. Whether it waited.
local function answer(tie, mark, value, now)
  local key, child_key = tie.parent.key, tie.child.key
  if tie.is_followed then
    if not tie.edge or tie.edge[MARK] ~= 'pending' then
      return false
    end
    if mark == 'gone' then
      cut_edge(key, child_key, tie.edge)
    else
      mark_edge(key, child_key, tie.edge, mark, tie.child.told or value)
    end
    return true
  end
  if redis.call('SREM', key .. ':dependencies', child_key) == 0 then
    return false
  end
  if mark == 'result' then
    redis.call('HSET', key .. ':processed', child_key, value)
  elseif mark == 'reason' then
    redis.call('HSET', key .. ':failed', child_key, value)
  elseif mark == 'failed' then
    redis.call('ZADD', key .. ':unsuccessful', now, child_key)
  end
  return true
end

-- A parent is in a list once, where its first child stands.
local function once(list, parent)
  if not list[parent.key] then
    list[parent.key], list[#list + 1] = parent, parent
  end
  return list[parent.key]
end

-- Releases parents that wait for nothing; of those that were to run after a failure, who waits in vain is to be dropped.
local function release_all(parents, unneeded, now)
  for _, parent in ipairs(parents) do
    if not unneeded[parent.key] then
      release_if_free(parent, now)
    end
  end
  local vain = {}
  for _, job in ipairs(unneeded) do
    if redis.call('ZSCORE', job.K .. 'waiting-children', job.id) then
      job.state = 'waiting-children'
      vain[#vain + 1] = job
    end
  end
  return vain
end

-- Each result is left with those who wait for it. Who waits in vain is to be dropped.
local function tell_completed(ties, now)
  local parents, unneeded = {}, {}
  for _, tie in ipairs(ties) do
    local bond = bond_of(tie)
    if bond and answer(tie, 'result', tie.child.value, now) then
      once(bond == 'on_failure' and unneeded or parents, tie.parent)
    end
  end
  return release_all(parents, unneeded, now)
end

local function fail_parent(parent, child, free, now)
  if is_unfinished(parent) then
    defer(parent.key, 'child ' .. child.key .. ' failed', now)
    parent.is_failed = true
    if string.find(redis.call('HGET', parent.key, 'opts') or '', '"siblings":"cancel"', 1, true) then
      free[#free + 1] = { parent.key, child.key }
    end
  end
end

local function hurry(parent)
  parent.is_forced = true
  if redis.call('LPOS', parent.K .. 'active', parent.id) then
    redis.call('HSET', parent.key, 'hrh', redis.call('HGET', parent.key, 'ats') or 0) -- it need not wait any more
  end
end

-- Each failed child acts by its bond; then the parents go on that may. The keys of the parents that need their other
-- children no more, each with that of the child that failed.
local function tell_failed(ties, now)
  local parents, free = {}, {}
  for _, tie in ipairs(ties) do
    local bond = bond_of(tie)
    if MARKS[bond] and answer(tie, MARKS[bond], tie.child.value, now) then
      local parent = once(parents, tie.parent)
      if bond == 'fail_parent' then
        fail_parent(parent, tie.child, free, now)
      elseif bond == 'continue_parent' then
        hurry(parent)
      end
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
  return free
end

-- What a parent remembers of a child that goes after it has ended: its place and its name.
local function remember(parent_key, child)
  if redis.call('EXISTS', parent_key) == 1 then
    redis.call('HSET', parent_key, 'hrt' .. child.key, (child.place or 0) .. ':' .. (child.name or ''))
  end
end

-- Jobs are gone: who waited for one waits no more. Who waits in vain is to be dropped.
local function tell_removed(ties, now)
  local parents, unneeded = {}, {}
  for _, tie in ipairs(ties) do
    local bond = bond_of(tie)
    local mark = bond == 'finally' and 'reason' or 'gone'
    if answer(tie, mark, 'removed', now) then
      once(bond == 'on_failure' and unneeded or parents, tie.parent)
    elseif not tie.is_followed then
      remember(tie.parent.key, tie.child)
    end
  end
  return release_all(parents, unneeded, now)
end
