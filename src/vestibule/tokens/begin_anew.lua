-- KEYS: since when each node remembers, in milliseconds. From now on.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
for _, key in ipairs(KEYS) do
  redis.call('SET', key, now)
end
return 0
