-- Workers: in `prefix~::workers` of each `<started at>:<seen at>:<what it says of itself>`, in `prefix~::alive` until
-- when its last beat counts.

local WORKERS, ALIVE = ARGV[1] .. '~::workers', ARGV[1] .. '~::alive'
local FORGOTTEN_MAX = 1000 -- workers that one command forgets

local function forget_workers(now)
  local gone = redis.call('ZRANGEBYSCORE', ALIVE, '-inf', now, 'LIMIT', 0, FORGOTTEN_MAX)
  if #gone > 0 then
    redis.call('ZREM', ALIVE, unpack(gone))
    redis.call('HDEL', WORKERS, unpack(gone))
  end
end
