-- uses: clock queues events wake lease tally outcome parents retain dedup cancel lines metrics rest drained usual hints texts
-- flags: allow-oom
-- Settle: what became of leased jobs. Each stands or falls alone, guarded by its lease.
--
-- First every job moves; then parents and followers hear of those that completed, then of those that failed; then those
-- are released that wait for nothing; then dedup keys are free, and what was kept for it is added; then retention has its due.
-- ARGV: prefix, now or '', then after `before` of them the settlements as MessagePack, see shared/outcome.
-- Answer: the positions whose lease is lost, or false. Where a Claim follows in the same call (`is_turn`),
-- `tell_drained` is left to the caller.

local STARTED, MADE, PARENT_KEY, DEID, DEFERRED, FOLLOWED_BY = 1, 2, 3, 4, 5, 6
local LONG = 256 -- from here on it matters from which end the list of active jobs is searched
local CHUNK = 1000
local SHARE = 4 -- so many active jobs are read and written for each that is settled, if there are several

local prefix = ARGV[1]
local is_frozen = ARGV[2] ~= ''
local now = clock(ARGV[2])
local finished_at = clock_text(ARGV[2])
local queues = {} -- by name, what is written once a queue
local in_order = {} -- the same, as they came
local completed = {} -- jobs for which others wait
local failed = {}
local awaiting = {}
local keyed = {}
local bounded = {}

