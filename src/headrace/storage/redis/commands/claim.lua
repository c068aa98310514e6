-- uses: clock queues place events wake lease rest defer deadlines
-- Claim: up to `limit` ready jobs, each leased to one worker.
--
-- ARGV: prefix, now or '', token, lease in ms, worker, limit, the sources as MessagePack: [queue, names or nil],
-- names being a map of each name to true.
-- Answer: {ms until asking again makes sense or -1, rows, now}; a row is FIELDS, then the id, the number of the source, and
-- for the few that have them MORE.

local FIELDS = { 'name', 'data', 'opts', 'priority', 'timestamp', 'ats', 'defa', 'parentKey', 'hrs' }
local MORE = { 'atm', 'stc', 'hrd', 'hrc', 'processedOn' } -- of a job that was started before, or is to fail
local NAME, OPTIONS, STARTED, DEFERRED, ID, SOURCE = 1, 3, 6, 7, 10, 11
local PROMOTED_MAX = 1000 -- due jobs promoted from one queue
local PASSED_MAX = 5000 -- jobs passed over because their name is not served

local prefix, token, lease_ms, worker, limit = ARGV[1], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local sources = cmsgpack.unpack(ARGV[7])
local is_frozen = ARGV[2] ~= ''
local now = clock(ARGV[2])
local rest_of_lease = lease_rest(now + lease_ms, token)
local rows, soonest = {}, nil

local function ask_again_in(ms)
  ms = math.max(0, math.ceil(ms))
  soonest = soonest and math.min(soonest, ms) or ms
end

local function promote(K)
  local due = redis.call('ZRANGEBYSCORE', K .. 'delayed', 0, (now + 1) * 4096 - 1, 'LIMIT', 0, PROMOTED_MAX)
  if #due == 0 then
    return
  end
  redis.call('ZREM', K .. 'delayed', unpack(due))
  for _, id in ipairs(due) do
    local priority = redis.call('HGET', K .. id, 'priority')
    if priority then
      redis.call('HSET', K .. id, 'delay', 0)
      push_back(K, id, tonumber(priority), now)
      emit_ready(K, id, tonumber(priority), 'delayed')
    end
  end
end

-- How many of the jobs wanted may be taken from a queue that has these settings and does not rest.
local function room_in(K, meta, wanted)
  local room, max = wanted, tonumber(meta[3])
  if meta[2] then
    room = math.min(room, tonumber(meta[2]) - redis.call('LLEN', K .. 'active'))
  end
  if max and redis.call('PTTL', K .. 'limiter') > 0 then
    room = math.min(room, max - tonumber(redis.call('GET', K .. 'limiter')))
  elseif max then
    room = math.min(room, max)
  end
  return room
end

local function spend(K, meta, count)
  if meta[3] and meta[4] and count > 0 then
    if redis.call('PTTL', K .. 'limiter') <= 0 then
      redis.call('SET', K .. 'limiter', 0, 'PX', meta[4])
    end
    redis.call('INCRBY', K .. 'limiter', count)
  end
end

