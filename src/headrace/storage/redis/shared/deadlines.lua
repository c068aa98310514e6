-- uses: queues
-- Deadlines: when a job fails that nobody has started. Its field `hre` is `<deadline>:<reason>`; in `prefix~::deadlines`
-- stand all by their instant, as `<rank of the queue>:<number>:<queue>:<id>`, so that those of one instant come in order.

local DEADLINES = ARGV[1] .. '~::deadlines'

local function watch_deadline(queue, id, number, at)
  local rank = redis.call('ZSCORE', KEYS[1], queue)
  redis.call('ZADD', DEADLINES, at, string.format('%012.0f:%016.0f:%s:%s', rank, number, queue, id))
end

-- Why a job is to fail that nobody has started, if it is late.
local function why_late(key, now)
  local at, reason = string.match(redis.call('HGET', key, 'hre') or '', '^(%d+):(.*)$')
  return at and tonumber(at) <= now and reason
end
