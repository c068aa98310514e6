-- uses: lines
-- How many jobs of a queue are in each state, in the order of core.jobs.STATES.

local function counts_of(K)
  local parked = ours_key(K, 'parked')
  return {
    redis.call('LLEN', K .. 'wait') + redis.call('ZCOUNT', parked, '-inf', '(' .. CLASS),
    redis.call('ZCARD', K .. 'prioritized') + redis.call('ZCOUNT', parked, CLASS, '+inf'), redis.call('ZCARD', K .. 'delayed'),
    redis.call('LLEN', K .. 'active'), redis.call('ZCARD', K .. 'waiting-children'),
    redis.call('ZCARD', K .. 'completed'), redis.call('ZCARD', K .. 'failed'),
  }
end
