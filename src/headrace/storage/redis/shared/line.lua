-- The list of waiting jobs, page by page. It is taken from the right, grows at both ends, and loses jobs anywhere; there
-- is nothing in it by which a place could be named but the jobs that stand there. So a page begins behind the last jobs
-- that were seen: as long as some of them stay where they were, nothing is missed and nothing is seen twice.

local NEAR = 1000 -- jobs at either side of the old place among which those seen last are looked for
local SOUGHT_MAX = 8 -- of them that are looked for everywhere, if none is there

-- Where each job of the trail stands now, counted from the right.
local function places_of(K, trail, distance)
  local numbers, places, from = {}, {}, math.max(0, distance - NEAR)
  for i, id in ipairs(trail) do
    numbers[id] = i
  end
  local near = redis.call('LRANGE', K .. 'wait', -(distance + NEAR), -(from + 1))
  for i, id in ipairs(near) do
    if numbers[id] then
      places[numbers[id]] = from + #near - i + 1
    end
  end
  if next(places) == nil then
    local count = redis.call('LLEN', K .. 'wait')
    for i = #trail, math.max(1, #trail - SOUGHT_MAX + 1), -1 do
      local at = redis.call('LPOS', K .. 'wait', trail[i], 'RANK', -1)
      places[i] = at and count - at or nil
    end
  end
  return places
end

-- How many jobs from the right end have been seen. The last of the trail that has not moved says so: between it and
-- those before it there is nobody else. `distance` is where the last one stood.
local function seen_in_line(K, trail, distance)
  local places = places_of(K, trail, distance)
  local last
  for i = #trail, 1, -1 do
    last = last or places[i]
    for j = i - 1, 1, -1 do
      local between = places[i] and places[j] and places[i] - places[j]
      if between and between > 0 and between <= i - j then
        return places[i]
      end
    end
  end
  return last or 0
end

-- The jobs behind so many, each with how many have been seen then; one more than wanted.
local function behind_in_line(K, seen, wanted)
  local ids, found = redis.call('LRANGE', K .. 'wait', -(seen + wanted + 1), -(seen + 1)), {}
  for i = #ids, 1, -1 do
    found[#found + 1] = { seen + #ids - i + 1, 0, ids[i] }
  end
  return found
end
