-- uses: clock queues record family followed
-- flags: no-writes
-- Tree: a job with its descendants, each followed by its own children.
--
-- ARGV: prefix, now or '', queue, id, depth, limit. Answer: rows, one more than the limit if there are more:
-- {queue, id, name, parent's queue, parent's id, depth, record or false, 1 if pending, value or false, ignored or false,
-- 1 if followed}

local now = clock(ARGV[2])
local depth_max, limit = tonumber(ARGV[5]), tonumber(ARGV[6])
local rows = {}

local function row(job, parent, depth)
  local record = job.is_there and record_of(job.K, job.id, now)
  local name = job.name or redis.call('HGET', job.key, 'name') or ''
  rows[#rows + 1] = {
    job.queue, job.id, name, parent and parent.queue or '', parent and parent.id or '', depth, record,
    job.is_pending and 1 or 0, job.value or false, job.ignored or false, job.is_followed and 1 or 0,
  }
  return record
end

local K = queue_key(ARGV[3])
local root = { key = K .. ARGV[4], K = K, queue = ARGV[3], id = ARGV[4], is_there = true }
local waiting = { { root, nil, 0 } }
while #waiting > 0 and #rows <= limit do
  local job, parent, depth = unpack(table.remove(waiting), 1, 3)
  local record = row(job, parent, depth)
  if not record and not parent then
    return {}
  end
  local children = record and not job.is_followed and depth < depth_max and waited_for(job.key) or {}
  for i = #children, 1, -1 do
    waiting[#waiting + 1] = { children[i], job, depth + 1 }
  end
end
return rows