local function meet_queue(name)
  local queue = {
    K = queue_key(name), name = name, count = 0, length = 0, gone = { nil }, locks = { nil }, completed = { nil, nil }, completions = 0,
  } -- with room for one job; and for some `newest`, `is_new`, `since`, `is_finishing`, `failed`, `failures`
  queues[name], in_order[#in_order + 1] = queue, queue
  return queue
end

local function look_at_active(queue)
  local K = queue.K
  if queue.count == 1 and hints_of(K).active <= LONG then
    return -- it is found at once, and whether it is the last nobody has to know yet
  end
  local length = redis.call('LLEN', K .. 'active')
  queue.length, hints_of(K).active = length, length
  if queue.count > 1 then
    queue.newest, queue.is_new = redis.call('LRANGE', K .. 'active', 0, SHARE * queue.count - 1), {}
    for _, id in ipairs(queue.newest) do
      queue.is_new[id] = true
    end
  end
  if length > LONG then
    local oldest = redis.call('LINDEX', K .. 'active', -1)
    queue.since = tonumber(redis.call('HGET', K .. oldest, 'processedOn') or now)
  end
end

-- The newest stand at the left, and most that end are among them. Of the others an old job is nearer to the right end.
local function leave_active(K, queue, id)
  if queue.newest then
    local is_new = queue.is_new[id]
    if is_new ~= nil or #queue.newest == queue.length then
      queue.is_new[id] = false -- it has gone, though it stands in the list yet
      return is_new
    end
  end
  local direction = 1
  if queue.since then
    local started = tonumber(redis.call('HGET', K .. id, 'processedOn') or now)
    direction = (now - started) > (started - queue.since) and -1 or 1
  end
  return redis.call('LREM', K .. 'active', direction, id) == 1
end

-- The list begins anew behind the last one that goes; before that come those that stay, in their order.
local function write_newest(K, queue)
  local last, stay = #queue.newest, {}
  while last > 0 and queue.is_new[queue.newest[last]] do
    last = last - 1
  end
  if last == 0 then
    return
  end
  for i = last - 1, 1, -1 do
    if queue.is_new[queue.newest[i]] then
      stay[#stay + 1] = queue.newest[i]
    end
  end
  redis.call('LTRIM', K .. 'active', last, -1)
  for first = 1, #stay, CHUNK do
    redis.call('LPUSH', K .. 'active', unpack(stay, first, math.min(first + CHUNK - 1, #stay)))
  end
end

local function complete(K, queue, key, id, value, made)
  redis.call('HSET', key, 'returnvalue', value, 'finishedOn', finished_at, 'atm', text_of(made))
  emit(K, 'completed', id, 'returnvalue', value, 'prev', 'active')
  queue.completions = queue.completions + 1
  return queue.completed
end

local function fail(K, queue, key, id, reason, made, cause)
  redis.call('HSET', key, 'failedReason', reason, 'finishedOn', finished_at, 'atm', text_of(made))
  if cause == cause_of(reason) then
    emit(K, 'failed', id, 'failedReason', reason, 'prev', 'active')
  else
    emit(K, 'failed', id, 'failedReason', reason, 'prev', 'active', 'hr', change('failed', 'active', cause))
  end
  if made >= attempts_of(key) then
    emit(K, 'retries-exhausted', id, 'attemptsMade', made)
  end
  queue.failures = (queue.failures or 0) + 1
  queue.failed = queue.failed or {}
  return queue.failed
end

local function finish(K, queue, id, key, settlement, more, result, job, made, reason)
  local list, value, others = nil, reason or result, nil
  if settlement[TO] == 'completed' then
    list, others = complete(K, queue, key, id, value, made), completed
  else
    list, others = fail(K, queue, key, id, value, made, more[CAUSE]), failed
  end
  if job[DEFERRED] then
    redis.call('HDEL', key, 'defa', 'hrd')
  end
  if limits_of(K).per_key then
    strike(K, id)
  end
  if job[DEID] then
    keyed[#keyed + 1] = { K, settlement[QUEUE], id, job[DEID] }
  end
  if job[PARENT_KEY] or job[FOLLOWED_BY] then
    others[#others + 1] = {
      key = key, parent_key = job[PARENT_KEY], is_followed = job[FOLLOWED_BY], value = value, told = more[REASON],
    }
  end
  queue.is_finishing = true
  if settlement[KEEP] ~= 0 then
    local count = #list
    list[count + 1], list[count + 2] = finished_at, id
  end
  if settlement[KEEP] or settlement[KEEP_MS] then
    bounded[#bounded + 1] = { K = K, key = key, target = settlement[TO], count = settlement[KEEP], age_ms = settlement[KEEP_MS] }
  end
end

local function let_go(K, queue, id, key, token, lock_key, held_by)
  if not holds(key, held_by, token) or not leave_active(K, queue, id) then
    return false
  end
  local count = #queue.gone + 1
  queue.gone[count], queue.locks[count] = id, lock_key
  return true
end

local function settle(K, queue, id, key, settlement, wait, result)
  local job = redis.call('HMGET', key, 'processedOn', 'atm', 'parentKey', 'deid', 'defa', 'hrq')
  if not job[STARTED] then
    return false -- somebody deleted it
  end
  local to, more = settlement[TO], settlement[MORE] or NO_MORE
  local made = (tonumber(job[MADE]) or 0) + (more[UNCOUNTED] and 0 or 1)
  local reason = to ~= 'completed' and record_failure(key, to, more, job[DEFERRED], now)
  if to == 'completed' or to == 'failed' then
    tally(queue.name, settlement[TASK], to, wait, now - tonumber(job[STARTED]))
    finish(K, queue, id, key, settlement, more, result, job, made, reason)
  else
    if not more[UNCOUNTED] then
      redis.call('HSET', key, 'atm', made)
    end
    go_on(K, id, key, to, more, awaiting, now)
  end
  if more[REST] then
    rest(K, prefix .. '~:' .. queue.name .. ':', more[REST], now, is_frozen)
  end
  return true
end

local function write_together(K, queue)
  if #queue.gone == 0 then
    return
  end
  know_again(queue.name) -- what was held was claimed
  redis.call('DEL', unpack(queue.locks))
  if queue.newest then
    write_newest(K, queue)
  end
  if #queue.completed > 0 then
    redis.call('ZADD', K .. 'completed', unpack(queue.completed))
  end
  if queue.failed and #queue.failed > 0 then
    redis.call('ZADD', K .. 'failed', unpack(queue.failed))
  end
  if not is_usual(K) then
    redis.call('SREM', K .. 'stalled', unpack(queue.gone))
    write_metrics(K, queue.completions, queue.failures or 0, now)
  end
end

local function is_any_to_go(K, target, count, age_ms)
  return count and redis.call('ZCARD', K .. target) > count
    or age_ms and #redis.call('ZRANGEBYSCORE', K .. target, '-inf', now - age_ms, 'LIMIT', 0, 1) > 0
end

-- Neighbours with the same bounds are one: nothing was added between them.
local function retain_all()
  local last
  for _, job in ipairs(bounded) do
    local K, target, count, age_ms = job.K, job.target, job.count, job.age_ms
    local rule = table.concat({ K, target, count or '', age_ms or '' }, ' ')
    if count == 0 then
      erase({ job.key }, now)
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
  if (of.concurrency or of.per_key) and redis.call('EXISTS', K .. 'wait', K .. 'prioritized', ours_key(K, 'parked')) > 0 then
    woken[K] = true -- a full queue has room again
  elseif queue.is_finishing then
    finishing[K] = true
  end
end

local settlements = cmsgpack.unpack(ARGV[before + 1])
local lost = {}
local keys = { nil }
local locks = { nil }
local count = 0
for n = 1, #settlements do
  local settlement = settlements[n]
  local queue = queues[settlement[QUEUE]] or meet_queue(settlement[QUEUE])
  queue.count = queue.count + (#settlement - MORE) / 3
  for i = FIRST_JOB, #settlement, 3 do
    local key = queue.K .. settlement[i]
    count = count + 1
    keys[count], locks[count] = key, key .. ':lock'
  end
end
for n = 1, #in_order do
  look_at_active(in_order[n])
end
local held_by = count > 0 and redis.call('MGET', unpack(locks)) or {}
count = 0
for n = 1, #settlements do
  local settlement = settlements[n]
  local queue, token = queues[settlement[QUEUE]], settlement[TOKEN]
  local K = queue.K
  for i = FIRST_JOB, #settlement, 3 do
    local id = settlement[i]
    count = count + 1
    local key = keys[count]
    if not (let_go(K, queue, id, key, token, locks[count], held_by[count])
      and settle(K, queue, id, key, settlement, settlement[i + 1], settlement[i + 2])) then
      lost[#lost + 1] = count - 1
    end
  end
end
for n = 1, #in_order do
  write_together(in_order[n].K, in_order[n])
end
write_tallies(now)
if #completed > 0 then
  drop(tell_completed(ties_of(completed), now), now)
end
if #failed > 0 then
  local free = tell_failed(ties_of(failed), now)
  if #free > 0 then
    call_off(free, now)
  end
end
for n = 1, #awaiting do
  release_if_free(awaiting[n], now, awaiting[n].is_forced, awaiting[n].asked)
end
for n = 1, #keyed do
  end_key(keyed[n][1], keyed[n][2], keyed[n][3], keyed[n][4], now)
end
if #bounded > 0 then
  retain_all()
end
for n = 1, #in_order do
  look_around(in_order[n].K, in_order[n])
end
if not is_turn then
  tell_drained()
end
trim_events()
wake()
return #lost > 0 and lost
