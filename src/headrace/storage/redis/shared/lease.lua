-- A lease is BullMQ's lock, `J:lock` = token for a time, and our field `hrl` of the hash, `<ats>:<end>:<token>`.
-- The field outlives the lock: its holder may settle a job that nobody has taken since, and it tells when it ended.
-- With a clock that a test holds still, locks do not expire by themselves, and the field alone says when a lease ends.

-- What follows the number of starts; the same for all jobs of one claim.
local function lease_rest(ends_at, token)
  return ':' .. ends_at .. ':' .. token
end

-- The number of starts, the end and the token of a lease; nothing if the job was started by somebody else since.
local function lease_parts(text, started)
  local number, ends_at, token = string.match(text or '', '^(%d+):(%d+):(.*)$')
  if number and tonumber(number) == tonumber(started) then
    return tonumber(ends_at), token
  end
end

-- `ends_at` is a text.
local function lock(key, token, ends_at, lease_ms, is_frozen)
  if is_frozen then
    redis.call('SET', key .. ':lock', token)
  elseif lease_ms > 0 then
    redis.call('SET', key .. ':lock', token, 'PXAT', ends_at)
  else -- a lease that ends now; a time to live of nothing would be an error
    redis.call('DEL', key .. ':lock')
  end
end

local function holds(key, held_by, token)
  if held_by then
    return held_by == token
  end
  local job = redis.call('HMGET', key, 'hrl', 'ats')
  local _, last = lease_parts(job[1], job[2])
  return last == token
end
