-- uses: clock queues events wake state family remove order fingerprint schedulers
-- flags: allow-oom
-- Remove: named jobs, or a page of what a description fits.
--
-- ARGV: prefix, now or '', with children, forced, family bound, as MessagePack of each named job
-- [queue, id, fingerprint or '' if it was not there or nil, whether it does not fit], and the description:
-- [] or [queue, states, older than ms, how many stay, whether those with retention of their own stay, limit, nil or
-- [how many stay of the first state before, instant and number of the last of them that was looked at]].
-- Answer: 'changed' or {[queue, id] of each that is gone, for each named job false or [code, queue, id, state], and
-- false or where the page ended: [state, how many stay there before, instant and number of the last]}

local SORTED_MAX = 10000 -- a larger state goes in the order in which it stands, not in that of the adds
local STAYS = { active = true }

local with_children, is_forced, family_max = ARGV[3] == '1', ARGV[4] == '1', tonumber(ARGV[5])
local now = clock(ARGV[2])
local named, description = cmsgpack.unpack(ARGV[6]), cmsgpack.unpack(ARGV[7])
local gone, refusals, ended = {}, {}, false

local function remove(jobs)
  drop(jobs, now)
  for _, job in ipairs(jobs) do
    gone[#gone + 1] = { job.queue, job.id }
  end
end

local function refusal(queue, id, does_not_fit)
  local K = queue_key(queue)
  local state = redis.call('EXISTS', K .. id) == 1 and state_of(K, id)
  if not state then return { 'no-such-job', queue, id } end
  if does_not_fit then return { 'no-match', queue, id } end
  local jobs = with_children and family_of(K, queue, id, family_max + 1)
    or { { K = K, queue = queue, id = id, key = K .. id } }
  if #jobs > family_max + 1 then return { 'family-too-large', queue, id } end
  for _, job in ipairs(jobs) do
    job.state = state_of(job.K, job.id)
    if STAYS[job.state] and not is_forced then
      return { 'wrong-state', job.queue, job.id, job.state }
    end
  end
  remove(jobs)
  return false
end

local function has_own_keep(K, id, state)
  local is_read, options = pcall(cjson.decode, redis.call('HGET', K .. id, 'opts') or '')
  return is_read and options[state == 'completed' and 'removeOnComplete' or 'removeOnFail'] ~= nil
end

-- The oldest behind `after`, at most `limit`, those who keep themselves included; and the last of them.
local function finished_before(K, state, instant, after, limit, spares_kept)
  local page, jobs, looked, last = behind_in_set(K, state, after, limit, false), {}, 0, nil
  for i = 1, math.min(#page, limit) do
    local each = page[i]
    if each[1] > instant then
      break
    end
    looked, last = i, each
    if not (spares_kept and has_own_keep(K, each[3], state)) then
      jobs[#jobs + 1] = each[3]
    end
  end
  return jobs, looked, last
end

-- The oldest by their add. The next job of a scheduler of Node's stays, as it does when Node drains a queue.
local function added_before_instant(K, state, count, instant, surplus)
  local all, jobs = {}, {}
  local ids = state_ids(K, state, count > SORTED_MAX and surplus + redis.call('ZCARD', K .. 'repeat') or count)
  for i, number in ipairs(numbers_of(K, ids)) do
    all[i] = { tonumber(redis.call('HGET', K .. ids[i], 'timestamp') or 0), number, ids[i] }
  end
  table.sort(all, before)
  for _, each in ipairs(all) do
    if #jobs < surplus and each[1] <= instant and not scheduler_of(K, each[3]) then
      jobs[#jobs + 1] = each[3]
    end
  end
  return jobs
end

local function remove_described(queue, states, older_ms, keep_count, spares_kept, room, after)
  local K, instant = queue_key(queue), now - older_ms
  for _, state in ipairs(states) do
    local count, stay = count_in(K, state), after and after[1] or 0
    local most = math.max(math.min(count - keep_count - stay, room), 0)
    local ids, looked, last = {}, 0, nil
    if most == 0 or STAYS[state] then
      looked = 0
    elseif state == 'completed' or state == 'failed' then
      ids, looked, last = finished_before(K, state, instant, after and { after[2], after[3] }, most, spares_kept)
      if spares_kept and looked > 0 and looked == room then
        ended = { state, stay + looked - #ids, last[1], last[2] }
      end
    else
      ids = added_before_instant(K, state, count, instant, most)
      looked = #ids
    end
    room, after = room - looked, nil
    local jobs = {}
    for i, id in ipairs(ids) do
      jobs[i] = { K = K, queue = queue, id = id, key = K .. id, state = state }
    end
    remove(jobs)
  end
end

for _, job in ipairs(named) do
  if has_changed(job) then
    return 'changed'
  end
end
for i, job in ipairs(named) do
  refusals[i] = refusal(job[1], job[2], job[4])
end
if #description > 0 then
  local before = #gone
  remove_described(unpack(description, 1, 7))
  if #gone > before then
    tell(queue_key(description[1]), 'event', 'cleaned', 'count', #gone - before)
  end
end
trim_events()
wake()
return { gone, refusals, ended }
