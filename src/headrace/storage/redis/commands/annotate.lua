-- uses: queues leased events fingerprint
-- Annotate: progress, log lines, notes and data of a job.
--
-- Python merges what is to be merged, as cjson would change numbers; a fingerprint says that the job is the one it saw.
-- ARGV: prefix, now or '', as MessagePack [queue, id, token or nil, fingerprint or '' if it was not there or nil if nobody
-- looked, refusal or nil, progress or nil],
-- [field, text, …], the lines, how many lines there are with those that are too many.
-- Answer: 'ok', 'lease-lost', 'no-such-job', 'changed' or the given refusal

local LINES_MAX = 1000

local job, fields = cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4])
local lines, count = cmsgpack.unpack(ARGV[5]), tonumber(ARGV[6])
local K, id, token, fingerprint, refusal, progress = queue_key(job[1]), job[2], job[3], job[4], job[5], job[6]
local key = K .. id

-- Node may have asked for fewer, with its option `keepLogs`.
local function lines_max()
  local opts = redis.call('HGET', key, 'opts') or ''
  if not string.find(opts, '"kl"', 1, true) then
    return LINES_MAX
  end
  local is_read, options = pcall(cjson.decode, opts)
  local asked = is_read and tonumber(options.kl) or 0
  return asked > 0 and math.min(asked, LINES_MAX) or LINES_MAX
end

-- `hrg` counts the lines that are gone, so that those which Node writes are counted too.
local function append()
  local most = lines_max()
  local gone = redis.call('LLEN', key .. ':logs') + count - most
  redis.call('RPUSH', key .. ':logs', unpack(lines))
  if gone > 0 then
    redis.call('LTRIM', key .. ':logs', -most, -1)
    redis.call('HINCRBY', key, 'hrg', gone)
  end
end

if token and not leased(K, id, token) then
  return 'lease-lost'
end
if redis.call('EXISTS', key) == 0 then
  return 'no-such-job'
end
if fingerprint and fingerprint ~= fingerprint_of(K, id) then
  return 'changed'
end
if refusal then
  return refusal
end
if #fields > 0 then
  redis.call('HSET', key, unpack(fields))
end
if #lines > 0 then
  append()
end
if progress then
  redis.call('HSET', key, 'progress', progress)
  emit(K, 'progress', id, 'data', progress)
  trim_events()
end
return 'ok'
