-- BullMQ's stream of events, `K events`: names and fields are its own.

local EVENTS_MAX = 10000 -- unless the queue says otherwise
local told = {}

local function emit(K, event, id, ...)
  redis.call('XADD', K .. 'events', '*', 'event', event, 'jobId', id, ...)
  told[K] = true
end

-- Once at the end of a command, so that a batch is trimmed once and not once a job.
local function trim_events()
  for K in pairs(told) do
    local bound = redis.call('HGET', K .. 'meta', 'opts.maxLenEvents')
    if not bound then
      bound = EVENTS_MAX
      redis.call('HSET', K .. 'meta', 'opts.maxLenEvents', bound)
    end
    redis.call('XTRIM', K .. 'events', 'MAXLEN', '~', bound)
  end
end
