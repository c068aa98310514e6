-- Whether a queue is as most are: no job is delayed, it does not rest, its starts are not counted, and Node looks for no
-- lost jobs in it and keeps no metrics. One question for the whole command, where there would be one for each of these.

local usual = {} -- by queue key

local function is_usual(K)
  if usual[K] == nil then
    usual[K] = redis.call('EXISTS', K .. 'delayed', K .. 'limiter', K .. 'stalled', K .. 'metrics:completed',
      K .. 'metrics:failed') == 0
  end
  return usual[K]
end

-- Whoever gives a queue one of these says so.
local function make_unusual(K)
  usual[K] = false
end
