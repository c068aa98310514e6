-- uses: clock queues place events wake state family leave retry cancel rehome fingerprint
-- flags: allow-oom
-- Move: retry, promote, delay, prioritise, cancel jobs by hand, or move them to another queue. Each stands or falls alone.
--
-- ARGV: prefix, now or '', as MessagePack of each job [queue, id, fingerprint or '' if it was not there or nil, whether it
-- does not fit], [action, the states that it starts from, delay, priority, failure as JSON, its reason and cause, queue to
-- move to, bound of a family or 0 if the children are left alone].
-- Answer: 'changed' or {for each job false or [code, queue, id, state], positions of jobs that were asked,
-- [queue, id] of those that moved, [queue, id] of members that were asked}

local now = clock(ARGV[2])
local jobs = cmsgpack.unpack(ARGV[3])
local action, states, delay_ms, priority, failure, reason, cause, to, family_max = unpack(cmsgpack.unpack(ARGV[4]), 1, 9)
local starts = {}
for _, state in ipairs(states) do
  starts[state] = true
end

local ACTIONS = { retry = function(job)
  retry(job, now)
end }

function ACTIONS.promote(job)
  leave(job.K, job.id, job.state)
  redis.call('HSET', job.key, 'delay', 0)
  local rank = tonumber(redis.call('HGET', job.key, 'priority')) or 0
  push_back(job.K, job.id, rank, now)
  emit_ready(job.K, job.id, rank, job.state)
end

function ACTIONS.delay(job)
  leave(job.K, job.id, job.state)
  redis.call('HSET', job.key, 'delay', delay_ms)
  delay_until(job.K, job.id, now + delay_ms)
  emit(job.K, 'delayed', job.id, 'delay', now + delay_ms, 'hr', change('delayed', job.state))
end

-- A job that waits for its time or its children keeps its place; its priority counts when it is ready.
function ACTIONS.prioritise(job)
  redis.call('HSET', job.key, 'priority', priority)
  if job.state == 'waiting' or job.state == 'prioritized' then
    leave(job.K, job.id, job.state)
    push_back(job.K, job.id, priority, now)
    if (job.state == 'prioritized') ~= (priority > 0) then
      emit_ready(job.K, job.id, priority, job.state)
    end
  end
end

function ACTIONS.cancel(job)
  local put = job.state == 'active' and ask or fail
  put(job, failure, reason, cause, now)
end

function ACTIONS.move(job)
  local refusal, id = rehome(job, to, now)
  if not refusal then
    job.queue, job.id = to, id
  end
  return refusal
end

local refusals = {}
local requested = {}
local moved = {}
local asked = {}

-- The members of a flow that the action starts from; a refusal if there is none.
local function members_of(root)
  local family, members = family_of(root.K, root.queue, root.id, family_max + 1), {}
  if #family > family_max + 1 then
    return { 'family-too-large', root.queue, root.id }
  end
  for _, job in ipairs(family) do
    job.state = state_of(job.K, job.id)
    if starts[job.state] then
      members[#members + 1] = job
    end
  end
  return #members == 0 and { 'wrong-state', root.queue, root.id, root.state }, members
end

local function move_family(position, root)
  local refusal, members = members_of(root)
  if refusal then
    return refusal
  end
  local count = #asked
  for _, job in ipairs(members) do
    if job.state == 'active' then
      asked[#asked + 1] = { job.queue, job.id }
    end
  end
  if #asked > count then
    requested[#requested + 1] = position - 1
  end
  if action == 'retry' then -- each child before its parent
    for i = 1, math.floor(#members / 2) do
      members[i], members[#members - i + 1] = members[#members - i + 1], members[i]
    end
    expect_again(members, now)
  end
  for _, job in ipairs(members) do -- the end of another may have called it off, or let it go on
    job.state = redis.call('EXISTS', job.key) == 1 and state_of(job.K, job.id)
    if starts[job.state] then
      ACTIONS[action](job)
    end
    moved[#moved + 1] = { job.queue, job.id }
  end
  return false
end

local function move(position, queue, id, does_not_fit)
  local K = queue_key(queue)
  local job = { K = K, queue = queue, id = id, key = K .. id }
  job.state = redis.call('EXISTS', job.key) == 1 and state_of(K, id)
  if not job.state then return { 'no-such-job', queue, id }, job end
  if does_not_fit then return { 'no-match', queue, id }, job end
  if family_max > 0 then return move_family(position, job), job end
  if not starts[job.state] then return { 'wrong-state', queue, id, job.state }, job end
  if action == 'cancel' and job.state == 'active' then
    requested[#requested + 1] = position - 1
  end
  return ACTIONS[action](job) or false, job
end

for _, job in ipairs(jobs) do
  if has_changed(job) then
    return 'changed'
  end
end
for i, given in ipairs(jobs) do
  local refusal, job = move(i, given[1], given[2], given[4])
  refusals[i] = refusal
  if action == 'move' then
    moved[i] = { job.queue, job.id }
  end
end
trim_events()
wake()
return { refusals, requested, moved, asked }
