-- uses: clock queues leased texts
-- flags: allow-oom
-- Renew: leases that go on, and what became of the others.
--
-- ARGV: prefix, now or '', lease in ms, [queue, id, token] of each as MessagePack.
-- Answer: {positions of lost leases, [position, defa, hrd, hrc] of each job that somebody asked to end}

local lease_ms, is_frozen = tonumber(ARGV[3]), ARGV[2] ~= ''
local now = clock(ARGV[2])
local ends_at = text_of(now + lease_ms)
local lost = {}
local asked = {}

local function renew(i, K, id, token)
  local key = K .. id
  if not leased(K, id, token) then
    lost[#lost + 1] = i - 1
    return
  end
  local job = redis.call('HMGET', key, 'ats', 'hrc', 'defa', 'hrd')
  redis.call('SREM', K .. 'stalled', id)
  redis.call('HSET', key, 'hrl', job[1] .. lease_rest(ends_at, token))
  lock(key, token, ends_at, lease_ms, is_frozen)
  if job[2] and string.match(job[2], '^(%d+):') == job[1] then
    asked[#asked + 1] = { i - 1, job[3], job[4], job[2] }
  end
end

for i, hold in ipairs(cmsgpack.unpack(ARGV[4])) do
  renew(i, queue_key(hold[1]), hold[2], hold[3])
end
return { lost, asked }
