-- uses: queues place events lines deadlines follow
-- A new job, against which nothing speaks: one of an Add, or one that was kept for the end of another. It is a list
-- [queue, id or nil, name, data or a list of them, opts JSON, priority, delay, is lifo, has children,
--  parent queue or nil, parent id, parent JSON, expires in ms or nil, with which reason, dedup or nil,
--  [queue, id, bond] of each job that it follows, or nil].
-- Jobs that differ only in their data, and end with `has children`, are one with a list of these.

local LINED_MAX = 1000
local DATA, EXPIRES, WHY, DEDUP, FOLLOWS = 4, 13, 14, 15, 16

local function write_job(K, id, job, number, now)
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
    follow_below(parent_key, key, now)
  else
    redis.call('HSET', key, 'name', job[3], 'data', job[4], 'opts', job[5], 'timestamp', now, 'delay', job[7],
      'priority', job[6])
  end
  if job[DEDUP] then
    redis.call('HSET', key, 'deid', job[DEDUP][1])
  end
  if job[EXPIRES] then
    local at = now + job[EXPIRES]
    redis.call('HSET', key, 'hre', string.format('%d:%s', at, job[WHY]))
    watch_deadline(job[1], id, number, at)
  end
end

local lined = {} -- queue key -> ids of plain jobs, in their order, that are not in the list yet

-- Puts them there, all of a queue at once.
local function line_up()
  for K, jobs in pairs(lined) do
    for first = 1, #jobs, LINED_MAX do
      redis.call('LPUSH', K .. 'wait', unpack(jobs, first, math.min(first + LINED_MAX - 1, #jobs)))
    end
    woken[K] = true
  end
  lined = {}
end

local function place_job(K, id, job, now, is_to_line_up)
  if job[9] then
    redis.call('ZADD', K .. 'waiting-children', now, id)
    emit(K, 'waiting-children', id)
  elseif job[7] > 0 then
    local at = now + job[7]
    delay_until(K, id, at)
    emit(K, 'delayed', id, 'delay', at)
  elseif is_to_line_up and job[6] == 0 and not job[8] then
    local line = lined[K]
    if not line then
      line = {}
      lined[K] = line
    end
    line[#line + 1] = id
    emit_ready(K, id, 0)
  else
    local put = job[8] and push_front or push_back
    put(K, id, job[6])
    emit_ready(K, id, job[6])
  end
end

-- If it is to line up, `line_up` must follow before anybody looks at the list.
local function store_job(K, id, job, number, now, is_to_line_up)
  know(job[1])
  write_job(K, id, job, number, now)
  if limits_of(K).per_key then
    enroll(K, id)
  end
  emit(K, 'added', id, 'name', job[3])
  place_job(K, id, job, now, is_to_line_up)
end
