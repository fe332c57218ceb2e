-- KEYS: counters. ARGV: the time or ''.
local now = now_of(ARGV[1])
for _, key in ipairs(KEYS) do
  local kept = redis.call('GET', key)
  if kept then
    local count, stop = string.match(kept, '^(%-?%d+) (%d+)$')
    if tonumber(stop) > now and tonumber(count) > 0 then
      redis.call('SET', key, string.format('%d %s', count - 1, stop), 'KEEPTTL')
    end
  end
end
return 0
