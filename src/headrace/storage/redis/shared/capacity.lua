-- uses: queues keys counts limits
-- Whether new jobs fit into queues that bound what waits. Of a queue without limits, `meta` is read and no more.

-- The jobs that take up room: not those that are there already, nor duplicates, nor what stands below one.
local function newcomers(jobs, existing, now)
  local dropped, found = {}, {}
  for position, job in ipairs(jobs) do
    local is_below = job[10] and dropped[queue_key(job[10]) .. job[11]]
    if is_below or (job[DEDUP] and taken_key(job[1], job[DEDUP][1], now)) then
      if job[2] then
        dropped[queue_key(job[1]) .. job[2]] = true
      end
    elseif not existing[position] then
      found[#found + 1] = job
    end
  end
  return found
end

local function has_room(running_max, waiting_max, running, waiting, new)
  local free = running_max and math.max(running_max - running, 0) or 0
  return not waiting_max or new <= math.max(waiting_max + free - waiting, 0)
end

-- How many jobs of a queue wait: all that neither run nor have finished.
local function waiting_in(K)
  local counts = counts_of(K)
  return counts[1] + counts[2] + counts[3] + counts[5]
end

-- {'queue-full', queue, most, …} of the first job whose queue has no room for all that are new; nil if there is none.
local function full(jobs, existing, needed, now)
  local is_limited = false
  for K in pairs(needed) do
    is_limited = is_limited or limits_of(K).max_waiting ~= nil
  end
  if not is_limited then
    return nil
  end
  local counts, new = {}, newcomers(jobs, existing, now)
  for _, job in ipairs(new) do
    counts[job[1]] = (counts[job[1]] or 0) + 1
  end
  for _, job in ipairs(new) do
    local K = queue_key(job[1])
    local limits = limits_of(K)
    if limits.max_waiting and not limits.is_roomy then
      limits.is_roomy = has_room(
        limits.concurrency, limits.max_waiting, redis.call('LLEN', K .. 'active'), waiting_in(K), counts[job[1]])
      if not limits.is_roomy then
        return { 'queue-full', job[1], limits.max_waiting, '', '' }
      end
    end
  end
end
