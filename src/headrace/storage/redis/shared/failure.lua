-- Failed attempts: BullMQ's array of texts, and our history beside it, a JSON object a line.

local HISTORY_MAX = 20

local function stack_with(stack, trace)
  local is_read, traces = pcall(cjson.decode, stack or '')
  if not is_read or type(traces) ~= 'table' then
    traces = {}
  end
  traces[#traces + 1] = trace
  while #traces > HISTORY_MAX do
    table.remove(traces, 1)
  end
  return cjson.encode(traces)
end

-- A failure as Python wrote it, with the instant at which it is stored.
local function stamped(failure, now)
  return string.sub(failure, 1, -2) .. ',"at":' .. now .. '}'
end

-- A line can be dropped without reading it.
local function history_with(history, line)
  if not history then
    return line
  end
  local _, breaks = string.gsub(history, '\n', '')
  if breaks + 1 >= HISTORY_MAX then
    history = string.sub(history, string.find(history, '\n', 1, true) + 1)
  end
  return history .. '\n' .. line
end
