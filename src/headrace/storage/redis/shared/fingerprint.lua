-- uses: state queues
-- What of a job a query may ask and a patch may change, as one short text. Python decides by the record of a job, and
-- the script that then writes goes on only if this is still the same.

local DECISIVE = {
  'name', 'data', 'hrj', 'priority', 'atm', 'timestamp', 'finishedOn', 'failedReason', 'defa', 'hrw', 'hrc',
}

local function fingerprint_of(K, id)
  local parts = { state_of(K, id) or '' }
  for i, value in ipairs(redis.call('HMGET', K .. id, unpack(DECISIVE))) do
    parts[i + 1] = value and #value .. ':' .. value or ''
  end
  return redis.sha1hex(table.concat(parts, ' '))
end

-- Whether a job [queue, id, fingerprint] is not as it was seen; '' says that it was not there, nil that nobody looked.
local function has_changed(job)
  local K = queue_key(job[1])
  if job[3] == '' then
    return state_of(K, job[2]) ~= nil
  end
  return job[3] and fingerprint_of(K, job[2]) ~= job[3]
end
