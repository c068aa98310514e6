-- uses: clock queues store limits requests texts
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

-- Stores the jobs after one number, which differ in their data, and gives the last number.
local function store_alike(K, job, number, now)
  local name, opts, priority, delay, added_at = job[3], job[5], text_of(job[6]), text_of(job[7]), clock_text(ARGV[2])
  local data, has_lines = job[DATA], limits_of(K).per_key
  know(job[1])
  for i = 1, #data do
    number = number + 1
    local id = string.format('%d', number)
    redis.call('HSET', K .. id, 'name', name, 'data', data[i], 'opts', opts, 'timestamp', added_at, 'delay', delay,
      'priority', priority)
    if has_lines then
      enroll(K, id)
    end
    emit(K, 'added', id, 'name', name)
    place_job(K, id, job, now, true)
  end
  return number
end

-- The Adds of one queue from one to another place, none of them answered before. They are answered with the first id, and
-- how many there are if there are more.
local function add_plain(requests, from, to, K, answers, now)
  local count = 0
  for at = from, to do
    count = count + count_of(requests[at].jobs)
  end
  local number = redis.call('INCRBY', K .. 'id', count) - count
  for at = from, to do
    local request, before = requests[at], number
    for _, job in ipairs(request.jobs) do
      if type(job[DATA]) == 'table' then
        number = store_alike(K, job, number, now)
      else
        number = number + 1
        store_job(K, string.format('%d', number), job, number, now, true)
      end
    end
    local first = string.format('%d', before + 1)
    if request.key then
      keep_answer(request, cmsgpack.pack(now, request.jobs[1][1], first, number - before), now)
    end
    answers[at] = number - before == 1 and first or { 'run', first, number - before }
  end
end
