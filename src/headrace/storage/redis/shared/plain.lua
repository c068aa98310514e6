-- uses: clock queues store limits requests
-- Adds of jobs against which nothing can speak: no id of their own, no family, no dedup key, of one queue that does not
-- bound what waits. Those that follow each other draw their numbers together.

-- The queue key of a plain Add that was not answered before, or nil.
local function queue_of_plain(request)
  local jobs = request.jobs
  local queue = not request.token and not request.answers[request.key] and jobs[1] and jobs[1][1]
  for i = 1, #jobs do
    local job = jobs[i]
    if job[1] ~= queue or job[2] or job[9] or job[10] or job[DEDUP] or job[FOLLOWS] then
      return nil
    end
  end
  local K = queue and queue_key(queue)
  return K and not bounds_waiting(K) and K or nil
end

-- Where those end that are as plain as the one at this place, and of the same queue. A request that is asked for twice is
-- answered twice, but the second time by what is kept.
local function end_of_plain(requests, from, K)
  local asked = {}
  for at = from, #requests do
    local key = requests[at].key
    if asked[key] or (at > from and queue_of_plain(requests[at]) ~= K) then
      return at - 1
    end
    if key then
      asked[key] = true
    end
  end
  return #requests
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
      ids[i] = string.format('%d', number)
      store_job(K, ids[i], job, number, now, true)
    end
    if request.key then
      keep_answer(request, cmsgpack.pack(now, request.jobs[1][1], string.format('%d', first), #ids), now)
    end
    answers[at] = #ids == 1 and ids[1] or { 'ok', ids, {} }
  end
end
