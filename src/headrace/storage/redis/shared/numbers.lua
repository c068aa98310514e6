-- The number of a job in its queue: its id, or `hrn` beside an id of its own. Node leaves none with such an id.

local function is_number(id)
  return string.find(id, '^[1-9]%d*$') ~= nil
end

local function number_of(key, id)
  return tonumber(redis.call('HGET', key, 'hrn') or (is_number(id) and id)) or 0
end

-- The same, of many: most ids are numbers, and then nothing is asked for.
local function numbers_of(K, ids)
  local numbers = {}
  for i, id in ipairs(ids) do
    numbers[i] = is_number(id) and tonumber(id) or number_of(K .. id, id)
  end
  return numbers
end
