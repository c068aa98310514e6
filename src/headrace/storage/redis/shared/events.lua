-- uses: numbering
-- BullMQ's stream of events, `K events`: names and fields are its own. What they do not say of what happened stands in a
-- last field of ours, `hr`: the entry of our log as it is to be.

local EVENTS_MAX = 10000 -- unless the queue says otherwise
local EVENTS_SLACK = 1000 -- more are kept for a moment where somebody reads them
local UNREAD_MAX = 50000 -- events since the last reader came, from which on none is expected
local told = {}

local function tell(K, ...)
  if ARGV[2] == '' then
    redis.call('XADD', K .. 'events', '*', ...)
  else -- a test's clock may go back; ids may not
    local newest = redis.call('XREVRANGE', K .. 'events', '+', '-', 'COUNT', 1)[1]
    local at = math.max(tonumber(ARGV[2]), newest and instant_of(newest) or 0)
    redis.call('XADD', K .. 'events', string.format('%.0f-*', at), ...)
  end
end

local function emit(K, event, id, ...)
  tell(K, 'event', event, 'jobId', id, ...)
  told[K] = true
end

-- BullMQ has one word for both states of a job that is ready.
local function emit_ready(K, id, priority, was, cause)
  if priority > 0 and was then
    emit(K, 'waiting', id, 'prev', was, 'hr', change('prioritized', was, cause))
  elseif priority > 0 then
    emit(K, 'waiting', id, 'hr', change('prioritized'))
  elseif was then
    emit(K, 'waiting', id, 'prev', was)
  else
    emit(K, 'waiting', id)
  end
end

-- Once at the end of a command, so that a batch is trimmed once and not once a job.
local function trim_events()
  for K in pairs(told) do
    local events, queue = K .. 'events', queue_of(K)
    local bound = redis.call('HGET', K .. 'meta', 'opts.maxLenEvents')
    if not bound then
      bound = EVENTS_MAX
      redis.call('HSET', K .. 'meta', 'opts.maxLenEvents', bound)
    end
    local is_read = queue and redis.call('EXISTS', numbered_key(queue)) == 1
    if not is_read then
      redis.call('XTRIM', events, 'MAXLEN', '~', bound)
    elseif redis.call('XLEN', events) > bound + EVENTS_SLACK then
      local _, added = end_of(events)
      if added - read_until(queue) <= UNREAD_MAX then
        number(queue)
      end
      redis.call('XTRIM', events, 'MAXLEN', '~', bound)
    end
  end
end
