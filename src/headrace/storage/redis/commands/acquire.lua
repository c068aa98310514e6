-- uses: clock locks
-- Acquire: take a lock, or extend the own hold of it.
--
-- ARGV: prefix, now or '', name, owner, ttl in ms, limit, fence or ''.
-- Answer: {'ok', fence}, {'held', owner, when its hold ends, in how many ms} or {'lock-lost'}

local now = clock(ARGV[2])
local name, owner, ttl_ms, limit, fence = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local holds, expired = holds_of(name, now)
local own, first

for _, hold in ipairs(holds) do
  if hold.owner == owner then
    own = hold
  end
  if not first or hold.expires_at < first.expires_at
    or (hold.expires_at == first.expires_at and hold.fence < first.fence) then
    first = hold
  end
end
if fence and not (own and own.fence == fence) then
  return { 'lock-lost' }
end
if own then
  own.expires_at = now + ttl_ms
  keep_hold(name, own)
  return { 'ok', own.fence }
end
if #holds >= limit then
  return { 'held', first.owner, first.expires_at, first.expires_at - now }
end
forget_locks(now)
for _, gone in ipairs(expired) do
  redis.call('HDEL', lock_key(name), gone)
end
local taken = redis.call('INCR', ARGV[1] .. '~::fence')
redis.call('ZADD', LOCKS, 0, name)
keep_hold(name, { owner = owner, fence = taken, taken_at = now, expires_at = now + ttl_ms })
return { 'ok', taken }
