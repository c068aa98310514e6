-- What happened to a job, as our log tells it: a Change (core.log) as JSON.

local function change(state, was, cause)
  return '{"state":"' .. state .. '"' .. (was and ',"was":"' .. was .. '"' or '')
    .. (cause and ',"cause":"' .. cause .. '"' or '') .. '}'
end

-- Why a job failed, as far as BullMQ's text tells.
local function cause_of(reason)
  if reason == 'job stalled more than allowable limit' then
    return 'stalled'
  end
  if string.match(reason or '', '^not started within %S+ s$') then
    return 'expired'
  end
  return string.match(reason or '', '^child .+ failed$') and 'child-failed' or 'error'
end
