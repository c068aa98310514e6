-- uses: drained
-- flags: allow-oom
-- A Settle and a Claim that a worker asks for at the same time, in this order.
--
-- ARGV: prefix, now or '', then the rest of Settle, then the rest of Claim. Answer: that of Claim, and at its end that of
-- Settle.

local settled, claimed = run_settle(ARGV, 2, true), run_claim(ARGV, 3, true)
tell_drained()
claimed[#claimed + 1] = settled
return claimed
