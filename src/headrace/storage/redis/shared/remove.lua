-- uses: events state retain leave keys
-- Removal by hand, which is an event; what has not finished takes its dedup key along.

-- First all leave their states, so that none of them is released by the end of another.
local function drop(jobs, now)
  for _, job in ipairs(jobs) do
    emit(job.K, 'removed', job.id, 'prev', word_of(job.state))
    if job.state ~= 'completed' and job.state ~= 'failed' then
      lose_key(job)
    end
    leave(job.K, job.id, job.state)
    strike(job.K, job.id)
  end
  for _, job in ipairs(jobs) do
    erase(job.K, job.id, now)
  end
end
