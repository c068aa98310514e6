-- uses: queues events wake rest clock limits turns
-- flags: allow-oom
-- Configure: the settings of a queue, which is made if it is not there.
--
-- Limits are stored here and kept by who adds and claims; for those per key all jobs are put in order here.
-- ARGV: prefix, now or '', queue, paused 1 or 0 or '', and as MessagePack [what is set, what is taken away] of BullMQ's
-- settings in `meta`, and of ours.

local queue, paused = ARGV[3], ARGV[4]
local K, ours = queue_key(queue), ARGV[1] .. '~:' .. queue .. ':'

-- Whether anything was changed.
local function put(key, settings)
  local given, taken = settings[1], settings[2]
  local names, values = {}, {}
  for i = 1, #given, 2 do
    names[#names + 1], values[#values + 1] = given[i], given[i + 1]
  end
  local before = #names > 0 and redis.call('HMGET', key, unpack(names)) or {}
  local is_changed = #taken > 0 and redis.call('HDEL', key, unpack(taken)) > 0
  for i, value in ipairs(values) do
    is_changed = is_changed or before[i] ~= value
  end
  if #given > 0 then
    redis.call('HSET', key, unpack(given))
  end
  return is_changed
end

local function announce(event)
  tell(K, 'event', event)
end

local function look_again()
  if redis.call('EXISTS', K .. 'wait', K .. 'prioritized', ours .. 'parked') > 0 then
    woken[K] = true
  else
    postponed[K] = true
  end
end

-- Jobs that a pause of BullMQ 5 moved away; they are older than those that wait.
local function take_back_paused()
  repeat
    local page = redis.call('LPOP', K .. 'paused', 1000) or {}
    if #page > 0 then
      redis.call('RPUSH', K .. 'wait', unpack(page))
    end
  until #page == 0
end

know(queue)
stream_of(K) -- to be looked at: `meta` is there from now on
local before = redis.call('HGET', K .. 'meta', 'hrkey')
if before then
  gather(K)
end
local is_changed = put(K .. 'meta', cmsgpack.unpack(ARGV[5]))
is_changed = put(ours .. 'settings', cmsgpack.unpack(ARGV[6])) or is_changed
if redis.call('HEXISTS', K .. 'meta', 'max') == 0 then -- starts are counted only while there is a rate
  redis.call('DEL', ours .. 'starts')
  if tonumber(redis.call('GET', K .. 'limiter') or RESTING) < RESTING then
    redis.call('DEL', K .. 'limiter')
  end
end
limits[K] = nil -- they are others now
if redis.call('HGET', K .. 'meta', 'hrkey') ~= before then
  if before then
    disband(K)
  else
    forget_lines(K) -- of a queue of this name that Node obliterated
  end
  enroll_all(K)
end
if limits_of(K).per_key then
  arrange(K)
end
if paused == '1' and redis.call('HSETNX', K .. 'meta', 'paused', 1) == 1 then
  redis.call('DEL', K .. 'marker')
  announce('paused')
elseif paused == '0' and redis.call('HDEL', K .. 'meta', 'paused') == 1 then
  take_back_paused()
  announce('resumed')
  look_again()
end
limits[K] = nil
if is_changed then
  look_again()
end
trim_events()
wake()
return redis.status_reply('OK')
