-- uses: clock queues place events wake store limits requests state parents receive follow capacity cancel family leased
-- What Add does, for who adds: new jobs and whole flows, all or none. Everything is looked at before anything is written.

local now = clock(ARGV[2])
local request, jobs, token
local new -- hash key -> the job of this command that will be there
local existing -- position -> true
local needed -- queue key -> how many numbers to draw: each job that is stored has one, also with a custom id
local parents -- hash key -> state, of parents that are in the store
local flows -- jobs of this command that were added with children, or follow others
local hung -- hash key of a job of this command that stands below one that is in the store -> [queue, id] of that
local has_dedups
local last -- queue key -> the number given last
local ids, positions, names, duplicates, replaced, kept
local numbers -- position -> the number that is the id, of plain jobs
local dropped -- hash key of a duplicate, and of what stands below it -> queue and id of who has the key
local ended -- ties of new followers to jobs that have ended

-- Of several Adds of one script each begins anew.
local function begin(asked)
  request, jobs, token = asked, singly(asked.jobs), asked.token
  new, existing, needed, parents, flows, hung, has_dedups, last = {}, {}, {}, {}, {}, {}, false, {}
  ids, positions, names, duplicates, replaced, kept, numbers = {}, {}, {}, {}, {}, {}, {}
  dropped, ended = {}, { completed = {}, failed = {} }
end

