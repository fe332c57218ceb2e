-- KEYS: since when each node remembers, in milliseconds, and in which run of the server: from now
-- on. ARGV: 'again' where it begins anew even if this run has begun.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or 'any'
for _, key in ipairs(KEYS) do
  local begun = string.match(redis.call('GET', key) or '', '^%d+ ' .. run .. '$')
  if ARGV[1] == 'again' or not begun then
    redis.call('SET', key, now .. ' ' .. run)
  end
end
return 0
