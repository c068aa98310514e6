-- uses: clock queues record
-- Get: the whole records of some jobs.
--
-- ARGV: prefix, now or '', [queue, id] of each job as MessagePack. Answer: for each job its record, or false.

local now = clock(ARGV[2])
local records = {}
for i, ref in ipairs(cmsgpack.unpack(ARGV[3])) do
  records[i] = record_of(queue_key(ref[1]), ref[2], now)
end
return records