-- Neighbours with numbers that follow each other are kept as one: [queue, id, how many].
local function in_runs()
  local runs, run, following = {}, nil, nil
  for position, id in ipairs(ids) do
    local number = numbers[position]
    if run and number and number == following and names[position] == run[1] then
      run[3] = run[3] + 1
    else
      run = { names[position], id, 1 }
      runs[#runs + 1] = run
    end
    following = number and number + 1
  end
  return runs
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
  if token and not new[key] and not (state == 'active' and leased(K, job[11], token)) then
    return { 'lease-lost', job[10], job[11] }
  end
  if state ~= 'waiting-children' and state ~= 'active' then
    return { 'wrong-state', job[10], job[11], state }
  end
end

-- Nobody waits for older jobs below one that is in the store: those may wait for that.
local function follow_problem(job, above)
  if job[FOLLOWS] and above then
    return { 'cannot-follow', above[1], above[2] }
  end
  for _, each in ipairs(job[FOLLOWS] or {}) do
    local queue, id, bond = unpack(each, 1, 3)
    local key = queue_key(queue) .. id
    if not new[key] and (bond == 'finally' or redis.call('EXISTS', key) == 0) then
      return { 'no-such-job', queue, id }
    end
  end
end

local function above_of(job)
  local parent_key = queue_key(job[10]) .. job[11]
  if new[parent_key] then
    return hung[parent_key]
  end
  return { job[10], job[11] }
end

local function problem(position, job)
  local K, id = queue_key(job[1]), job[2]
  local key = id and K .. id
  if key and (new[key] or redis.call('EXISTS', key) == 1) then
    if job[9] or job[10] then
      return { 'duplicate-id', job[1], id }
    end
    existing[position] = true
    return
  end
  needed[K] = (needed[K] or 0) + 1
  has_dedups = has_dedups or job[DEDUP] ~= nil
  local above = job[10] and above_of(job)
  local refusal = job[10] and parent_problem(job) or follow_problem(job, above)
  if key then
    new[key], hung[key] = job, above
  end
  return refusal
end

-- Numbers are drawn together, unless it shows only on the way how many are needed.
local function next_number(K)
  last[K] = last[K] and last[K] + 1
  return string.format('%d', last[K] or redis.call('INCR', K .. 'id'))
end

local function owner_above(job)
  if job[10] then
    return dropped[queue_key(job[10]) .. job[11]]
  end
  for _, each in ipairs(job[FOLLOWS] or {}) do
    local owner = dropped[queue_key(each[1]) .. each[2]]
    if owner then
      return owner
    end
  end
end

-- The queue and id of who has the key of a job that is not to be stored; else nothing and, if one was drawn, its number.
local function owner_of(position, job)
  local above = owner_above(job)
  local key = not above and job[DEDUP] and taken_key(job[1], job[DEDUP][1], now)
  if not key then
    return above
  end
  local does, number = receive(key, job, next_number, now)
  if does == 'replaces' then
    replaced[#replaced + 1] = { position - 1, key.owner }
    return nil, number, key
  end
  if does == 'kept' then
    kept[#kept + 1] = position - 1
  end
  return { job[1], key.owner }
end

local function enter(position, job)
  local K, id = queue_key(job[1]), job[2]
  local owner, number, before
  if has_dedups then
    owner, number, before = owner_of(position, job)
  end
  if owner then
    duplicates[#duplicates + 1] = position - 1
    if id then
      dropped[K .. id] = owner
    end
    return owner[1], owner[2]
  end
  number = number or next_number(K)
  numbers[position] = not id and last[K]
  id = id or number
  store_job(K, id, job, number, now, not has_dedups)
  if job[DEDUP] then
    give_new_key(job, id, before, now)
  end
  if job[9] then
    flows[#flows + 1] = { K = K, id = id, key = K .. id, follows = job[FOLLOWS] }
  end
  return job[1], id
end

local function tie(follower, job, bond)
  follow(follower.key, job.key, bond, now)
  local state = state_of(job.K, job.id)
  if ended[state] then
    local value = state == 'failed' and reason_of(job.key) or redis.call('HGET', job.key, 'returnvalue') or 'null'
    local child = { key = job.key, value = value }
    table.insert(ended[state], { child = child, parent = follower_of(follower.key), is_followed = true })
  end
end

-- A job of this command may have taken the place of one that was to be followed: what is removed is not waited for.
local function tie_followers()
  for _, follower in ipairs(flows) do
    for _, each in ipairs(follower.follows or {}) do
      local queue, id, bond = unpack(each, 1, 3)
      local K = queue_key(queue)
      local jobs = { { K = K, id = id, key = K .. id } }
      if bond == 'finally' then
        jobs = family_of(K, queue, id, math.huge)
      end
      for _, job in ipairs(redis.call('EXISTS', K .. id) == 1 and jobs or {}) do
        tie(follower, job, bond)
      end
    end
  end
  drop(tell_completed(ended.completed, now), now)
  local free = tell_failed(ended.failed, now)
  if #free > 0 then
    call_off(free, now)
  end
end

-- {'ok', ids, positions that existed already}; {code, queue, id, state} or {'queue-full', queue, most, member, key}; or,
-- for what was answered before and for jobs with dedup keys, the first with the queues, positions of duplicates,
-- [position, id] of who was replaced, and positions of what is kept. `line_up`, `trim_events` and `wake` are left to the
-- caller, in this order.
local function add(asked)
  local answer = earlier_answer(asked, now)
  if answer then
    return answer
  end
  begin(asked)
  for position, job in ipairs(jobs) do
    local refusal = problem(position, job)
    if refusal then
      return refusal
    end
  end
  if has_dedups or is_bounded(needed) then
    line_up() -- what earlier Adds have left, for this one may look at it
  end
  local refusal = is_bounded(needed) and full(jobs, existing, now)
  if refusal then
    return refusal
  end

  if not has_dedups then
    for K, count in pairs(needed) do
      last[K] = redis.call('INCRBY', K .. 'id', count) - count
    end
  end
  for position, job in ipairs(jobs) do
    local K, id = queue_key(job[1]), job[2]
    if existing[position] and redis.call('EXISTS', K .. id) == 1 then
      positions[#positions + 1] = position - 1
      emit(K, 'duplicated', id)
      names[position], ids[position] = job[1], id
    else
      names[position], ids[position] = enter(position, job)
    end
  end
  if #flows > 0 then
    line_up()
    tie_followers()
  end
  for _, parent in ipairs(flows) do
    release_if_free(parent, now) -- nothing to wait for
  end
  if request.key then
    keep_answer(request, cmsgpack.pack({ now, in_runs(), positions, duplicates, replaced, kept }), now)
  end
  if has_dedups then
    return { 'ok', ids, positions, names, duplicates, replaced, kept }
  end
  return { 'ok', ids, positions }
end
