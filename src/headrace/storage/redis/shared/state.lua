-- uses: lines
-- The state of a job, in the words of core.jobs, or nil if it is in none.

local function scored(key, id)
  return redis.call('ZSCORE', key, id)
end

local function listed(key, id)
  return redis.call('LPOS', key, id)
end

local function state_of(K, id)
  if scored(K .. 'completed', id) then return 'completed' end
  if scored(K .. 'failed', id) then return 'failed' end
  if scored(K .. 'delayed', id) then return 'delayed' end
  if scored(K .. 'prioritized', id) then return 'prioritized' end
  if scored(K .. 'waiting-children', id) then return 'waiting-children' end
  if listed(K .. 'active', id) then return 'active' end
  if listed(K .. 'wait', id) then return 'waiting' end
  local parked = parked_at(K, id)
  if parked then return parked < CLASS and 'waiting' or 'prioritized' end
  return nil
end
