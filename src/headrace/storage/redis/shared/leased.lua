-- uses: lease state
-- Whether a job is active and this token holds it. A lease that ended but was not recovered still holds.

local function leased(K, id, token)
  local key = K .. id
  local held_by = redis.call('GET', key .. ':lock')
  if held_by then
    return held_by == token
  end
  return holds(key, held_by, token) and state_of(K, id) == 'active'
end
