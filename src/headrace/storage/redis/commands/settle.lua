-- uses: clock queues events wake lease tally outcome parents retain dedup cancel lines metrics rest
-- flags: allow-oom
-- Settle: what became of leased jobs. Each stands or falls alone, guarded by its lease.
--
-- First every job moves; then parents and followers hear of those that completed, then of those that failed; then those
-- are released that wait for nothing; then dedup keys are free, and what was kept for it is added; then retention has its due.
-- ARGV: prefix, now or '', the settlements as MessagePack:
-- [queue, id, token, to, is counted, delay, rest, is front, result or nil, reason or nil,
--  trace or nil if no attempt was made, failure JSON, keep count or nil, keep age or nil,
--  cause of a failure, name, bucket of the wait]
-- Answer: the positions whose lease is lost.

local PRIORITY, MADE, PARENT_KEY, DEID, DEFERRED, STARTED, FOLLOWED_BY = 1, 2, 3, 4, 5, 6, 7
local LONG = 256 -- from here on it matters from which end the list of active jobs is searched
local CHUNK = 1000
local SHARE = 4 -- when at least one of so many active jobs is settled, their list is read and written as a whole

local prefix = ARGV[1]
local is_frozen = ARGV[2] ~= ''
local now = clock(ARGV[2])
local settlements = cmsgpack.unpack(ARGV[3])
local queues = {} -- queue key -> what is written once a queue
local children = { completed = {}, failed = {} }
local awaiting, keyed, bounded = {}, {}, {}

local function queue_of(K, count)
  local queue = { gone = {}, locks = {}, completed = {}, failed = {}, ended = { completed = 0, failed = 0 } }
  local length = redis.call('LLEN', K .. 'active')
  queue.length = length
  if count > 1 and length <= SHARE * count then
    queue.active, queue.is_active = redis.call('LRANGE', K .. 'active', 0, -1), {}
    for _, id in ipairs(queue.active) do
      queue.is_active[id] = true
    end
  elseif length > LONG then
    local oldest = redis.call('LINDEX', K .. 'active', -1)
    queue.since = tonumber(redis.call('HGET', K .. oldest, 'processedOn') or now)
  end
  return queue
end

-- The newest stand at the left. An old job is nearer to the right end.
local function leave_active(K, queue, id)
  if queue.active then
    local was_active = queue.is_active[id]
    queue.is_active[id] = nil
    return was_active
  end
  local direction = 1
  if queue.since then
    local started = tonumber(redis.call('HGET', K .. id, 'processedOn') or now)
    direction = (now - started) > (started - queue.since) and -1 or 1
  end
  return redis.call('LREM', K .. 'active', direction, id) == 1
end

