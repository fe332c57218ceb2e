-- How a try at an account ended.
-- KEYS: the failures of the network, those of all strangers.
-- ARGV: 'succeeded', 'failed' or 'abandoned'; '1' where the network is known.
local outcome, known = ARGV[1], ARGV[2] == '1'

local function failed(key)
  local count, under_way, last = read(key)
  if count then
    redis.call('SET', key, format(count, math.max(0, under_way - 1), last, last), 'KEEPTTL')
  end
end

local function take_back(key)
  local count, under_way, last, last_failed = read(key)
  if not count then
    return
  end
  count, under_way = count - 1, math.max(0, under_way - 1)
  if count <= 0 then
    redis.call('DEL', key)
    return
  end
  -- What did not happen must leave no delay behind.
  if under_way == 0 then
    last = last_failed
  end
  redis.call('SET', key, format(count, under_way, last, last_failed), 'KEEPTTL')
end

if outcome == 'failed' then
  failed(KEYS[1])
  if not known then
    failed(KEYS[2])
  end
else
  if outcome == 'succeeded' then
    redis.call('DEL', KEYS[1])
  else
    take_back(KEYS[1])
  end
  if not known then
    take_back(KEYS[2])
  end
end
return 0
