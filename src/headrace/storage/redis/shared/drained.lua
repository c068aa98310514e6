-- uses: events
-- A queue is drained when its last job has finished and none waits. Who takes the next job in the same call spares the look.

local finishing = {} -- queue keys in which jobs finished, and of which we do not know that others are active

local function tell_drained()
  for K in pairs(finishing) do
    if redis.call('EXISTS', K .. 'wait', K .. 'prioritized', K .. 'active') == 0 then
      tell(K, 'event', 'drained')
    end
    finishing[K] = nil
  end
end
