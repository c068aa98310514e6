-- Tallies: what finished in a minute, by task name, in a hash `prefix~:<queue>:tally:<minute>` that goes by itself.
--
-- Its fields: `#` counts the names; `c` and a name count completed jobs, `f` failed ones; `w`, a bucket, a blank and a
-- name count waits, `r` runs. A command adds up in Lua and writes each sum once.

local NAMES_MAX = 50 -- counted apart; the others share the name ''
local KEPT_MS = (24 * 60 + 2) * 60000
local LONGEST = 1073741824 -- 2^30: the last bucket begins here
local tallies, tallied = {}, {} -- by queue, then name; the queues in their order
local same_queue, same_name, same_sums -- those of the job before: mostly the next has them too

-- The bucket of a span, as in core.tallies.
local function bucket(ms)
  if ms <= 0 then return 0 end
  if ms >= LONGEST then return 31 end
  local _, bits = math.frexp(ms)
  return bits
end

local function sums_of(queue, name)
  local names = tallies[queue]
  if not names then
    names = { order = {}, sums = {} }
    tallies[queue], tallied[#tallied + 1] = names, queue
  end
  local sums = names.sums[name]
  if not sums then
    sums = { name = name, completed = 0, failed = 0, w = {}, r = {} }
    names.sums[name], names.order[#names.order + 1] = sums, sums
  end
  return sums
end

local function tally(queue, name, target, wait, ran_ms)
  if queue ~= same_queue or name ~= same_name then
    same_queue, same_name, same_sums = queue, name, sums_of(queue, name)
  end
  local sums = same_sums
  sums[target] = sums[target] + 1
  sums.w[wait] = (sums.w[wait] or 0) + 1
  local run = bucket(ran_ms)
  sums.r[run] = (sums.r[run] or 0) + 1
end

local function add_up(key, name, sums)
  if sums.failed > 0 then
    redis.call('HINCRBY', key, 'f' .. name, sums.failed)
  end
  for _, kind in ipairs({ 'w', 'r' }) do
    for number, count in pairs(sums[kind]) do
      redis.call('HINCRBY', key, kind .. number .. ' ' .. name, count)
    end
  end
end

-- Counts what has completed. A name that was not there yet is one more, unless there are too many: then it has none.
local function counted_as(key, sums)
  local field = 'c' .. sums.name
  if redis.call('HSETNX', key, field, sums.completed) == 0 then
    redis.call('HINCRBY', key, field, sums.completed)
    return sums.name
  end
  local names = redis.call('HINCRBY', key, '#', sums.name == '' and 0 or 1)
  if redis.call('HLEN', key) == 2 then
    redis.call('PEXPIRE', key, KEPT_MS)
  end
  if names > NAMES_MAX then
    redis.call('HINCRBY', key, '#', -1)
    redis.call('HDEL', key, field)
    redis.call('HINCRBY', key, 'c', sums.completed)
    return ''
  end
  return sums.name
end

-- Once at the end of a command.
local function write_tallies(now)
  for _, queue in ipairs(tallied) do
    local key = string.format('%s~:%s:tally:%.0f', ARGV[1], queue, math.floor(now / 60000))
    for _, sums in ipairs(tallies[queue].order) do
      add_up(key, counted_as(key, sums), sums)
    end
  end
end
