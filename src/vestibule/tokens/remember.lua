-- KEYS: what may be used once, and since when its node remembers. ARGV: milliseconds to remember.
-- Returns whether it never came before, and for how many milliseconds nothing was forgotten here.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local since = redis.call('GET', KEYS[2])
if not since then
  since = string.format('%.0f', now)
  redis.call('SET', KEYS[2], since)
end
local first = redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1])
return {first and 1 or 0, now - tonumber(since)}
