-- uses: adding schedules state
-- Fire: the job of a slot and the step to the next slot, both or neither.
--
-- ARGV: as for Add, of the job, if there is a slot; and last, as MessagePack: name, the version that the schedule is to
-- have, the one that it had when the job was made, slot, next_at, and of its plan the overlap and the count. By hand no
-- version is asked for. What is not there is nil.
-- Answer: {'fired' [, queue, id]}, {'waiting'}, {code, …} of a refusal, or 'changed'.

local name, asked, seen, slot, next_at, overlap, count = unpack(cmsgpack.unpack(ARGV[#ARGV]), 1, 7)
local key = schedule_key(name)
local schedule = redis.call('HMGET', key, 'version', 'fired', 'job')
local version, fired = tonumber(schedule[1]), tonumber(schedule[2]) or 0

local function is_overlapping()
  local queue, id = string.match(schedule[3] or '', '^([^:]*):(.*)$')
  local state = queue and state_of(queue_key(queue), id)
  return state and state ~= 'completed' and state ~= 'failed'
end

local function pass_over(skipped)
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('HINCRBY', key, 'skipped', skipped)
  aim_at(name, next_at)
  return { 'fired' }
end

local function step(queue, id)
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('HSET', key, 'job', queue .. ':' .. id)
  if asked then
    redis.call('HSET', key, 'fired', fired + 1, 'slot_at', slot)
    aim_at(name, (not count or fired + 1 < count) and next_at or nil)
  end
end

if version ~= seen then
  return 'changed'
end
if not version then
  return { 'no-such-schedule' }
end
if asked and asked ~= version then
  return { 'schedule-changed' }
end
if asked and not slot then
  return pass_over(0)
end
if asked and overlap ~= 'allow' and is_overlapping() then
  return overlap == 'queue' and { 'waiting' } or pass_over(1)
end
local request = requests_in(3, 6)[1]
local answer = add(request)
line_up()
trim_events()
wake()
if answer[1] ~= 'ok' then
  return answer
end
local id = answer[2][1]
if not id then
  return { 'fired' } -- the request was answered before, and that had none
end
local queue = answer[4] and answer[4][1] or request.jobs[1][1] -- of what was answered before, as the plan was then
step(queue, id)
return { 'fired', queue, id }
