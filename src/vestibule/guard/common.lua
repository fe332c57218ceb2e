-- Milliseconds since the epoch: by the clock of Redis, so that instances with wrong ones agree,
-- or as they were given.
local function now_of(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Count one. A counter is kept as "count end-of-window". Returns the count, and milliseconds
-- until the window ends.
local function hit(key, window, now)
  local count, stop = 0, now + window
  local kept = redis.call('GET', key)
  if kept then
    local kept_count, kept_stop = string.match(kept, '^(%-?%d+) (%d+)$')
    kept_stop = tonumber(kept_stop)
    -- A window that ends later than one that begins now is of a clock that was set back, or
    -- of a rate that was changed.
    if kept_stop > now and kept_stop <= stop then
      count, stop = tonumber(kept_count), kept_stop
    end
  end
  count = count + 1
  redis.call('SET', key, string.format('%d %.0f', count, stop), 'PX', stop - now)
  return count, stop - now
end

-- The failures under a key: how many with those under way, how many are under way, when the
-- last began, when the last began of which it is known that it failed.
local function read(key)
  local kept = redis.call('GET', key)
  if not kept then
    return nil
  end
  local count, under_way, last, last_failed = string.match(kept, '^(%d+) (%d+) (%d+) (%d+)$')
  return tonumber(count), tonumber(under_way), tonumber(last), tonumber(last_failed)
end

local function format(count, under_way, last, last_failed)
  return string.format('%d %d %.0f %.0f', count, under_way, last, last_failed)
end
