-- uses: numbering
-- flags: allow-oom
-- Trim: remove all but the newest entries of a channel.
--
-- ARGV: prefix, now or '', channel, how many stay. Answer: how many went.

number(ARGV[3])
return redis.call('XTRIM', log_key(ARGV[3]), 'MAXLEN', ARGV[4])
