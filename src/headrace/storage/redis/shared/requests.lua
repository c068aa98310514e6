-- uses: store
-- What is asked for by Add: jobs with the id of a request, or none. The answer to a request is kept for a time, so that
-- it can be repeated: as MessagePack, {when, runs of ids, …} as Add has it, or of one queue when, queue, first id, count.
--
-- Four of ARGV are an Add: request id or '', how long its answer is kept in ms, the jobs as MessagePack, see shared/store
-- and, of their dedup, shared/receive; the token of a lease on every parent that is in the store, or ''.

-- The Adds in a part of ARGV.
local function requests_in(first, last)
  local requests, keys, answers = {}, {}, {}
  for at = first, last, 4 do
    local key = ARGV[at] ~= '' and ARGV[1] .. '~::request:' .. ARGV[at]
    if key then
      keys[#keys + 1] = key
    end
    requests[#requests + 1] = {
      key = key, keep_ms = tonumber(ARGV[at + 1]), jobs = cmsgpack.unpack(ARGV[at + 2]), token = ARGV[at + 3] ~= '' and ARGV[at + 3],
      answers = answers, -- of all, for one request may be asked for twice
    }
  end
  for i, answer in ipairs(#keys > 0 and redis.call('MGET', unpack(keys)) or {}) do
    answers[keys[i]] = answer
  end
  return requests
end

local function count_of(jobs)
  local count = 0
  for _, job in ipairs(jobs) do
    count = count + (type(job[DATA]) == 'table' and #job[DATA] or 1)
  end
  return count
end

-- Each job for itself.
local function singly(jobs)
  local single = {}
  for _, job in ipairs(jobs) do
    if type(job[DATA]) ~= 'table' then
      single[#single + 1] = job
    else
      for _, data in ipairs(job[DATA]) do
        single[#single + 1] = { job[1], nil, job[3], data, unpack(job, DATA + 1, 9) }
      end
    end
  end
  return single
end

local function spread(runs)
  local ids, names = {}, {}
  for _, run in ipairs(runs) do
    for past = 0, run[3] - 1 do
      names[#names + 1] = run[1]
      ids[#ids + 1] = past > 0 and string.format('%d', run[2] + past) or run[2]
    end
  end
  return ids, names
end

local function earlier_answer(request, now)
  local kept = request.key and request.answers[request.key]
  if not kept then
    return nil
  end
  local first, queue, id, count = cmsgpack.unpack(kept)
  local at, runs, existed, duplicates, replaced, kept_then
  if type(first) == 'table' then
    at, runs, existed, duplicates, replaced, kept_then = unpack(first, 1, 6)
  else
    at, runs, existed, duplicates, replaced, kept_then = first, { { queue, id, count } }, {}, {}, {}, {}
  end
  if now - at <= request.keep_ms then
    local ids, names = spread(runs)
    return { 'ok', ids, existed, names, duplicates, replaced, kept_then }
  end
end

local function keep_answer(request, answer, now)
  if ARGV[2] == '' then
    redis.call('SET', request.key, answer, 'PXAT', now + request.keep_ms)
  else -- a test's clock; this goes by real time, and too late is not wrong
    redis.call('SET', request.key, answer, 'PX', request.keep_ms)
  end
  request.answers[request.key] = answer
end
