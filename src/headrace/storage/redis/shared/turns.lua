-- uses: lines
-- Turns: of the keys that have room, the one goes next that waits longest for its turn; see docs/internals/atomic.md.

local DEALT_MAX = 16 -- jobs that stand where Node takes them
local PASSED_OVER_MAX = 5000 -- jobs that are looked at in vain at once
local HEADS_PAGE = 64 -- keys that are read at a time
local passed_over = 0

local function running_in(K, per_key)
  local running = {}
  for _, id in ipairs(redis.call('LRANGE', K .. 'active', 0, -1)) do
    local key = key_of(K, id, per_key)
    if key then
      running[key] = (running[key] or 0) + 1
    end
  end
  return running
end

-- Into its place in lanes[first], lanes[first + 1], …
local function put_in_order(lanes, first, lane)
  local i = #lanes
  while i >= first and lanes[i].score > lane.score do
    lanes[i + 1] = lanes[i]
    i = i - 1
  end
  lanes[i + 1] = lane
end

-- The same of a lane that stood before them; where they begin then. Mostly that is still the first.
local function put_back(lanes, first, lane)
  if not lanes[first] or lane.score <= lanes[first].score then
    lanes[first - 1] = lane
    return first - 1
  end
  put_in_order(lanes, first, lane)
  return first
end

-- The next job of a lane that `look` accepts: it answers nil if it does not, and false if the job is gone.
local function advance(K, lane, look)
  local key, after = lane.key, lane.after or '[' .. lane.key .. '\0'
  while passed_over < PASSED_OVER_MAX do
    local entry = redis.call('ZRANGEBYLEX', ours_key(K, 'lines'), after, '(' .. key .. '\1', 'LIMIT', 0, 1)[1]
    if not entry then
      return false
    end
    after = '(' .. entry
    local id, score = string.sub(entry, #key + 2 + DIGITS), tonumber(string.sub(entry, #key + 2, #key + 1 + DIGITS))
    local seen = look(id)
    if seen == nil then
      passed_over = passed_over + 1
    elseif not seen then
      pull(K, id, key, score)
      rehead(K, key)
    else
      lane.after, lane.next = after, { id = id, key = key, score = score, seen = seen }
      lane.score = with_turn(score, lane.turn)
      return true
    end
  end
  return false
end

-- Whether there is a lane yet, the first of all: more are read as long as one of them may come before it.
local function is_next_known(K, heads, lanes, first)
  while not heads.is_all and not (lanes[first] and lanes[first].score <= heads.last) do
    local page = redis.call(
      'ZRANGE', ours_key(K, 'heads'), heads.count, heads.count + HEADS_PAGE - 1, 'WITHSCORES')
    for i = 1, #page, 2 do
      if not heads.seen[page[i]] then
        heads.last, heads.seen[page[i]] = tonumber(page[i + 1]), true
        put_in_order(lanes, first, { key = page[i], score = heads.last })
      end
    end
    heads.count, heads.is_all = heads.count + HEADS_PAGE, #page < 2 * HEADS_PAGE
  end
  return lanes[first] ~= nil
end

-- The next jobs in turn, at most `limit`, as {id, key, score, seen, turn}. They stay where they are.
local function in_turn(K, limit, look)
  local per_key, taken, lanes, first = limits_of(K).per_key, {}, {}, 1
  passed_over = 0
  local running = per_key.running and running_in(K, per_key) or {}
  local back = tonumber(redis.call('HGET', ours_key(K, 'turns'), 'back')) or 0
  local heads = { seen = {}, count = 0, last = 0 }
  while #taken < limit and is_next_known(K, heads, lanes, first) do
    local lane = lanes[first]
    local key, has_more = lane.key, false
    first = first + 1
    if key == '' or not per_key.running or (running[key] or 0) < per_key.running then
      if lane.next then
        back = back + 1
        lane.next.turn, lane.turn = back, back
        taken[#taken + 1] = lane.next
        running[key] = (running[key] or 0) + 1
      else
        lane.turn = tonumber(redis.call('HGET', ours_key(K, 'turns'), key))
      end
      has_more = advance(K, lane, look)
    end
    if has_more then
      first = put_back(lanes, first, lane)
    end
  end
  return taken
end

-- At a claim: the turns of keys without a ready job are forgotten. Without any job ready the counters begin anew, as they
-- have only 2^31 places.
local function forget_turns(K)
  for _, key in ipairs(redis.call('SMEMBERS', ours_key(K, 'emptied'))) do
    if not redis.call('ZSCORE', ours_key(K, 'heads'), key) then
      redis.call('HDEL', ours_key(K, 'turns'), key)
    end
  end
  redis.call('DEL', ours_key(K, 'emptied'))
  if redis.call('EXISTS', ours_key(K, 'heads')) == 0 then
    redis.call('DEL', ours_key(K, 'turns'))
  end
end

-- These jobs are no longer parked, and their keys had a turn.
local function take_turns(K, taken)
  local touched = {}
  for _, job in ipairs(taken) do
    pull(K, job.id, job.key, job.score)
    redis.call('HSET', ours_key(K, 'turns'), job.key, job.turn, 'back', job.turn)
    touched[job.key] = true
  end
  rehead_all(K, touched)
end

-- The few that are next stand where Node takes them.
local function deal(K)
  local touched = {}
  local function is_there(id)
    return redis.call('EXISTS', K .. id) == 1
  end
  for _, job in ipairs(in_turn(K, DEALT_MAX, is_there)) do
    pull(K, job.id, job.key, job.score)
    redis.call('HSET', ours_key(K, 'dealt'), job.id, digits(job.score) .. job.key)
    if job.score < CLASS then
      redis.call('LPUSH', K .. 'wait', job.id)
    else
      local rank = math.floor(job.score / CLASS) * CLASS + redis.call('INCR', K .. 'pc') % CLASS
      redis.call('ZADD', K .. 'prioritized', rank, job.id)
    end
    touched[job.key] = true
  end
  rehead_all(K, touched)
end

local function arrange(K)
  gather(K)
  deal(K)
end

-- The limits per key were lifted: all stand where they would without.
local function disband(K)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ours_key(K, 'parked'), '-inf', '(' .. CLASS)) do
    redis.call('LPUSH', K .. 'wait', id)
  end
  local rest = redis.call('ZRANGEBYSCORE', ours_key(K, 'parked'), CLASS, '+inf', 'WITHSCORES')
  for i = 1, #rest, 2 do
    local rank = math.floor(rest[i + 1] / CLASS) * CLASS + redis.call('INCR', K .. 'pc') % CLASS
    redis.call('ZADD', K .. 'prioritized', rank, rest[i])
  end
  forget_lines(K)
end

-- All unfinished jobs count for their keys.
local function enroll_all(K)
  for _, list in ipairs({ 'wait', 'active' }) do
    for _, id in ipairs(redis.call('LRANGE', K .. list, 0, -1)) do
      enroll(K, id)
    end
  end
  for _, set in ipairs({ 'prioritized', 'delayed', 'waiting-children' }) do
    for _, id in ipairs(redis.call('ZRANGE', K .. set, 0, -1)) do
      enroll(K, id)
    end
  end
end
