-- uses: clock locks moves
-- flags: allow-oom
-- Release: give a lock back.
--
-- ARGV: prefix, now or '', name, owner, the topic of the lock. Answer: 1 if the owner held it, else 0.

local name, owner = ARGV[3], ARGV[4]
for _, hold in ipairs(holds_of(name, clock(ARGV[2]))) do
  if hold.owner == owner then
    redis.call('HDEL', lock_key(name), owner)
    if redis.call('EXISTS', lock_key(name)) == 0 then
      redis.call('ZREM', LOCKS, name)
      redis.call('ZREM', LOCK_ENDS, name)
    end
    moved(ARGV[5])
    return 1
  end
end
return 0
