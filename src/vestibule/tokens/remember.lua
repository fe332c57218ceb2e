-- KEYS: what may be used once, and since when its node remembers. ARGV, in milliseconds: until when to
-- remember, since the epoch; how long that is by the clock of whoever asks; how long at the most.
-- Returns whether it never came before, and for how many milliseconds nothing was forgotten here.
local began = since(KEYS[2]) or begin(KEYS[2])
-- For whoever asks it may soon be over where their clock is ahead, and not for the others.
local keep = math.min(math.max(ARGV[1] - now, ARGV[2]), ARGV[3])
local first = redis.call('SET', KEYS[1], '1', 'NX', 'PX', string.format('%.0f', keep))
return {first and 1 or 0, now - tonumber(began)}
