-- KEYS: what may be used once, and since when its node remembers. ARGV: milliseconds to remember.
-- Returns whether it never came before, and for how many milliseconds nothing was forgotten here.
local began = since(KEYS[2]) or begin(KEYS[2])
local first = redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1])
return {first and 1 or 0, now - tonumber(began)}
