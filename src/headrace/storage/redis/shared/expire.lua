-- uses: deadlines numbers state tally oldest leave events parents cancel
-- The jobs that nobody has started in time fail, as if they had been claimed and settled so.

local FINISHED = { completed = true, failed = true }

-- The job that a deadline is of, if it is to fail by it.
local function late_job(member, now)
  local number, queue, id = string.match(member, '^%d+:(%d+):([^:]*):(.*)$')
  local job = { K = queue_key(queue), queue = queue, id = id, key = queue_key(queue) .. id }
  local started, deferred = unpack(redis.call('HMGET', job.key, 'ats', 'defa'), 1, 2)
  job.reason = not started and not deferred and why_late(job.key, now)
  if job.reason and number_of(job.key, id) == tonumber(number) then
    job.state = state_of(job.K, id)
    return job.state and not FINISHED[job.state] and job
  end
end

local function count_late(job, now)
  local name, priority = unpack(redis.call('HMGET', job.key, 'name', 'priority'), 1, 2)
  local ready = (tonumber(priority) or 0) > 0 and 'prioritized' or 'waiting'
  local waited = job.state == ready and now - ready_at(job.K, job.id) or 0
  tally(job.queue, name, 'failed', bucket(waited), 0)
end

-- Who expired, and whether there may be more.
local function expire(limit, now)
  local due = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', now, 'LIMIT', 0, limit)
  local jobs, expired = {}, {}
  for i, member in ipairs(due) do
    redis.call('ZREM', DEADLINES, member)
    local job = late_job(member, now)
    if job then
      count_late(job, now)
      redis.call('HSET', job.key, 'ats', 1, 'atm', 1)
      local failure = '{"reason":' .. cjson.encode(job.reason) .. ',"cause":"expired"}'
      move_to_failed(job, failure, job.reason, 'expired', now)
      jobs[#jobs + 1], expired[#expired + 1] = job, { job.queue, job.id }
    end
  end
  after_failures(jobs, now)
  return expired, #due == limit and 1 or 0
end
