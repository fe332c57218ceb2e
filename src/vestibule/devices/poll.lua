-- KEYS: a device login. ARGV: the time or '', its interval, how much longer who asks too often
-- must wait, the longest interval (seconds), and how many milliseconds to keep it.
-- Kept is "time interval". Returns whether it was asked too soon, and the interval from now on.
local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local interval, early = tonumber(ARGV[2]), 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local last, kept_interval = string.match(kept, '^(%d+) (%d+)$')
  interval = tonumber(kept_interval)
  if now - tonumber(last) < interval * 1000 then
    early, interval = 1, math.min(interval + tonumber(ARGV[3]), tonumber(ARGV[4]))
  end
end
redis.call('SET', KEYS[1], string.format('%.0f %d', now, interval), 'PX', ARGV[5])
return {early, interval}
