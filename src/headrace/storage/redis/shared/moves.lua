-- Topics without a stream of their own move by one that keeps its newest entry only, `prefix~::moves:<topic>`: whoever
-- waits reads it from where he stood.

local function moved(topic)
  redis.call('XADD', ARGV[1] .. '~::moves:' .. topic, 'MAXLEN', 1, '*', 'at', '')
end
