-- uses: log change
-- The numbered log of a queue's events, which is made from BullMQ's stream `K events` when somebody reads it: what stands
-- there after the event that was numbered last is appended to `prefix~:<queue>:log`. Node's events are there as well.
--
-- `prefix~:<queue>:numbered` is a hash: the `id` of the event numbered last, and how many were `added` until then. What
-- was trimmed before it was numbered counts as one position an event, so that a reader is told of a gap; what went with
-- a queue that Node obliterated, which nobody can count, as one.

local LOG_MAX, LOG_SLACK = 10000, 1000 -- core.log: EVENTS_MAX, EVENTS_SLACK
local NUMBERED_AT_ONCE = 1000
local STATES = { -- BullMQ's words for states, in a field `prev`
  wait = 'waiting', paused = 'waiting', waiting = 'waiting', prioritized = 'prioritized', delayed = 'delayed',
  active = 'active', ['waiting-children'] = 'waiting-children', completed = 'completed', failed = 'failed',
}
local MEANING = {
  waiting = function(event) return change('waiting', STATES[event.prev]) end,
  delayed = function(_, is_new) return change('delayed', not is_new and 'active' or nil) end,
  ['waiting-children'] = function(event) return change('waiting-children', STATES[event.prev]) end,
  active = function(event) return change('active', STATES[event.prev]) end,
  completed = function(event) return change('completed', STATES[event.prev]) end,
  failed = function(event) return change('failed', STATES[event.prev], cause_of(event.failedReason)) end,
  progress = function() return change('progress') end,
  removed = function(event) return change('removed', STATES[event.prev]) end,
  deduplicated = function() return change('deduplicated') end,
} -- the others say nothing of one job, or nothing new

-- The last id of a stream that is there, and how many entries were ever added to it.
local function end_of(events)
  local info, found = redis.call('XINFO', 'STREAM', events), {}
  for i = 1, #info, 2 do
    found[info[i]] = info[i + 1]
  end
  return found['last-generated-id'], found['entries-added']
end

local function fields_of(entry)
  local found = {}
  for i = 1, #entry[2], 2 do
    found[entry[2][i]] = entry[2][i + 1]
  end
  return found
end

-- What BullMQ's events after one tell of jobs, and how many events there are.
local function changes_after(events, after)
  local changes, count, fresh = {}, 0, nil
  repeat
    local page = redis.call('XRANGE', events, '(' .. after, '+', 'COUNT', NUMBERED_AT_ONCE)
    for _, entry in ipairs(page) do
      local event, last = fields_of(entry), changes[#changes]
      local meaning = MEANING[event.event]
      if event.event == 'stalled' and last and last.id == event.jobId and not last.is_ours then
        last.body = change('waiting', 'active', 'stalled')
      elseif event.jobId and meaning then
        changes[#changes + 1] = {
          at = string.match(entry[1], '^%d+'), id = event.hrof or event.jobId, is_ours = event.hr,
          body = event.hr or meaning(event, fresh == event.jobId),
        }
      end
      fresh = event.event == 'added' and event.jobId or nil
    end
    count = count + #page
    after = #page > 0 and page[#page][1] or after
  until #page < NUMBERED_AT_ONCE
  return changes, count
end

local function append(channel, last, changes)
  local log = log_key(channel)
  local length = redis.call('XLEN', log)
  for i, each in ipairs(changes) do
    put_entry(log, last + i, each.at, each.id, each.body)
    length = length + 1
    if length > LOG_MAX + LOG_SLACK then
      redis.call('XTRIM', log, 'MAXLEN', LOG_MAX)
      length = LOG_MAX
    end
  end
end

-- Brings a channel up to date if it is one of job events, before it is looked at; how many entries are new.
local function number(channel)
  local queue = queue_of_log(channel)
  if not queue then
    return 0
  end
  local K, numbered = ARGV[1] .. ':' .. queue .. ':', ARGV[1] .. '~:' .. queue .. ':numbered'
  local past = redis.call('HMGET', numbered, 'id', 'added')
  if redis.call('EXISTS', K .. 'events') == 0 then
    if past[1] then -- the queue was obliterated by Node
      redis.call('HSET', POSITIONS, channel, last_position(channel) + 1)
      redis.call('DEL', numbered)
    end
    return 0
  end
  local last_id, added = end_of(K .. 'events')
  if last_id == past[1] then
    return 0
  end
  local changes, count = changes_after(K .. 'events', past[1] or '0-0')
  local missing = added - tonumber(past[2] or 0) - count
  missing = missing < 0 and 1 or missing -- this stream is another: the queue was obliterated by Node meanwhile
  local last = last_position(channel) + missing
  redis.call('ZADD', CHANNELS, 0, channel)
  redis.call('HSET', POSITIONS, channel, last + #changes)
  redis.call('HSET', numbered, 'id', last_id, 'added', added)
  append(channel, last, changes)
  local bound = redis.call('HGET', K .. 'meta', 'opts.maxLenEvents') or LOG_MAX
  redis.call('XTRIM', K .. 'events', 'MAXLEN', '~', bound, 'LIMIT', 0)
  return #changes
end
