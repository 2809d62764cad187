-- One decision about one caller, in one atomic step; window.py explains the rules.
-- The clock is Redis's own, so workers on several machines need not agree on the time, and none can be ahead.
--
-- KEYS  log: sorted set of "id:tokens" by time of admission; sums: hash of the tokens held in the window, and the
--       time until which admissions have been released
-- ARGV  id (empty: only read), requests, window, hourly, hour, tokens, requested tokens; times in microseconds
local log, sums = KEYS[1], KEYS[2]
local id = ARGV[1]
local most_requests, window = tonumber(ARGV[2]), tonumber(ARGV[3])
local most_hourly, hour = tonumber(ARGV[4]), tonumber(ARGV[5])
local most_tokens, asked = tonumber(ARGV[6]), tonumber(ARGV[7])
local horizon = math.max(window, hour)
local NEVER, STEP = -1, 64

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function whole(number) return string.format('%.0f', number) end

local function tokens_of(entry) return tonumber(string.match(entry, '%d+$')) end

local function total(after, up_to)
  local sum = 0
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', log, '(' .. after, up_to)) do sum = sum + tokens_of(entry) end
  return sum
end

local function count(span) return redis.call('ZCOUNT', log, '(' .. whole(now - span), '+inf') end

local function until_leaves(rank, span) return redis.call('ZRANGE', log, rank, rank, 'WITHSCORES')[2] + span - now end

-- The log is the truth. A full Redis (volatile-lru) may drop it and keep its sums, and then they say nothing.
if redis.call('EXISTS', log) == 0 then redis.call('DEL', sums) end

-- Tokens: subtract those that left the window since the last decision. A clock set back releases nothing twice.
local known = redis.call('HMGET', sums, 'held', 'until')
local edge, held = now - window, 0
if known[1] then
  edge = math.max(edge, tonumber(known[2]))
  held = known[1] - total(known[2], whole(edge))
else
  held = total(whole(edge), '+inf')
end

local requests, hourly = count(window), count(hour)

local function wait_for_tokens()
  if asked > most_tokens then return NEVER end
  local missing = held + asked - most_tokens
  if missing <= 0 then return 0 end
  for first = -requests, -1, STEP do
    local entries = redis.call('ZRANGE', log, first, math.min(first + STEP - 1, -1), 'WITHSCORES')
    for i = 1, #entries, 2 do
      missing = missing - tokens_of(entries[i])
      if missing <= 0 then return entries[i + 1] + window - now end
    end
  end
  return window
end

local wait_requests = requests >= most_requests and until_leaves(-most_requests, window) or 0
local wait_hourly = hourly >= most_hourly and until_leaves(-most_hourly, hour) or 0
local wait_tokens = wait_for_tokens()

-- region: admit-in-redis
if id ~= '' and wait_requests == 0 and wait_hourly == 0 and wait_tokens == 0 then
  redis.call('ZREMRANGEBYSCORE', log, '-inf', whole(now - horizon))
  redis.call('ZADD', log, whole(now), id .. ':' .. whole(asked))
  redis.call('PEXPIRE', log, math.ceil(horizon / 1000))
  held, requests, hourly = held + asked, requests + 1, hourly + 1
end
-- endregion: admit-in-redis
if hourly > 0 then
  redis.call('HSET', sums, 'held', whole(held), 'until', whole(edge))
  redis.call('PEXPIRE', sums, math.ceil(horizon / 1000))
end

return {
  requests, hourly, held, wait_requests, wait_hourly, wait_tokens,
  requests > 0 and until_leaves(-requests, window) or 0,
  hourly > 0 and until_leaves(-hourly, hour) or 0,
  hourly > 0 and horizon - until_leaves(-1, horizon) or horizon,
}
