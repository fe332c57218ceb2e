-- A try at an account, from its start.
-- KEYS: the account's counter, the same for the network alone, the failures of the network, the
-- failures of all strangers; then counters that come first.
-- ARGV: the time or '', whether the network is known ('1', '0', or '' where that was not asked yet),
-- limit and window of the account, milliseconds after which failures are forgotten, the ladders of
-- network and account ("5 1 7 5 …": failures, seconds; '' for no delays); then limit and window of
-- each that comes first.
-- Returns count and milliseconds until the end of its window for each that came first and was
-- counted, and unless one was past its limit, what came of the try and milliseconds to wait.
local PASSED, ASK, NETWORK_DELAY, ACCOUNT_DELAY, ACCOUNT_LIMIT = 0, 1, 2, 3, 4
local now, known, forget = now_of(ARGV[1]), ARGV[2], tonumber(ARGV[5])
local result = {}

local function with(code, wait)
  result[#result + 1] = code
  result[#result + 1] = wait
  return result
end

local function failures(key)
  local count, under_way, last, last_failed = read(key)
  if not count or now - last >= forget then
    return 0, 0, now, 0
  end
  -- A clock that was set back must not make anybody wait longer.
  return count, under_way, math.min(last, now), math.min(last_failed, now)
end

local function wait_for(ladder, count, last)
  local delay = 0
  for failed, seconds in string.gmatch(ladder, '(%d+) (%d+)') do
    if count < tonumber(failed) then
      break
    end
    delay = tonumber(seconds)
  end
  return last + delay * 1000 - now
end

local function begin(key, count, under_way, last_failed)
  redis.call('SET', key, format(count + 1, under_way + 1, now, last_failed), 'PX', forget)
end

for i = 5, #KEYS do
  local count, left = hit(KEYS[i], tonumber(ARGV[2 * i - 1]), now)
  result[#result + 1] = count
  result[#result + 1] = left
  if count > tonumber(ARGV[2 * i - 2]) then
    return result
  end
end

local delays = ARGV[6] ~= ''
local count, under_way, last, last_failed
local all_count, all_under_way, all_last, all_last_failed
if delays then
  count, under_way, last, last_failed = failures(KEYS[3])
  local wait = wait_for(ARGV[6], count, last)
  if wait > 0 then
    return with(NETWORK_DELAY, wait)
  end
  if known ~= '1' then
    all_count, all_under_way, all_last, all_last_failed = failures(KEYS[4])
    wait = wait_for(ARGV[7], all_count, all_last)
    if wait > 0 then
      return with(known == '' and ASK or ACCOUNT_DELAY, wait)
    end
  end
end

local tries, left = hit(known == '1' and KEYS[2] or KEYS[1], tonumber(ARGV[4]), now)
if tries > tonumber(ARGV[3]) then
  return with(known == '' and ASK or ACCOUNT_LIMIT, left)
end

if delays then
  begin(KEYS[3], count, under_way, last_failed)
  if known ~= '1' then
    begin(KEYS[4], all_count, all_under_way, all_last_failed)
  end
end
return with(PASSED, 0)
