-- uses: clock queues place state events wake parents
-- Add: new jobs and whole flows, all or none. Everything is looked at before anything is written.
--
-- ARGV: prefix, now or '', request id or '', how long its answer is kept in ms, the jobs as MessagePack:
-- [queue, id or nil, name, data, opts JSON, priority, delay, is lifo, has children,
--  parent queue or nil, parent id, parent JSON]
-- Answer: {'ok', ids, positions that existed already}, {'again', the same, the queues} or {code, queue, id, state}

local prefix, request, request_ms = ARGV[1], ARGV[3], tonumber(ARGV[4])
local now = clock(ARGV[2])
local jobs = cmsgpack.unpack(ARGV[5])
local answer_key = prefix .. '~::request:' .. request

local new = {} -- hash key -> the job of this command that will be there
local existing = {} -- position -> true
local needed = {} -- queue key -> how many numbers to draw: each job that is stored has one, also with a custom id
local parents = {} -- hash key -> state, of parents that are in the store
local flows = {} -- jobs of this command that were added with children

local function earlier_answer()
  local kept = request ~= '' and redis.call('GET', answer_key)
  if kept then
    local answer = cmsgpack.unpack(kept)
    if now - answer[1] <= request_ms then
      return { 'again', answer[2], answer[3], answer[4] }
    end
  end
end

local function first_state(job)
  if job[9] then return 'waiting-children' end
  if job[7] > 0 then return 'delayed' end
  return job[6] > 0 and 'prioritized' or 'waiting'
end

local function parent_problem(job)
  local K = queue_key(job[10])
  local key = K .. job[11]
  local state = new[key] and first_state(new[key]) or parents[key]
  if state == nil then
    state = redis.call('EXISTS', key) == 1 and state_of(K, job[11]) or false
    parents[key] = state
  end
  if not state then
    return { 'no-such-parent', job[10], job[11] }
  end
  if state ~= 'waiting-children' and state ~= 'active' then
    return { 'wrong-state', job[10], job[11], state }
  end
end

local function problem(position, job)
  local K, id = queue_key(job[1]), job[2]
  if id then
    local key = K .. id
    if new[key] or redis.call('EXISTS', key) == 1 then
      if job[9] or job[10] then
        return { 'duplicate-id', job[1], id }
      end
      existing[position] = true
      return
    end
    new[key] = job
  end
  needed[K] = (needed[K] or 0) + 1
  return job[10] and parent_problem(job)
end

local function store(K, id, job, number)
  local key = K .. id
  if job[2] then
    redis.call('HSET', key, 'hrn', number)
  end
  if job[10] then
    local parent_key = queue_key(job[10]) .. job[11]
    redis.call('HSET', key, 'name', job[3], 'data', job[4], 'opts', job[5], 'timestamp', now, 'delay', job[7],
      'priority', job[6], 'parentKey', parent_key, 'parent', job[12],
      'hrp', redis.call('HINCRBY', parent_key, 'hrk', 1))
    redis.call('SADD', parent_key .. ':dependencies', key)
  else
    redis.call('HSET', key, 'name', job[3], 'data', job[4], 'opts', job[5], 'timestamp', now, 'delay', job[7],
      'priority', job[6])
  end
  emit(K, 'added', id, 'name', job[3])
end

local function place(K, id, job)
  if job[9] then
    flows[#flows + 1] = { K = K, id = id, key = K .. id }
    redis.call('ZADD', K .. 'waiting-children', now, id)
    emit(K, 'waiting-children', id)
  elseif job[7] > 0 then
    local at = now + job[7]
    delay_until(K, id, at)
    emit(K, 'delayed', id, 'delay', at)
  else
    local put = job[8] and push_front or push_back
    put(K, id, job[6])
    emit_ready(K, id, job[6])
  end
end

local answer = earlier_answer()
if answer then
  return answer
end
for position, job in ipairs(jobs) do
  local refusal = problem(position, job)
  if refusal then
    return refusal
  end
end

local last = {} -- queue key -> the last id given
for K, count in pairs(needed) do
  last[K] = redis.call('INCRBY', K .. 'id', count) - count
end
local ids, positions, names = {}, {}, {}
for position, job in ipairs(jobs) do
  local K, id = queue_key(job[1]), job[2]
  if existing[position] then
    positions[#positions + 1] = position - 1
    emit(K, 'duplicated', id)
  else
    last[K] = last[K] + 1
    id = id or string.format('%.0f', last[K])
    store(K, id, job, last[K])
    place(K, id, job)
    know(job[1])
  end
  ids[position], names[position] = id, job[1]
end
for _, parent in ipairs(flows) do
  release_if_free(parent, now) -- no child followed
end
trim_events()
wake()
if request ~= '' then
  redis.call('SET', answer_key, cmsgpack.pack({ now, ids, positions, names }), 'PX', request_ms)
end
return { 'ok', ids, positions }
