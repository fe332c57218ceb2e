-- KEYS: what may be used once, and since when its node remembers. ARGV: milliseconds to remember.
-- Returns whether it never came before, and for how many milliseconds nothing was forgotten here.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- What another run of the server has written may be all that is left of it.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or 'any'
local since = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) ' .. run .. '$')
if not since then
  since = string.format('%.0f', now)
  redis.call('SET', KEYS[2], since .. ' ' .. run)
end
local first = redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1])
return {first and 1 or 0, now - tonumber(since)}
