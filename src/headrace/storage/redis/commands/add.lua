-- uses: adding plain
-- Add: new jobs and whole flows, all or none; and the Adds of others who asked at the same time, each for itself.
--
-- ARGV: prefix, now or '', then four for each Add, see shared/requests. Answer: those of the Adds, see shared/adding, or
-- the id alone of a job of which there is no more to say.

local requests = requests_in(3, #ARGV)
local answers = {}
local at = 1
while at <= #requests do
  local K = queue_of_plain(requests[at])
  local last = K and at < #requests and end_of_plain(requests, at, K) or at
  if K then
    add_plain(requests, at, last, K, answers, now)
  else
    answers[at] = add(requests[at])
  end
  at = last + 1
end
line_up()
trim_events()
wake()
return answers
