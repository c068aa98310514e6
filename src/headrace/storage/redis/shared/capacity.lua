-- uses: queues keys counts limits turns state
-- Whether new jobs fit into queues that bound what waits.

local IS_OVER = { completed = true, failed = true, gone = true }

local function is_below_one(job, dropped)
  if job[10] then
    return dropped[queue_key(job[10]) .. job[11]]
  end
  for _, each in ipairs(job[FOLLOWS] or {}) do
    if dropped[queue_key(each[1]) .. each[2]] then
      return true
    end
  end
end

-- A job of this id is there, or will be when those before it are `stored`: no duplicate is.
local function is_there(id_key, is_named, stored)
  return is_named and (stored[id_key] or redis.call('EXISTS', id_key) == 1)
end

-- The jobs that take up room: not those that are there already, nor duplicates, nor what stands below one.
local function newcomers(jobs, existing, now)
  local dropped, found, stored, named = {}, {}, {}, {} -- `named`: dedup keys that jobs of this Add take
  for position, job in ipairs(jobs) do
    local id_key = job[2] and queue_key(job[1]) .. job[2]
    local key = job[DEDUP] and queue_key(job[1]) .. job[DEDUP][1]
    if not is_there(id_key, existing[position], stored) then
      if is_below_one(job, dropped) or (key and (named[key] or taken_key(job[1], job[DEDUP][1], now))) then
        if id_key then dropped[id_key] = true end
      else
        found[#found + 1] = job
        if id_key then stored[id_key] = true end
        if key then named[key] = true end
      end
    end
  end
  return found
end

local function has_room(running_max, waiting_max, running, waiting, new)
  local free = running_max and math.max(running_max - running, 0) or 0
  return not waiting_max or new <= math.max(waiting_max + free - waiting, 0)
end

-- How many jobs of a queue wait: all that neither run nor have finished.
local function waiting_in(K)
  local counts = counts_of(K)
  return counts[1] + counts[2] + counts[3] + counts[5]
end

-- How many jobs of a key run and how many wait. Those that Node has finished are struck off when they would matter.
local function of_key(K, per_key, key, new)
  local from, to = '[' .. key .. '\0', '(' .. key .. '\1'
  local running = running_in(K, per_key)[key] or 0
  local count = redis.call('ZLEXCOUNT', ours_key(K, 'keyed'), from, to)
  if not has_room(per_key.running, per_key.waiting, running, count - running, new) then
    for _, member in ipairs(redis.call('ZRANGEBYLEX', ours_key(K, 'keyed'), from, to)) do
      if IS_OVER[state_of(K, string.sub(member, #key + 2)) or 'gone'] then
        count = count - redis.call('ZREM', ours_key(K, 'keyed'), member)
      end
    end
  end
  return running, count - running
end

-- Looks at the queue of a job and at its key, at each once.
local function refusal_of(job, counts, roomy)
  local K = queue_key(job[1])
  local of, per_key, line = limits_of(K), limits_of(K).per_key, K .. (job.key or '')
  if not roomy[K] and not has_room(
    of.concurrency, of.max_waiting, redis.call('LLEN', K .. 'active'), waiting_in(K), counts[K]) then
    return { 'queue-full', job[1], of.max_waiting, '', '' }
  end
  roomy[K] = true
  if per_key and per_key.waiting and job.key ~= '' and counts[line] then
    local running, waiting = of_key(K, per_key, job.key, counts[line])
    if not has_room(per_key.running, per_key.waiting, running, waiting, counts[line]) then
      return { 'queue-full', job[1], per_key.waiting, per_key.member, string.sub(job.key, 2) }
    end
    counts[line] = nil
  end
end

-- {'queue-full', queue, most, member, key} of the first job whose queue or key has no room for all that are new, or nil.
local function full(jobs, existing, now)
  local counts, roomy = {}, {}
  local new = newcomers(jobs, existing, now)
  for _, job in ipairs(new) do
    local K = queue_key(job[1])
    local per_key = limits_of(K).per_key
    job.key = per_key and key_in(job[4], per_key.member) or ''
    counts[K] = (counts[K] or 0) + 1
    if job.key ~= '' then
      counts[K .. job.key] = (counts[K .. job.key] or 0) + 1
    end
  end
  for _, job in ipairs(new) do
    local refusal = refusal_of(job, counts, roomy)
    if refusal then
      return refusal
    end
  end
end
