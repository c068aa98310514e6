-- uses: state lease follow
-- The whole record of a job:
-- {state, the hash as it is, due or false, end of the lease or false, pending children, children}

local function lease_end(key, now)
  local job = redis.call('HMGET', key, 'hrl', 'ats')
  local ends_at, token = lease_parts(job[1], job[2])
  local held_by = redis.call('GET', key .. ':lock')
  if ends_at and (not held_by or held_by == token) then
    return ends_at
  end
  local left = redis.call('PTTL', key .. ':lock') -- a lease that Node gave
  return left > 0 and now + left or false
end

-- How many jobs a job follows, and of how many the end is awaited.
local function followed_counts(key, hash)
  for i = 1, #hash, 2 do
    if hash[i] == 'hrm' then
      return redis.call('HLEN', ties_key(key, 'follows')), tonumber(hash[i + 1])
    end
  end
  return 0, 0
end

-- False if there is no such job. Who knows the state need not look for it.
local function record_of(K, id, now, state)
  local key = K .. id
  local hash = redis.call('HGETALL', key)
  state = #hash > 0 and (state or state_of(K, id))
  if not state then
    return false
  end
  local due = state == 'delayed' and math.floor(redis.call('ZSCORE', K .. 'delayed', id) / 4096)
  local pending = redis.call('SCARD', key .. ':dependencies')
  local done = redis.call('HLEN', key .. ':processed') + redis.call('HLEN', key .. ':failed')
    + redis.call('ZCARD', key .. ':unsuccessful')
  local followed, awaited = followed_counts(key, hash)
  local lease_ends = state == 'active' and lease_end(key, now)
  return { state, hash, due, lease_ends, pending + awaited, pending + done + followed }
end
