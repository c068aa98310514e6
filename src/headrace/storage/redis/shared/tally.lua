-- Tallies: what finished in a minute, by task name, in a hash `prefix~:<queue>:tally:<minute>` that goes by itself.
--
-- Its fields: `<number> <name>` counts jobs with the same target, bucket of the wait and bucket of the run, which make
-- the number: 1024 if they failed, and 32 times the first bucket, and the second. `=<name>` is there for each name, `#`
-- counts them. A command adds up in Lua and writes each sum once.

local NAMES_MAX = 50 -- counted apart; the others share the name ''
local KEPT_MS = (24 * 60 + 2) * 60000
local LONGEST = 1073741824 -- 2^30: the last bucket begins here
local FAILED = 1024
local BUCKETS = 32
local tallies = {} -- {queue, name, sum by number} in the order in which they came
local same_queue, same_name, same_sums -- those of the job before: mostly the next has them too

-- The bucket of a span, as in core.tallies.
local function bucket(ms)
  if ms <= 0 then return 0 end
  if ms >= LONGEST then return 31 end
  local _, bits = math.frexp(ms)
  return bits
end

local function sums_of(queue, name)
  for i = 1, #tallies do
    if tallies[i][1] == queue and tallies[i][2] == name then
      return tallies[i][3]
    end
  end
  local sums = {}
  tallies[#tallies + 1] = { queue, name, sums }
  return sums
end

local function tally(queue, name, target, wait, ran_ms)
  if queue ~= same_queue or name ~= same_name then
    same_queue, same_name, same_sums = queue, name, sums_of(queue, name)
  end
  local number = (target == 'failed' and FAILED or 0) + BUCKETS * wait + bucket(ran_ms)
  same_sums[number] = (same_sums[number] or 0) + 1
end

-- A name that is not there yet is one more; whether that is one too many.
local function is_beyond(key, name)
  if redis.call('HSETNX', key, '=' .. name, '') == 0 then
    return false
  end
  local names = redis.call('HINCRBY', key, '#', name == '' and 0 or 1)
  if redis.call('HLEN', key) == 3 then
    redis.call('PEXPIRE', key, KEPT_MS)
  end
  if names > NAMES_MAX then
    redis.call('HINCRBY', key, '#', -1)
    redis.call('HDEL', key, '=' .. name)
  end
  return names > NAMES_MAX
end

local function add_up(key, name, number, sum)
  local field = number .. ' ' .. name
  if redis.call('HINCRBY', key, field, sum) == sum and is_beyond(key, name) then
    redis.call('HDEL', key, field)
    add_up(key, '', number, sum)
  end
end

-- Once at the end of a command.
local function write_tallies(now)
  local minute = math.floor(now / 60000)
  for i = 1, #tallies do
    local queue, name, sums = unpack(tallies[i], 1, 3)
    local key = ARGV[1] .. '~:' .. queue .. ':tally:' .. minute
    for number, sum in pairs(sums) do
      add_up(key, name, number, sum)
    end
  end
end
