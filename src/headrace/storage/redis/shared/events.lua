-- uses: change limits hints
-- BullMQ's stream of events, `K events`: names and fields are its own. What they do not say of what happened stands in a
-- last field of ours, `hr`: the entry of our log as it is to be; or `hrof`: the job that it is told of, if not `jobId`.

local EVENTS_MAX = 10000 -- unless the queue says otherwise
local UNNUMBERED_MAX = 22000 -- at least, where somebody reads the log: two events make one entry, and it keeps 11,000
local SLACK = 100 -- entries; the server leaves as many, too, when it trims by whole nodes
local UNSEEN_MAX = 50 -- entries that a library tells between two looks at the length of a stream
local told = {} -- queue key -> its stream
local entries = 0 -- told in this command
local is_live = ARGV[2] == ''

local function stream_of(K)
  told[K] = K .. 'events'
  return told[K]
end

local function tell(K, ...)
  local stream = told[K] or stream_of(K)
  entries = entries + 1
  if is_live then
    redis.call('XADD', stream, '*', ...)
  else -- a test's clock may go back; ids may not
    local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    local at = math.max(tonumber(ARGV[2]), newest and tonumber(string.match(newest[1], '^%d+')) or 0)
    redis.call('XADD', stream, string.format('%d-*', at), ...)
  end
end

local function emit(K, event, id, ...)
  if is_live then
    entries = entries + 1
    redis.call('XADD', told[K] or stream_of(K), '*', 'event', event, 'jobId', id, ...)
  else
    tell(K, 'event', event, 'jobId', id, ...)
  end
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

-- Whether somebody has read the log of the queue `K`. A parent may be a queue of another prefix, which has none.
local function is_read(K)
  local start = ARGV[1] .. ':'
  return string.sub(K, 1, #start) == start
    and redis.call('EXISTS', ARGV[1] .. '~:' .. string.sub(K, #start + 1) .. 'numbered') == 1
end

-- Whether it is time to look how long a stream is.
local function is_long_unseen(K)
  local hints = hints_of(K)
  hints.told = hints.told + entries
  if hints.told < UNSEEN_MAX then
    return false
  end
  hints.told = 0
  return true
end

local function trim(K, stream, bound)
  if redis.call('XLEN', stream) > bound + SLACK then
    redis.call('XTRIM', stream, 'MAXLEN', '~', is_read(K) and math.max(bound, UNNUMBERED_MAX) or bound)
  end
end

-- Once at the end of a command, so that a batch is trimmed once and not once a job. A reader trims to the bound.
local function trim_events()
  for K, stream in pairs(told) do
    local bound = limits_of(K).events_max
    if not bound then
      redis.call('HSET', K .. 'meta', 'opts.maxLenEvents', EVENTS_MAX)
    end
    if is_long_unseen(K) then
      trim(K, stream, tonumber(bound) or EVENTS_MAX)
    end
    told[K] = nil
  end
  entries = 0
end
