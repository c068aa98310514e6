-- uses: drained
-- flags: allow-oom
-- A Settle and a Claim that a worker asks for at the same time, in this order.
--
-- ARGV: prefix, now or '', then the rest of Settle, then the rest of Claim. Answer: that of Settle, that of Claim.

local settled, claimed = run_settle(ARGV, 2, true), run_claim(ARGV, 3)
tell_drained()
return { settled, claimed }
