-- uses: clock queues record fingerprint
-- flags: no-writes
-- Get: the whole records of some jobs.
--
-- ARGV: prefix, now or '', [queue, id] of each job as MessagePack [, anything: with fingerprints].
-- Answer: for each job its record, or false; with fingerprints {now, the records, the fingerprints}

local now, is_marked = clock(ARGV[2]), ARGV[4] ~= nil
local records = {}
local marks = {}
for i, ref in ipairs(cmsgpack.unpack(ARGV[3])) do
  local K, id = queue_key(ref[1]), ref[2]
  records[i] = record_of(K, id, now)
  marks[i] = is_marked and fingerprint_of(K, id)
end
return is_marked and { now, records, marks } or records
