-- uses: clock queues record order line
-- flags: no-writes
-- Find: a page of the jobs of a queue in one state.
--
-- ARGV: prefix, now or '', queue, state, how many are looked at, order, as MessagePack the place behind which: nil, or
-- [first, second] of the job seen last, or in a `line` [how many were seen, the ids of those seen last].
-- The order is `line` (waiting), `lease` (active), `set` or `added`.
-- Answer: {now, 1 if there are more, rows}; a row is {id, first, second, record}

local K, state, wanted, order = queue_key(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]
local now, after = clock(ARGV[2]), cmsgpack.unpack(ARGV[7])

local function page()
  if (state == 'waiting' or state == 'prioritized') and order ~= 'added' and limits_of(K).per_key then
    local last = after and type(after[2]) == 'table' and after[2][#after[2]] or after and after[2]
    return behind_in_lines(K, state, after and { after[1], last }, wanted)
  end
  if order == 'line' then
    return behind_in_line(K, after and seen_in_line(K, after[2], after[1]) or 0, wanted)
  elseif order == 'lease' then
    return behind_by_lease(K, after, wanted, now)
  elseif order == 'added' then
    return behind_as_added(K, state, after, wanted)
  end
  return behind_in_set(K, state, after, wanted, state == 'completed' or state == 'failed')
end

local found, rows = page(), {}
for i = 1, math.min(wanted, #found) do
  local first, second, id = unpack(found[i])
  local record = record_of(K, id, now, state)
  if record then -- else somebody deleted the hash
    rows[#rows + 1] = { id, first, second, record }
  end
end
return { now, #found > wanted and 1 or 0, rows }
