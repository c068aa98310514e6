-- How many jobs of a queue are in each state, in the order of core.jobs.STATES.

local function counts_of(K)
  return {
    redis.call('LLEN', K .. 'wait'), redis.call('ZCARD', K .. 'prioritized'), redis.call('ZCARD', K .. 'delayed'),
    redis.call('LLEN', K .. 'active'), redis.call('ZCARD', K .. 'waiting-children'),
    redis.call('ZCARD', K .. 'completed'), redis.call('ZCARD', K .. 'failed'),
  }
end
