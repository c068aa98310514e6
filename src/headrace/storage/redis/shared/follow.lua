-- uses: queues
-- Who follows whom. Nothing of it stands in BullMQ's `:dependencies`: what removes a job deletes those.
--
-- `prefix~:<queue>:<id>:follows` of a follower is a hash: of the key of each job that it follows the edge, as MessagePack
-- [place, bond, name, mark, value]; the mark is `pending`, or what has come of it: `result`, `reason`, `failed`. A retried
-- follower has as the value of a pending one the `finishedOn` of the failure that it knows.
-- `prefix~:<queue>:<id>:followers` of a job is a sorted set: the keys of its followers, in the order of their adds.
-- The field `hrm` of a follower says how many jobs it waits for, `hrq` of a job that it is followed: who has neither
-- costs no look. `prefix~::followed` has the keys of all that are followed, by when `Recover` looks at them again.

local PLACE, BOND, NAME, MARK, VALUE = 1, 2, 3, 4, 5
local FOLLOWED = ARGV[1] .. '~::followed'

local function ties_key(key, word)
  return ARGV[1] .. '~' .. string.sub(key, #ARGV[1] + 1) .. ':' .. word
end

-- Nothing if the follower is gone.
local function edge_between(follower_key, key)
  local edge = redis.call('HEXISTS', follower_key, 'hrm') == 1 and redis.call('HGET', ties_key(follower_key, 'follows'), key)
  return edge and cmsgpack.unpack(edge)
end

local function mark_edge(follower_key, key, edge, mark, value)
  if (edge[MARK] == 'pending') ~= (mark == 'pending') then
    redis.call('HINCRBY', follower_key, 'hrm', mark == 'pending' and 1 or -1)
  end
  edge[MARK], edge[VALUE] = mark, value
  redis.call('HSET', ties_key(follower_key, 'follows'), key, cmsgpack.pack(edge))
end

-- The job is followed no more by this one.
local function let_go(follower_key, key)
  local followers = ties_key(key, 'followers')
  if redis.call('ZREM', followers, follower_key) == 1 and redis.call('EXISTS', followers) == 0 then
    redis.call('HDEL', key, 'hrq')
    redis.call('ZREM', FOLLOWED, key)
  end
end

local function cut_edge(follower_key, key, edge)
  redis.call('HDEL', ties_key(follower_key, 'follows'), key)
  if edge[MARK] == 'pending' then
    redis.call('HINCRBY', follower_key, 'hrm', -1)
  end
  let_go(follower_key, key)
end

-- The job goes, and follows nobody any more.
local function unfollow(key)
  local follows = ties_key(key, 'follows')
  for _, followed_key in ipairs(redis.call('HKEYS', follows)) do
    let_go(key, followed_key)
  end
  redis.call('DEL', follows)
end

-- One that Node has removed is found here, and forgotten.
local function followers_of(key)
  local there = {}
  for _, follower_key in ipairs(redis.call('ZRANGE', ties_key(key, 'followers'), 0, -1)) do
    if redis.call('HEXISTS', follower_key, 'hrm') == 1 then
      there[#there + 1] = follower_key
    else
      unfollow(follower_key)
    end
  end
  return there
end

local has_followed -- whether any job of the store is followed; looked up once a command, where a child is added

-- Lets one job wait for another that is not its child; the first bond stays. Ties of jobs with these ids that Node removed
-- are forgotten.
local function follow(follower_key, key, bond, now)
  local followers, follows = ties_key(key, 'followers'), ties_key(follower_key, 'follows')
  local name, is_followed = unpack(redis.call('HMGET', key, 'name', 'hrq'), 1, 2)
  if redis.call('HEXISTS', follower_key, 'hrm') == 0 then
    redis.call('DEL', follows)
  end
  if not is_followed then
    redis.call('DEL', followers)
    redis.call('HSET', key, 'hrq', 1)
  elseif redis.call('HEXISTS', follows, key) == 1 then
    return
  end
  local last = redis.call('ZRANGE', followers, -1, -1, 'WITHSCORES')
  redis.call('ZADD', followers, (tonumber(last[2]) or 0) + 1, follower_key)
  redis.call('ZADD', FOLLOWED, now, key)
  has_followed = true
  local place = redis.call('HINCRBY', follower_key, 'hrk', 1)
  mark_edge(follower_key, key, { place, bond, name or '' }, 'pending')
end

local function is_waiting(key)
  local queue, id = ref_of(key)
  return redis.call('ZSCORE', queue_key(queue) .. 'waiting-children', id)
end

-- A new child: who waits for the end of its parent, and of all below that, waits for it too.
local function follow_below(parent_key, key, now)
  if has_followed == nil then
    has_followed = redis.call('EXISTS', FOLLOWED) == 1
  end
  if not has_followed or redis.call('HEXISTS', parent_key, 'hrq') == 0 then
    return
  end
  for _, follower_key in ipairs(followers_of(parent_key)) do
    local edge = edge_between(follower_key, parent_key)
    if edge and edge[BOND] == 'finally' and is_waiting(follower_key) then
      follow(follower_key, key, 'finally', now)
    end
  end
end
