-- uses: log
-- The numbered log of a queue's events, which is made from BullMQ's stream `K events` when somebody reads it: what stands
-- there after the event that was numbered last is appended to `prefix~:<queue>:log`. Node's events are there as well.
--
-- `prefix~:<queue>:numbered` is a hash: `id` of the event numbered last, how many were `added` until then, and until the
-- last reader came (`read`). What was trimmed before it was numbered counts as one position an event, so that a
-- reader is told of a gap. Servers before Redis 7 do not say how many were added: with them such a gap is not seen.

local LOG_MAX, LOG_SLACK = 10000, 1000 -- core.log: EVENTS_MAX, EVENTS_SLACK
local NUMBERED_AT_ONCE = 1000
local STATES = { -- BullMQ's words for states, in a field `prev`
  wait = 'waiting', paused = 'waiting', waiting = 'waiting', prioritized = 'prioritized', delayed = 'delayed',
  active = 'active', ['waiting-children'] = 'waiting-children', completed = 'completed', failed = 'failed',
}

-- The body of an event: a Change (core.log) as JSON.
local function change(state, was, cause)
  return '{"state":"' .. state .. '"' .. (was and ',"was":"' .. was .. '"' or '')
    .. (cause and ',"cause":"' .. cause .. '"' or '') .. '}'
end

-- Why a job failed, as far as BullMQ's text tells.
local function cause_of(reason)
  if reason == 'job stalled more than allowable limit' then
    return 'stalled'
  end
  return string.match(reason or '', '^child .+ failed$') and 'child-failed' or 'error'
end

local MEANING = {
  waiting = function(event) return change('waiting', STATES[event.prev]) end,
  delayed = function(event, is_new) return change('delayed', not is_new and 'active' or nil) end,
  ['waiting-children'] = function(event) return change('waiting-children', STATES[event.prev]) end,
  active = function(event) return change('active', STATES[event.prev]) end,
  completed = function(event) return change('completed', STATES[event.prev]) end,
  failed = function(event) return change('failed', STATES[event.prev], cause_of(event.failedReason)) end,
  progress = function() return change('progress') end,
  removed = function(event) return change('removed', STATES[event.prev]) end,
  deduplicated = function() return change('deduplicated') end,
} -- the others say nothing of one job, or nothing new

local function queue_of(K)
  local start = ARGV[1] .. ':'
  return string.sub(K, 1, #start) == start and string.sub(K, #start + 1, -2) or nil -- a parent may be of another prefix
end

local function events_of(queue)
  return ARGV[1] .. ':' .. queue .. ':events'
end

local function numbered_key(queue)
  return ARGV[1] .. '~:' .. queue .. ':numbered'
end

local function instant_of(entry)
  return tonumber(string.match(entry[1], '^%d+'))
end

local function read_until(queue)
  return tonumber(redis.call('HGET', numbered_key(queue), 'read') or 0)
end

-- The last id of a stream that is there, and how many entries were ever added to it.
local function end_of(events)
  local info, found = redis.call('XINFO', 'STREAM', events), {}
  for i = 1, #info, 2 do
    found[info[i]] = info[i + 1]
  end
  return found['last-generated-id'], found['entries-added'] or 0
end

local function fields_of(entry)
  local found = {}
  for i = 1, #entry[2], 2 do
    found[entry[2][i]] = entry[2][i + 1]
  end
  return found
end

-- Calls `put(at, id, body)` for what BullMQ's events after one tell of jobs; how many events there were.
local function each_change(events, after, put)
  local count, fresh, held = 0, nil, nil
  repeat
    local page = redis.call('XRANGE', events, '(' .. after, '+', 'COUNT', NUMBERED_AT_ONCE)
    for _, entry in ipairs(page) do
      local event = fields_of(entry)
      local meaning = MEANING[event.event]
      if event.event == 'stalled' and held and held.id == event.jobId and not held.is_ours then
        held.body = change('waiting', 'active', 'stalled')
      elseif event.jobId and meaning then
        if held then put(held) end
        held = {
          at = instant_of(entry), id = event.jobId, is_ours = event.hr,
          body = event.hr or meaning(event, fresh == event.jobId),
        }
      end
      fresh = event.event == 'added' and event.jobId or nil
    end
    count = count + #page
    after = #page > 0 and page[#page][1] or after
  until #page < NUMBERED_AT_ONCE
  if held then put(held) end
  return count
end

-- Appends what happened since to the log of a queue; how many entries. `is_reader`: somebody reads it, and may come back.
local function number(queue, is_reader)
  local events, numbered, channel = events_of(queue), numbered_key(queue), 'jobs/' .. queue
  if redis.call('EXISTS', events) == 0 then
    return 0
  end
  local log, last_id, added = log_key(channel), end_of(events)
  local past, changes = redis.call('HMGET', numbered, 'id', 'added'), {}
  if last_id ~= past[1] then
    local count = each_change(events, past[1] or '0-0', function(held) changes[#changes + 1] = held end)
    local before = tonumber(past[2] or 0)
    local missed = math.max(added - (added < before and 0 or before) - count, 0) -- fewer: the queue was obliterated
    local last, length = last_position(channel) + missed, redis.call('XLEN', log)
    redis.call('ZADD', CHANNELS, 0, channel)
    redis.call('HSET', numbered, 'id', last_id, 'added', added)
    redis.call('HSET', POSITIONS, channel, last + #changes)
    for i, held in ipairs(changes) do
      put_entry(log, last + i, held.at, held.id, held.body)
      length = length + 1
      if length > LOG_MAX + LOG_SLACK then
        redis.call('XTRIM', log, 'MAXLEN', LOG_MAX)
        length = LOG_MAX
      end
    end
  end
  if is_reader then
    redis.call('HSET', numbered, 'read', added)
  end
  return #changes
end

-- A channel of job events is brought up to date before it is looked at; how many entries were new.
local function number_channel(channel, is_reader)
  local queue = queue_of_log(channel)
  return queue and number(queue, is_reader) or 0
end
