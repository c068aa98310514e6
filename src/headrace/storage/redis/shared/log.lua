-- A channel is a stream whose ids are positions, `<position>-0`, with the fields `at`, `key` and `body`. The last position
-- of each stands in `prefix~::positions`, and outlives the entries; its name in `prefix~::channels`, in the order of names.

local CHANNELS, POSITIONS = ARGV[1] .. '~::channels', ARGV[1] .. '~::positions'

-- The queue whose job events a channel has, if it is one of those.
local function queue_of_log(channel)
  return string.match(channel, '^jobs/([^:]+)$')
end

local function log_key(channel)
  local queue = queue_of_log(channel)
  return queue and ARGV[1] .. '~:' .. queue .. ':log' or ARGV[1] .. '~::log:' .. channel
end

local function last_position(channel)
  return tonumber(redis.call('HGET', POSITIONS, channel) or 0)
end

-- The position before the first entry that is kept, and the last. Between entries of job events there may be gaps.
local function bounds_of(channel)
  local last = last_position(channel)
  local first = redis.call('XRANGE', log_key(channel), '-', '+', 'COUNT', 1)[1]
  return first and tonumber(string.match(first[1], '^%d+')) - 1 or last, last
end

local function put_entry(channel_key, position, at, key, body)
  redis.call('XADD', channel_key, string.format('%.0f-0', position), 'at', at, 'key', key, 'body', body)
end
