-- uses: clock queues counts limits rest rate oldest keys
-- flags: no-writes
-- Queues: every queue, or some, with what is known of it.
--
-- A queue is there if it has a `meta`: whoever adds, whoever configures, and Node's Queue, leave one.
-- ARGV: prefix, now or '', names as MessagePack or '' [, a dedup key].
-- Answer: of each that is there {name, counts, [paused, concurrency, max, duration, hrmax, hrkey], our settings,
-- resting until or false, startable at or false, the longest wait or false,
-- [owner, end or false, 1 if for ever, 1 if a duplicate is kept] of the dedup key or false}

local prefix, is_frozen = ARGV[1], ARGV[2] ~= ''
local now = clock(ARGV[2])

local function dedup_of(queue, deid)
  local key = deid and taken_key(queue, deid, now)
  if not key then
    return false
  end
  local kept = redis.call('EXISTS', queue_key(queue) .. 'dn:' .. deid)
  return { key.owner, key.ends_at or false, key.is_forever and 1 or 0, kept }
end

local function record(queue)
  local K, ours = queue_key(queue), prefix .. '~:' .. queue .. ':'
  local meta = redis.call('HMGET', K .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'hrmax', 'hrkey')
  local resting, rate, spent = rest_ms(K, ours, now, is_frozen), limits_of(K).rate, nil
  if rate then
    spent = select(2, startable(K, ours, rate, now, is_frozen))
  end
  return {
    queue, counts_of(K), meta, redis.call('HGETALL', ours .. 'settings'), resting and now + resting or false,
    spent and now + spent or false, oldest_ms(K, now), dedup_of(queue, ARGV[4]),
  }
end

local names = ARGV[3] == '' and redis.call('ZRANGE', KEYS[1], 0, -1) or cmsgpack.unpack(ARGV[3])
local found = {}
for _, queue in ipairs(names) do
  if redis.call('EXISTS', queue_key(queue) .. 'meta') == 1 then
    found[#found + 1] = record(queue)
  end
end
return found
