-- uses: adding plain
-- Add: new jobs and whole flows, all or none; and the Adds of others who asked at the same time, each for itself.
--
-- ARGV: prefix, now or '', then four for each Add, see shared/requests. Answer: those of the Adds, see shared/adding, or
-- the id alone of a job of which there is no more to say.

local requests = requests_in(3, #ARGV)
local answers = {}

-- Where those end that are as plain as the one at this place and of the same queue; each request once.
local function end_of_plain(from, K)
  local to, asked = from, {}
  while requests[to] and queue_of_plain(requests[to]) == K do
    local request = requests[to]
    if request.key and (asked[request.key] or request.answers[request.key]) then
      break
    end
    asked[request.key or ''] = request.key and true
    to = to + 1
  end
  return to - 1
end

local at = 1
while at <= #requests do
  local K = queue_of_plain(requests[at])
  local last = K and end_of_plain(at, K) or at - 1
  if last >= at then
    add_plain(requests, at, last, K, answers, now)
    at = last + 1
  else
    answers[at] = add(requests[at])
    at = at + 1
  end
end
line_up()
trim_events()
wake()
return answers
