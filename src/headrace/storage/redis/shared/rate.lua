-- uses: rest
-- A rate: no more than `most` starts in any `per_ms`, reckoned as core.limits does. `prefix~:<queue>:starts` has the starts
-- that the rate looks at, oldest first, as MessagePack [at, count, at, count, …].
--
-- Node counts in `K limiter`, in spans that begin with a start. Ours are counted there too, and Node's are obeyed as long
-- as its span lasts. By our own starts alone that counter is never the narrower one: its span began within ours. With a
-- clock that a test holds still it is left alone.

local STARTS_MAX = 128 -- instants remembered one by one
local SLOTS = 64 -- parts of a span within which starts then count as the last of them

-- As pairs in turn, and how many starts there are.
local function starts_within(ours, rate, now)
  local kept, seen, sum = redis.call('GET', ours .. 'starts'), {}, 0
  local starts = kept and cmsgpack.unpack(kept) or {}
  for i = 1, #starts, 2 do
    if starts[i] > now - rate.per_ms then
      seen[#seen + 1], seen[#seen + 2] = starts[i], starts[i + 1]
      sum = sum + starts[i + 1]
    end
  end
  return seen, sum
end

-- How many jobs may start now and, if none may, in how many ms one may.
local function startable(K, ours, rate, now, is_frozen)
  local seen, sum = starts_within(ours, rate, now)
  local room, wait_ms = math.max(rate.most - sum, 0), seen[1] and seen[1] + rate.per_ms - now or 0
  local used = not is_frozen and tonumber(redis.call('GET', K .. 'limiter') or 0) or 0
  local left = used > 0 and used < RESTING and redis.call('PTTL', K .. 'limiter') or 0
  if left > 0 then
    local free = math.max(rate.most - used, 0)
    wait_ms = room > 0 and left or free > 0 and wait_ms or math.max(wait_ms, left)
    room = math.min(room, free)
  end
  return room, room == 0 and wait_ms or nil
end

local function together(starts, per_ms)
  local slot_ms, slots, last = math.floor(per_ms / SLOTS) + 1, {}, nil
  for i = 1, #starts, 2 do
    local slot = math.floor(starts[i] / slot_ms)
    if slot ~= last then
      slots[#slots + 1], slots[#slots + 2] = starts[i], 0
    end
    slots[#slots - 1], slots[#slots] = starts[i], slots[#slots] + starts[i + 1]
    last = slot
  end
  return slots
end

-- `told` of the jobs started are starts to Node: one that has a deferred failure is none.
local function spend(K, ours, rate, now, is_frozen, count, told)
  local seen = starts_within(ours, rate, now)
  seen[#seen + 1], seen[#seen + 2] = now, count
  if #seen > 2 * STARTS_MAX then
    seen = together(seen, rate.per_ms)
  end
  if is_frozen then
    redis.call('SET', ours .. 'starts', cmsgpack.pack(seen))
    return
  end
  redis.call('SET', ours .. 'starts', cmsgpack.pack(seen), 'PX', rate.per_ms)
  if told > 0 then
    if redis.call('PTTL', K .. 'limiter') <= 0 then
      redis.call('SET', K .. 'limiter', 0, 'PX', rate.per_ms)
    end
    redis.call('INCRBY', K .. 'limiter', told)
    make_unusual(K)
  end
end