-- Those that stay, in their order.
local function write_active(K, queue)
  local stay = {}
  for _, id in ipairs(queue.active) do
    if queue.is_active[id] then
      stay[#stay + 1] = id
    end
  end
  redis.call('DEL', K .. 'active')
  for first = 1, #stay, CHUNK do
    redis.call('RPUSH', K .. 'active', unpack(stay, first, math.min(first + CHUNK - 1, #stay)))
  end
end

local function finish(K, queue, key, settlement, job, made, reason)
  local id, target = settlement[2], settlement[4]
  local value = reason or settlement[9]
  queue.ended[target] = queue.ended[target] + 1
  if target == 'completed' then
    redis.call('HSET', key, 'returnvalue', value, 'finishedOn', now, 'atm', made)
    emit(K, 'completed', id, 'returnvalue', value, 'prev', 'active')
  else
    redis.call('HSET', key, 'failedReason', value, 'finishedOn', now, 'atm', made)
    local cause = settlement[15]
    if cause == cause_of(value) then
      emit(K, 'failed', id, 'failedReason', value, 'prev', 'active')
    else
      emit(K, 'failed', id, 'failedReason', value, 'prev', 'active', 'hr', change('failed', 'active', cause))
    end
    if made >= attempts_of(key) then
      emit(K, 'retries-exhausted', id, 'attemptsMade', made)
    end
  end
  if job[DEFERRED] then
    redis.call('HDEL', key, 'defa', 'hrd')
  end
  if limits_of(K).per_key then
    strike(K, id)
  end
  if job[DEID] then
    keyed[#keyed + 1] = { K, settlement[1], id, job[DEID] }
  end
  if job[PARENT_KEY] or job[FOLLOWED_BY] then
    table.insert(children[target], {
      key = key, parent_key = job[PARENT_KEY], is_followed = job[FOLLOWED_BY], value = value, told = settlement[10],
    })
  end
  queue.is_finishing = true
  if settlement[13] ~= 0 then
    local list = queue[target]
    list[#list + 1], list[#list + 2] = now, id
  end
  if settlement[13] or settlement[14] then
    bounded[#bounded + 1] = settlement
  end
end

local function let_go(settlement, held_by)
  local K, id = queue_key(settlement[1]), settlement[2]
  local key, queue = K .. id, queues[K]
  if not holds(key, held_by, settlement[3]) or not leave_active(K, queue, id) then
    return false
  end
  queue.gone[#queue.gone + 1] = id
  queue.locks[#queue.locks + 1] = key .. ':lock'
  return true
end

local function settle(settlement)
  local K, id = queue_key(settlement[1]), settlement[2]
  local key, queue = K .. id, queues[K]
  local job = redis.call('HMGET', key, 'priority', 'atm', 'parentKey', 'deid', 'defa', 'processedOn', 'hrq')
  if not job[PRIORITY] then
    return false -- somebody deleted it
  end
  local made = (tonumber(job[MADE]) or 0) + (settlement[5] and 1 or 0)
  local reason = settlement[4] ~= 'completed' and record_failure(key, settlement, job[DEFERRED], now)
  if settlement[4] == 'completed' or settlement[4] == 'failed' then
    tally(settlement[1], settlement[16], settlement[4], settlement[17], now - (tonumber(job[STARTED]) or now))
    finish(K, queue, key, settlement, job, made, reason)
  else
    if settlement[5] then
      redis.call('HSET', key, 'atm', made)
    end
    go_on(K, key, settlement, tonumber(job[PRIORITY]), awaiting, now)
  end
  if settlement[7] > 0 then
    rest(K, prefix .. '~:' .. settlement[1] .. ':', settlement[7], now, is_frozen)
  end
  return true
end

-- Of a queue of which a worker of Node's keeps metrics.
local function write_metrics(K, ended)
  for target, count in pairs(ended) do
    if count > 0 and redis.call('EXISTS', K .. 'metrics:completed', K .. 'metrics:failed') > 0 then
      count_metrics(K, target, count, now)
    end
  end
end

local function write_together(K, queue)
  for _, target in ipairs({ 'completed', 'failed' }) do
    if #queue[target] > 0 then
      redis.call('ZADD', K .. target, unpack(queue[target]))
    end
  end
  if #queue.gone > 0 then
    if redis.call('EXISTS', K .. 'stalled', K .. 'metrics:completed', K .. 'metrics:failed') > 0 then
      redis.call('SREM', K .. 'stalled', unpack(queue.gone))
      write_metrics(K, queue.ended)
    end
  end
end

local function is_any_to_go(K, target, count, age_ms)
  return count and redis.call('ZCARD', K .. target) > count
    or age_ms and #redis.call('ZRANGEBYSCORE', K .. target, '-inf', now - age_ms, 'LIMIT', 0, 1) > 0
end

-- Neighbours with the same bounds are one: nothing was added between them.
local function retain_all()
  local last
  for _, settlement in ipairs(bounded) do
    local K, target = queue_key(settlement[1]), settlement[4]
    local count, age_ms = settlement[13], settlement[14]
    local rule = table.concat({ K, target, count or '', age_ms or '' }, ' ')
    if count == 0 then
      erase({ K .. settlement[2] }, now)
    elseif rule ~= last and is_any_to_go(K, target, count, age_ms) then
      retain(K, target, count, age_ms, now)
    end
    last = rule
  end
end

local function look_around(K, queue)
  local of = limits_of(K)
  if #queue.gone < queue.length and not (of.concurrency or of.per_key) then
    return -- others are active yet, and nobody waits for room
  end
  if redis.call('EXISTS', K .. 'wait', K .. 'prioritized') > 0
    or (of.per_key and redis.call('EXISTS', ours_key(K, 'parked')) > 0) then
    if of.concurrency or of.per_key then
      woken[K] = true -- a full queue has room again
    end
  elseif queue.is_finishing and redis.call('EXISTS', K .. 'active') == 0 then
    tell(K, 'event', 'drained')
  end
end

local keys, lost, counts = {}, {}, {}
for i, settlement in ipairs(settlements) do
  local K = queue_key(settlement[1])
  keys[i], counts[K] = K .. settlement[2] .. ':lock', (counts[K] or 0) + 1
end
for K, count in pairs(counts) do
  queues[K] = queue_of(K, count)
end
local locks = #keys > 0 and redis.call('MGET', unpack(keys)) or {}
local is_let_go = {}
for i, settlement in ipairs(settlements) do
  is_let_go[i] = let_go(settlement, locks[i])
end
-- This before all else: a server whose memory is full lets a script go on after a write that takes no room.
for K, queue in pairs(queues) do
  if #queue.gone > 0 then
    redis.call('DEL', unpack(queue.locks))
    if queue.active then
      write_active(K, queue)
    end
  end
end
for i, settlement in ipairs(settlements) do
  if not (is_let_go[i] and settle(settlement)) then
    lost[#lost + 1] = i - 1
  end
end
for K, queue in pairs(queues) do
  write_together(K, queue)
end
write_tallies(now)
if #children.completed > 0 then
  drop(tell_completed(ties_of(children.completed), now), now)
end
if #children.failed > 0 then
  local free = tell_failed(ties_of(children.failed), now)
  if #free > 0 then
    call_off(free, now)
  end
end
for _, parent in ipairs(awaiting) do
  release_if_free(parent, now, parent.is_forced, parent.asked)
end
for _, job in ipairs(keyed) do
  end_key(job[1], job[2], job[3], job[4], now)
end
retain_all()
for K, queue in pairs(queues) do
  look_around(K, queue)
end
trim_events()
wake()
return lost
