-- uses: follow family
-- The jobs that a job follows, beside its children.

-- What a job follows, in the form of its children; one that has gone, or whose id another has taken since, is not there.
local function followed_by(follower_key)
  local flat, found = redis.call('HGETALL', ties_key(follower_key, 'follows')), {}
  for i = 1, #flat, 2 do
    local key, edge = flat[i], cmsgpack.unpack(flat[i + 1])
    local queue, id = ref_of(key)
    found[#found + 1] = {
      key = key, queue = queue, id = id, K = queue_key(queue), place = edge[PLACE], name = edge[NAME], number = 0,
      edge = edge, is_followed = true, is_pending = edge[MARK] == 'pending',
      value = edge[MARK] == 'result' and edge[VALUE], ignored = edge[MARK] == 'reason' and edge[VALUE],
      is_there = redis.call('HEXISTS', key, 'hrq') == 1 and redis.call('ZSCORE', ties_key(key, 'followers'), follower_key),
    }
  end
  return found
end

-- Children and those that the job follows, in the order in which they were added.
local function waited_for(key)
  local all = children_of(key)
  for _, followed in ipairs(followed_by(key)) do
    all[#all + 1] = followed
  end
  table.sort(all, added_before)
  return all
end
