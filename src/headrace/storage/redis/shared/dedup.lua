-- uses: keys store state
-- When a dedup key ends with its job, and what is added then.

-- The dedup options of a job, from the JSON in `opts`: those of BullMQ, and `forever`.
local function dedup_of(opts)
  local is_read, options = pcall(cjson.decode, opts or '')
  return is_read and type(options) == 'table' and options, is_read and type(options.de) == 'table' and options.de
end

-- A key is given to a job that was added with it, unless somebody has it.
local function take_key(queue, deid, id, ttl, is_forever, now)
  if not taken_key(queue, deid, now) then
    give_key(queue, deid, id, ttl and ttl > 0 and now + ttl, is_forever, now)
  end
end

-- A duplicate that came last while the owner ran. A job without an id of its own has had its number since it was kept.
local function store_kept(K, queue, deid, flat, now)
  local kept = {}
  for i = 1, #flat, 2 do
    kept[flat[i]] = flat[i + 1]
  end
  local options, dedup = dedup_of(kept.opts)
  options, dedup = options or {}, dedup or {}
  local id = kept.jid
  if redis.call('EXISTS', K .. id) == 1 then
    return
  end
  local is_named = options.jobId ~= nil
  local job = { queue, is_named and id or nil, kept.name, kept.data, kept.opts }
  job[6], job[7], job[8] = tonumber(options.priority) or 0, tonumber(options.delay) or 0, options.lifo == true
  job[EXPIRES], job[WHY], job[DEDUP] = tonumber(options.expires_ms), kept.hre, { deid }
  store_job(K, id, job, is_named and redis.call('INCR', K .. 'id') or id, now)
  if kept.pk then -- Node keeps children too
    redis.call('HSET', K .. id, 'parentKey', kept.pk, 'parent', kept.pd or '{}')
    redis.call('SADD', kept.pdk or kept.pk .. ':dependencies', K .. id)
  end
  take_key(queue, deid, id, tonumber(dedup.ttl), dedup.forever, now)
end

-- A job has finished. What lasts until then is free, and what was kept is added.
local function end_key(K, queue, id, deid, now)
  local de = K .. 'de:' .. deid
  if redis.call('GET', de) ~= id or redis.call('HGET', ours_of(queue, 'ever'), deid) == id
    or end_of_key(queue, deid, now) then
    return
  end
  local kept = redis.call('HGETALL', K .. 'dn:' .. deid)
  redis.call('DEL', de, K .. 'dn:' .. deid)
  if #kept > 0 then
    store_kept(K, queue, deid, kept, now)
  end
end

-- A finished job is tried again: until it has finished once more it has its key, if nobody else has.
local function retake_key(job, now)
  local deid, opts = unpack(redis.call('HMGET', job.key, 'deid', 'opts'), 1, 2)
  local _, dedup = dedup_of(deid and opts)
  if dedup and not dedup.forever and (tonumber(dedup.ttl) or 0) == 0 then
    take_key(job.queue, deid, job.id, nil, false, now)
  end
end
