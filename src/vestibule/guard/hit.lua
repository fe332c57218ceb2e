-- KEYS: counters. ARGV: the time or '', then limit and window for each.
-- Counts one after the other, and stops at the first that is past its limit.
-- Returns count and milliseconds until the end of its window for each that was counted.
local now = now_of(ARGV[1])
local result = {}
for i, key in ipairs(KEYS) do
  local count, left = hit(key, tonumber(ARGV[2 * i + 1]), now)
  result[2 * i - 1], result[2 * i] = count, left
  if count > tonumber(ARGV[2 * i]) then
    break
  end
end
return result
