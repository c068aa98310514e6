-- uses: numbers queues state
-- Children of a job: BullMQ's four keys, put into the order in which they were added. That is our field `hrp` of a child;
-- of a child that is gone the parent has it, with the name, in a field `hrt` and the child's key.

-- A child that is not there is gone, or its id has been taken by another since.
local function child_at(child_key, parent_key, may_be_there)
  local queue, id = ref_of(child_key)
  local child = { key = child_key, queue = queue, id = id, K = string.sub(child_key, 1, #child_key - #id) }
  local job = redis.call('HMGET', child_key, 'parentKey', 'name', 'hrp')
  child.is_there = may_be_there and job[1] == parent_key
  if child.is_there then
    child.place, child.name = tonumber(job[3]) or 0, job[2]
  else
    local place, name = string.match(redis.call('HGET', parent_key, 'hrt' .. child_key) or '', '^(%d+):(.*)$')
    child.place, child.name = tonumber(place) or 0, name or ''
  end
  child.number = number_of(child_key, id)
  return child
end

-- Node writes no places: its children come first, by their numbers.
local function added_before(a, b)
  if a.place ~= b.place then return a.place < b.place end
  if a.number ~= b.number then return a.number < b.number end
  return a.key < b.key
end

local function children_of(key)
  local children, pending = {}, {}
  local function add(child_key)
    local child = child_at(child_key, key, not pending[child_key])
    children[#children + 1] = child
    return child
  end
  for _, child_key in ipairs(redis.call('SMEMBERS', key .. ':dependencies')) do
    add(child_key).is_pending = true
    pending[child_key] = true
  end
  local processed, ignored = redis.call('HGETALL', key .. ':processed'), redis.call('HGETALL', key .. ':failed')
  for i = 1, #processed, 2 do
    add(processed[i]).value = processed[i + 1]
  end
  for i = 1, #ignored, 2 do
    add(ignored[i]).ignored = ignored[i + 1]
  end
  for _, child_key in ipairs(redis.call('ZRANGE', key .. ':unsuccessful', 0, -1)) do
    add(child_key)
  end
  table.sort(children, added_before)
  return children
end

-- The job and all below it that are there, each before its children; not many more than `most`.
local function family_of(K, queue, id, most)
  local family, waiting = {}, { { key = K .. id, K = K, queue = queue, id = id, is_there = true } }
  while #waiting > 0 and #family <= most do
    local job = table.remove(waiting)
    family[#family + 1] = job
    local children = children_of(job.key)
    for i = #children, 1, -1 do
      if children[i].is_there then
        waiting[#waiting + 1] = children[i]
      end
    end
  end
  return family
end
