-- Since when a node remembers, in milliseconds, and in which run of the server: what another run has
-- written may be all that is left of it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or 'any'

local function since(key)
  return string.match(redis.call('GET', key) or '', '^(%d+) ' .. run .. '$')
end

local function begin(key)
  local moment = string.format('%.0f', now)
  redis.call('SET', key, moment .. ' ' .. run)
  return moment
end