local function start(K, id, job, source, started, is_prioritized)
  local key, number = K .. id, (tonumber(job[STARTED]) or 0) + 1
  job[ID], job[SOURCE] = id, source
  if not job[STARTED] and not job[DEFERRED] and string.find(job[OPTIONS] or '', '"expires_ms"', 1, true) then
    job[DEFERRED] = why_late(key, now)
    if job[DEFERRED] then
      defer(key, job[DEFERRED], now)
    end
  end
  if job[STARTED] or job[DEFERRED] then
    for i, value in ipairs(redis.call('HMGET', key, unpack(MORE))) do
      job[SOURCE + i] = value
    end
  end
  redis.call('HSET', key, 'processedOn', now, 'ats', number, 'pb', worker, 'hrl', number .. rest_of_lease)
  lock(key, token, lease_ms, is_frozen)
  if is_prioritized then
    tell(K, 'event', 'active', 'jobId', id, 'prev', 'waiting', 'hr', change('active', 'prioritized'))
  else
    tell(K, 'event', 'active', 'jobId', id, 'prev', 'waiting')
  end
  job[STARTED] = number
  rows[#rows + 1] = job
  started[#started + 1] = id
  if not job[DEFERRED] then
    started.count = started.count + 1
  end
end

-- Takes jobs by `pop(count)`, which gives ids in their order, and `put_back(passed)`, which undoes it for some.
local function take(K, names, source, room, started, is_prioritized, pop, put_back)
  local passed, count = {}, room
  while #started < room and #passed < PASSED_MAX do
    local ids = pop(count)
    if #ids == 0 then
      break
    end
    for _, id in ipairs(ids) do
      local job = #started < room and redis.call('HMGET', K .. id, unpack(FIELDS))
      if not job or (job[NAME] and names and not names[job[NAME]] and not job[DEFERRED]) then
        passed[#passed + 1] = id
      elseif job[NAME] then
        start(K, id, job, source, started, is_prioritized)
      end -- else the hash is gone, and nobody can run that
    end
    count = math.min(count * 2, 1000)
  end
  if #passed > 0 then
    put_back(passed)
  end
end

local function take_waiting(K, names, source, room, started)
  take(K, names, source, room, started, false, function(count)
    return redis.call('RPOP', K .. 'wait', count) or {}
  end, function(passed)
    for i = 1, math.floor(#passed / 2) do
      passed[i], passed[#passed - i + 1] = passed[#passed - i + 1], passed[i]
    end
    redis.call('RPUSH', K .. 'wait', unpack(passed))
  end)
end

local function take_prioritized(K, names, source, room, started)
  if redis.call('EXISTS', K .. 'prioritized') == 0 then
    redis.call('DEL', K .. 'pc')
    return
  end
  local scores = {}
  take(K, names, source, room, started, true, function(count)
    local popped, ids = redis.call('ZPOPMIN', K .. 'prioritized', count), {}
    for i = 1, #popped, 2 do
      ids[#ids + 1] = popped[i]
      scores[popped[i]] = popped[i + 1]
    end
    return ids
  end, function(passed)
    for _, id in ipairs(passed) do
      redis.call('ZADD', K .. 'prioritized', scores[id], id)
    end
  end)
end

-- What a worker that is not yet full should know: when this queue may have something without a new arrival.
local function look_ahead(K, ours, meta)
  local resting = rest_ms(K, ours, tonumber(meta[3]), now, is_frozen)
  local is_full = meta[2] and redis.call('LLEN', K .. 'active') >= tonumber(meta[2])
  local due = not resting and not is_full and next_due(K) -- in a full one, whose job ends wakes
  if resting then
    ask_again_in(resting)
  elseif due then
    ask_again_in(math.floor(due) - now) -- the rest is the turn of the job in its millisecond
  end
end

local function serve(source, queue, names)
  local K, ours = queue_key(queue), prefix .. '~:' .. queue .. ':'
  local meta = redis.call('HMGET', K .. 'meta', 'paused', 'concurrency', 'max', 'duration')
  if meta[1] then
    return
  end
  local wanted = limit - #rows
  local room = rest_ms(K, ours, tonumber(meta[3]), now, is_frozen) and 0 or room_in(K, meta, wanted)
  local started = { count = 0 } -- those with a deferred failure are not counted by the rate
  if room > 0 then
    take_waiting(K, names, source, room, started)
  end
  if #started < room then
    take_prioritized(K, names, source, room, started)
  end
  if #started > 0 then
    redis.call('LPUSH', K .. 'active', unpack(started))
    spend(K, meta, started.count)
    know(queue)
    -- The next idle worker may find more; when all that is left was passed over, it would only wake in vain.
    woken[K] = (#started == room and redis.call('EXISTS', K .. 'wait', K .. 'prioritized') > 0) or nil
  end
  if #started < wanted then
    look_ahead(K, ours, meta)
  end
end

local named = {}
for _, entry in ipairs(sources) do
  if not named[entry[1]] then
    named[entry[1]] = true
    promote(queue_key(entry[1]))
  end
end
for source, entry in ipairs(sources) do
  if #rows == limit then
    break
  end
  serve(source, entry[1], entry[2])
end
trim_events()
wake()
return { #rows < limit and soonest or -1, rows, now }
