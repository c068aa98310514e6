-- uses: place events failure
-- A settlement, and what one does that is no success. It is a list [queue, token, to, name, how many are kept or false,
-- for how many ms or false, more or false, and of each job its id, bucket of the wait, result or false]. There is more to say of
-- one job that did not just succeed: [is not counted, delay, rest in ms or nil, is front, reason, trace if an attempt was
-- made, failure JSON, cause of a failure].

local QUEUE, TOKEN, TO, TASK, KEEP, KEEP_MS, MORE, FIRST_JOB = 1, 2, 3, 4, 5, 6, 7, 8
local UNCOUNTED, DELAY, REST, IS_FRONT, REASON, TRACE, FAILURE, CAUSE = 1, 2, 3, 4, 5, 6, 7, 8
local NO_MORE = {}

-- A failed child is named in BullMQ's words, which came with the deferred failure; ours are beside them. A run may end
-- otherwise than with the failure that was deferred meanwhile, and its own reason is what counts then.
local function record_failure(key, to, more, deferred, now)
  local is_final = to == 'failed'
  local reason = is_final and more[CAUSE] == 'child-failed' and deferred or more[REASON] or (is_final and 'failed')
  if not more[REASON] then
    return reason
  end
  local line = stamped(more[FAILURE], now)
  redis.call('HSET', key, 'failedReason', reason)
  if is_final then
    redis.call('HSET', key, 'hrw', line)
  end
  if more[TRACE] then
    local past = redis.call('HMGET', key, 'stacktrace', 'hrf')
    redis.call('HSET', key, 'stacktrace', stack_with(past[1], more[TRACE]),
      'hrf', history_with(past[2], line))
  end
  return reason
end

local function attempts_of(key)
  local is_read, options = pcall(cjson.decode, redis.call('HGET', key, 'opts') or '')
  return is_read and tonumber(options.attempts) or 0
end

-- A job that has not finished; one that waits for children is put to those that are `awaiting`.
local function go_on(K, id, key, to, more, awaiting, now)
  local delay = more[DELAY]
  if to == 'delayed' then
    redis.call('HSET', key, 'delay', delay)
    delay_until(K, id, now + delay)
    emit(K, 'delayed', id, 'delay', now + delay)
  elseif to == 'waiting' then
    local put = more[IS_FRONT] and push_front or push_back
    local priority = tonumber(redis.call('HGET', key, 'priority') or 0)
    put(K, id, priority, now)
    emit_ready(K, id, priority, 'active')
  else
    redis.call('ZADD', K .. 'waiting-children', now, id)
    emit(K, 'waiting-children', id, 'prev', 'active')
    local hurried, run = unpack(redis.call('HMGET', key, 'hrh', 'ats'), 1, 2)
    local is_forced = hurried and hurried == run
    awaiting[#awaiting + 1] = { K = K, id = id, key = key, is_forced = is_forced, asked = is_forced and 0 or delay }
  end
end
