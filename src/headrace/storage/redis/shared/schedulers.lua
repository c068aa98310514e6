-- BullMQ's job schedulers: `K repeat` has the next slot of each, `K repeat:<id>` is its hash, `repeat:<id>:<slot>` the id of
-- the job of a slot, which has the scheduler's id in `rjk`. A worker that claims the job of the present slot adds that
-- of the next one.

-- The id and the present slot of the scheduler whose chain a job is; nothing if that was taken away or has gone on.
local function scheduler_of(K, id)
  local rjk = string.sub(id, 1, 7) == 'repeat:' and redis.call('HGET', K .. id, 'rjk')
  local slot = rjk and redis.call('ZSCORE', K .. 'repeat', rjk)
  if slot and id == 'repeat:' .. rjk .. ':' .. slot then
    return rjk, slot
  end
end

-- {queue, job id, scheduler's id, slot, every, offset, opts} of a job that was claimed, if a job of the next slot is due.
local function chain_of(K, queue, id, opts)
  local rjk, slot = scheduler_of(K, id)
  local found = rjk and redis.call('HMGET', K .. 'repeat:' .. rjk, 'ic', 'every', 'offset')
  if found and found[1] then -- else it is a repeatable job of BullMQ 5, which Node does not go on with either
    return { queue, id, rjk, slot, found[2], found[3], opts or '' }
  end
end
