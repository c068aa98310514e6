-- uses: clock queues parents place events wake lease moves keys expire missed
-- flags: allow-oom
-- Recover: give back jobs whose lease ended, longest overdue first; then fail those that nobody has started in time; then
-- tell followers of what Node did to the jobs that they follow.
--
-- Every active job without a lock is taken at once: the lock tells the truth for Node's jobs too. BullMQ itself waits
-- for a second scan; its set `stalled` is kept so that its scan finds nothing of ours to do.
-- ARGV: prefix, now or '', limit.
-- Answer: {[queue, id] of each job, of each that nobody has started in time and that has failed, 1 if there may be more}

local STALLED = 'job stalled more than allowable limit'
local STALLS_MAX = 1 -- unless the job says otherwise
local CHUNK = 1000
local KEYS_FORGOTTEN_MAX = 1000 -- dedup keys of one queue whose time is over

local limit = tonumber(ARGV[3])
local is_frozen = ARGV[2] ~= ''
local now = clock(ARGV[2])
local overdue = {}

-- An active job whose lease ended joins the overdue.
local function look_at_job(K, queue, id, is_locked)
  if is_locked and not is_frozen then
    return
  end
  local job = redis.call('HMGET', K .. id, 'hrl', 'ats', 'processedOn', 'hrn')
  local ends_at = lease_parts(job[1], job[2])
  if not is_locked or (ends_at and ends_at <= now) then
    overdue[#overdue + 1] = {
      K = K, queue = queue, id = id, at = ends_at or tonumber(job[3]) or 0, place = #overdue,
      number = tonumber(job[4] or id) or math.huge,
    }
  end
end

local function look_at(queue)
  local K = queue_key(queue)
  local ids = redis.call('LRANGE', K .. 'active', 0, -1)
  if limits_of(K).per_key then
    woken[K] = true -- Node may have taken all that was dealt, and added
  elseif redis.call('EXISTS', ours_key(K, 'parked'), ours_key(K, 'keyed')) > 0 then
    forget_lines(K) -- Node has obliterated the queue
  end
  for first = 1, #ids, CHUNK do
    local keys = {}
    for i = first, math.min(first + CHUNK - 1, #ids) do
      keys[#keys + 1] = K .. ids[i] .. ':lock'
    end
    for i, token in ipairs(redis.call('MGET', unpack(keys))) do
      look_at_job(K, queue, ids[first + i - 1], token)
    end
  end
end

local function stalls_max(options)
  local is_read, read = pcall(cjson.decode, options)
  return is_read and tonumber(read.max_stalled) or STALLS_MAX
end

-- As for Node, a job of a scheduler of Node's does not fail for its stalls, which are counted all the same.
local function is_scheduled(K, rjk)
  return rjk and (redis.call('EXISTS', K .. 'repeat:' .. rjk) == 1 or redis.call('ZSCORE', K .. 'repeat', rjk))
end

local function give_back(job)
  local K, id = job.K, job.id
  local key = K .. id
  redis.call('LREM', K .. 'active', -1, id)
  redis.call('SREM', K .. 'stalled', id)
  redis.call('DEL', key .. ':lock')
  local hash = redis.call('HMGET', key, 'opts', 'priority', 'stc', 'rjk')
  if not hash[1] then
    return false -- somebody deleted it
  end
  local stalls = (tonumber(hash[3]) or 0) + 1
  redis.call('HSET', key, 'stc', stalls)
  if stalls > stalls_max(hash[1]) and not is_scheduled(K, hash[4]) then
    defer(key, STALLED, now)
  end
  local priority = tonumber(hash[2]) or 0
  push_front(K, id, priority, now)
  emit_ready(K, id, priority, 'active', 'stalled')
  emit(K, 'stalled', id)
  return true
end

for _, queue in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  look_at(queue)
  forget_keys(queue, now, KEYS_FORGOTTEN_MAX)
end
table.sort(overdue, function(a, b)
  if a.at ~= b.at then return a.at < b.at end
  if a.queue ~= b.queue then return a.place < b.place end
  if a.number ~= b.number then return a.number < b.number end
  return a.place > b.place -- the newest stands at the left
end)
local given_back = {}
for i = 1, math.min(limit, #overdue) do
  local job = overdue[i]
  if give_back(job) then
    given_back[#given_back + 1] = { job.queue, job.id }
  end
end
local expired, is_more = expire(limit, now)
is_more = tell_missed(now) and 1 or is_more
write_tallies(now)
trim_events()
wake()
if #given_back > 0 then
  moved('control') -- whoever still runs one of them should learn it soon
end
return { given_back, expired, is_more }
