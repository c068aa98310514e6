-- uses: clock queues store limits requests
-- Adds of jobs against which nothing can speak: no id of their own, no family, no dedup key, of one queue that does not
-- bound what waits. Those that follow each other draw their numbers together.

-- The queue key of a plain Add, or nil.
local function queue_of_plain(request)
  local queue = not request.token and request.jobs[1] and request.jobs[1][1]
  for _, job in ipairs(request.jobs) do
    if job[1] ~= queue or job[2] or job[9] or job[10] or job[DEDUP] or job[FOLLOWS] then
      return nil
    end
  end
  local K = queue and queue_key(queue)
  if K and not is_bounded({ [K] = true }) then
    return K
  end
end

-- The Adds of one queue from one to another place, none of them answered before. An Add of one job is answered with its
-- id.
local function add_plain(requests, from, to, K, answers, now)
  local count = 0
  for at = from, to do
    count = count + #requests[at].jobs
  end
  local number = redis.call('INCRBY', K .. 'id', count) - count
  for at = from, to do
    local request, ids, first = requests[at], {}, number + 1
    for i, job in ipairs(request.jobs) do
      number = number + 1
      ids[i] = string.format('%.0f', number)
      store_job(K, ids[i], job, number, now, true)
    end
    if request.key then
      keep_answer(request, cmsgpack.pack(now, request.jobs[1][1], string.format('%.0f', first), #ids))
    end
    answers[at] = #ids == 1 and ids[1] or { 'ok', ids, {} }
  end
end
