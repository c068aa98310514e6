-- A lock is a hash `prefix~::lock:<name>`, of each owner `<fence>:<taken at>:<expires at>`. Beside it stand its name in
-- `prefix~::locks`, in the order of names, and in `prefix~::lockends` when its last hold ends.

local LOCKS, LOCK_ENDS = ARGV[1] .. '~::locks', ARGV[1] .. '~::lockends'
local FORGOTTEN_MAX = 10 -- locks without a hold that one command forgets

local function lock_key(name)
  return ARGV[1] .. '~::lock:' .. name
end

-- The holds that have not expired, and the owners of those that have.
local function holds_of(name, now)
  local flat, holds, expired = redis.call('HGETALL', lock_key(name)), {}, {}
  for i = 1, #flat, 2 do
    local fence, taken_at, expires_at = string.match(flat[i + 1], '^(%d+):(%d+):(%d+)$')
    if tonumber(expires_at) > now then
      holds[#holds + 1] = {
        owner = flat[i], fence = tonumber(fence), taken_at = tonumber(taken_at), expires_at = tonumber(expires_at),
      }
    else
      expired[#expired + 1] = flat[i]
    end
  end
  return holds, expired
end

local function keep_hold(name, hold)
  redis.call('HSET', lock_key(name), hold.owner,
    string.format('%.0f:%.0f:%.0f', hold.fence, hold.taken_at, hold.expires_at))
  redis.call('ZADD', LOCK_ENDS, 'GT', hold.expires_at, name)
end

local function forget_locks(now)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', LOCK_ENDS, '-inf', now, 'LIMIT', 0, FORGOTTEN_MAX)) do
    redis.call('DEL', lock_key(name))
    redis.call('ZREM', LOCK_ENDS, name)
    redis.call('ZREM', LOCKS, name)
  end
end
