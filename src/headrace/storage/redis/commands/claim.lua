-- uses: clock queues classes events wake lease rest promote place turns rate defer deadlines schedulers drained usual hints texts
-- flags: allow-oom
-- Claim: up to `limit` ready jobs, each leased to one worker.
--
-- ARGV: prefix, now or '', then after `before` of them the token, the limit, and what the worker says each time, as
-- MessagePack: [lease in ms, worker, sources], of each of these [queue, names or nil], names being a map of each to true.
-- `is_turn` if a Settle came before it in the same call, which no worker asks for that was just woken.
-- Answer, in one table as each costs Redis some: now; false or, if there is more to say, {ms until asking again makes sense or
-- -1, chains of BullMQ's job schedulers or false}; and of each job its id, name, data, opts, timestamp, and false or, if
-- there is more to say than that it is a first start of the first source, {starts with this one, defa, parentKey, hrs, number
-- of the source, priority [, MORE]}.

local FIELDS = { 'name', 'data', 'opts', 'priority', 'timestamp', 'ats', 'defa', 'parentKey', 'hrs' }
local MORE = { 'atm', 'stc', 'hrd', 'hrc', 'processedOn' } -- of a job that was started before, or is to fail
local NAME, DATA, OPTIONS, PRIORITY, ADDED, STARTED, DEFERRED, PARENT, READY = 1, 2, 3, 4, 5, 6, 7, 8, 9
local REPEAT = 114 -- the byte of 'r'
local PASSED_MAX = 5000 -- jobs passed over because their name is not served

local DECODED_MAX = 256
local DECODED = { count = 0 } -- by its text, what workers say again and again

local LEASE_MS, WORKER, SOURCES = 1, 2, 3

local function decoded(text)
  if not DECODED[text] then
    if DECODED.count >= DECODED_MAX then
      DECODED = { count = 0 }
    end
    DECODED[text], DECODED.count = cmsgpack.unpack(text), DECODED.count + 1
  end
  return DECODED[text]
end

local prefix, is_frozen = ARGV[1], ARGV[2] ~= ''
local goes_on = is_turn
local token, limit, usual_words = ARGV[before + 1], tonumber(ARGV[before + 2]), decoded(ARGV[before + 3])
local lease_ms, worker, sources = usual_words[LEASE_MS], usual_words[WORKER], usual_words[SOURCES]
local now = clock(ARGV[2])
local started_at, ends_at = clock_text(ARGV[2]), text_of(now + lease_ms)
local rest_of_lease = lease_rest(ends_at, token)
local first_lease = '1' .. rest_of_lease -- of a job that was never started, as most
local found = { now, false, nil, nil, nil, nil, nil, nil, nil } -- with room for one job and what Settle says
local last = 2
local claimed = 0
local chains = {}
local soonest

local function ask_again_in(ms)
  ms = math.max(0, math.ceil(ms))
  soonest = soonest and math.min(soonest, ms) or ms
end

-- How many of the jobs wanted may be taken from a queue that does not rest.
local function room_in(K, ours, of, wanted)
  local room, rate = wanted, of.rate
  if of.concurrency then
    room = math.min(room, of.concurrency - redis.call('LLEN', K .. 'active'))
  end
  if rate then
    room = math.min(room, (startable(K, ours, rate, now, is_frozen)))
  end
  return room
end

local function start(K, id, job, source, started, is_prioritized)
  local key, started_before = K .. id, job[STARTED]
  local number = started_before and text_of(started_before + 1) or '1'
  if not started_before and not job[DEFERRED] and string.find(job[OPTIONS] or '', '"expires_ms"', 1, true) then
    job[DEFERRED] = why_late(key, now)
    if job[DEFERRED] then
      defer(key, job[DEFERRED], now)
    end
  end
  local rest = false
  if source > 1 or started_before or job[DEFERRED] or job[PARENT] or job[READY] or job[PRIORITY] ~= '0' then
    rest = { tonumber(number), job[DEFERRED], job[PARENT], job[READY], source, job[PRIORITY] }
  end
  if started_before or job[DEFERRED] then
    for _, value in ipairs(redis.call('HMGET', key, unpack(MORE))) do
      rest[#rest + 1] = value
    end
  end
  redis.call('HSET', key, 'processedOn', started_at, 'ats', number, 'pb', worker, 'hrl',
    started_before and number .. rest_of_lease or first_lease)
  lock(key, token, ends_at, lease_ms, is_frozen)
  if string.byte(id) == REPEAT and string.sub(id, 1, 7) == 'repeat:' then
    chains[#chains + 1] = chain_of(K, sources[source][1], id, job[OPTIONS])
  end
  if is_prioritized then
    tell(K, 'event', 'active', 'jobId', id, 'prev', 'waiting', 'hr', change('active', 'prioritized'))
  else
    tell(K, 'event', 'active', 'jobId', id, 'prev', 'waiting')
  end
  found[last + 1], found[last + 2], found[last + 3], found[last + 4] = id, job[NAME], job[DATA], job[OPTIONS]
  found[last + 5], found[last + 6] = job[ADDED], rest
  last, claimed = last + 6, claimed + 1
  started[#started + 1] = id
  if not job[DEFERRED] then
    started.count = started.count + 1
  end
end

local function is_served(job, names)
  return not names or names[job[NAME]] or job[DEFERRED]
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
      if not job or (job[NAME] and not is_served(job, names)) then
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

-- One job, in one step. A job that cannot be run is put back, and left to those who can pass over it.
local function take_one(K, names, source, started)
  local id = redis.call('RPOPLPUSH', K .. 'wait', K .. 'active')
  local job = id and redis.call('HMGET', K .. id, unpack(FIELDS))
  if job and job[NAME] and is_served(job, names) then
    start(K, id, job, source, started, false)
    started.is_listed = true
  elseif id then
    redis.call('RPUSH', K .. 'wait', (redis.call('LPOP', K .. 'active')))
    take_waiting(K, names, source, 1, started)
  end
end

local function take_in_order(K, names, source, room, started)
  if room == 1 then
    take_one(K, names, source, started)
  else
    take_waiting(K, names, source, room, started)
  end
  if #started < room then
    take_prioritized(K, names, source, room, started)
  end
end

local gathered = {} -- queues with limits per key whose jobs stand in their lines for this command

local function take_in_turn(K, names, source, room, started)
  if not gathered[K] then
    gather(K)
    gathered[K] = true
  end
  forget_turns(K)
  local taken = in_turn(K, room, function(id)
    local job = redis.call('HMGET', K .. id, unpack(FIELDS))
    if not job[NAME] then
      return false
    end
    return is_served(job, names) and job or nil
  end)
  take_turns(K, taken)
  for _, job in ipairs(taken) do
    start(K, job.id, job.seen, source, started, job.score >= CLASS)
  end
end

-- What a worker that is not yet full should know: when this queue may have something without a new arrival.
local function look_ahead(K, ours, of)
  local resting = rest_ms(K, ours, now, is_frozen)
  if resting then
    ask_again_in(resting)
    return
  end
  if of.concurrency and redis.call('LLEN', K .. 'active') >= of.concurrency then
    return -- whose job ends wakes
  end
  local spent
  if of.rate then
    spent = select(2, startable(K, ours, of.rate, now, is_frozen))
  end
  local due = not spent and not is_usual(K) and next_due(K)
  if spent or due then
    ask_again_in(spent or math.floor(due) - now) -- the rest is the turn of the job in its millisecond
  end
end

-- A queue that Node made: what Node's workers lose in it is given back from now on, though we may have had nothing of it.
local function meet(K, queue)
  if redis.call('EXISTS', K .. 'meta') == 1 then
    know(queue)
  end
end

-- Whether jobs are left of which no marker tells. Where one stands nobody waits, for who waits takes it at once; but in a
-- queue with delayed jobs it may be the one that tells of these. The marker is named so often that it counts for more.
local function is_to_wake(K)
  local marker = K .. 'marker'
  local there = redis.call('EXISTS', K .. 'wait', K .. 'prioritized', marker, marker, marker)
  return there % 3 > 0 and (there < 3 or not is_usual(K))
end

local function serve(source, queue, names)
  local K, ours = queue_key(queue), prefix .. '~:' .. queue .. ':'
  local of = limits_of(K)
  if of.is_paused then
    meet(K, queue)
    return
  end
  local wanted = limit - claimed
  local is_resting = (wanted > 0 or of.per_key) and rest_ms(K, ours, now, is_frozen)
  local room = wanted > 0 and not is_resting and room_in(K, ours, of, wanted) or 0
  local started = { nil, count = 0, is_listed = false } -- those with a deferred failure are no starts to Node
  if of.per_key and not is_resting then
    take_in_turn(K, names, source, room, started)
  elseif room > 0 then
    take_in_order(K, names, source, room, started)
  end
  if #started > 0 then
    local hints = hints_of(K)
    hints.active = started.is_listed and hints.active + 1 or redis.call('LPUSH', K .. 'active', unpack(started))
    finishing[K] = nil
    if of.rate then
      spend(K, ours, of.rate, now, is_frozen, #started, started.count)
    end
    know(queue)
    -- The next idle worker may find more; when all that is left was passed over, it would only wake in vain. A worker that
    -- goes on has taken no marker away, so that all are awake who should be, unless something became ready just now.
    if woken[K] or not goes_on or not is_usual(K) then
      woken[K] = (#started == room and (of.per_key or is_to_wake(K))) or nil
    end
  end
  if #started < wanted then
    if #started == 0 then
      meet(K, queue)
    end
    look_ahead(K, ours, of)
  end
end

for n = 1, #sources do
  promote(queue_key(sources[n][1]), now)
end
for n = 1, #sources do
  serve(n, sources[n][1], sources[n][2])
end
for K in pairs(gathered) do
  if not woken[K] then
    deal(K)
  end
end
trim_events()
wake()
soonest = claimed < limit and soonest or nil
if soonest or #chains > 0 then
  found[2] = { soonest or -1, #chains > 0 and chains }
end
return found
