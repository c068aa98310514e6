-- uses: queues counts
-- flags: no-writes
-- Count: jobs by state, without looking at them.
--
-- ARGV: prefix, now or '', the queues as MessagePack. Answer: the counts of each.

local counted = {}
for i, queue in ipairs(cmsgpack.unpack(ARGV[3])) do
  counted[i] = counts_of(queue_key(queue))
end
return counted
