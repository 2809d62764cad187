-- The end of one admission: the tokens used replace the tokens reserved. Sent twice, it counts once.
--
-- KEYS  log, sums: as in admit.lua
-- ARGV  id, reserved, used (-1: not an admission after all, remove it), age (microseconds since an admission that was
--       decided without Redis and is entered now; -1: Redis decided it), horizon (microseconds)
local log, sums = KEYS[1], KEYS[2]
local id, reserved, used = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local age, horizon = tonumber(ARGV[4]), tonumber(ARGV[5])

local function whole(number) return string.format('%.0f', number) end

if redis.call('EXISTS', log) == 0 then redis.call('DEL', sums) end -- as in admit.lua

local entry = id .. ':' .. whole(reserved)
local at = redis.call('ZSCORE', log, entry)
if at then
  redis.call('ZREM', log, entry)
else
  if age < 0 or age >= horizon or redis.call('ZSCORE', log, id .. ':' .. whole(used)) then return 0 end
  local clock = redis.call('TIME')
  at, reserved = whole(clock[1] * 1000000 + clock[2] - age), 0
end

if used >= 0 then
  redis.call('ZADD', log, at, id .. ':' .. whole(used))
  redis.call('PEXPIRE', log, math.ceil(horizon / 1000))
end
-- Without sums, the next decision adds up the log again; an admission that was released is in no sum.
local known = redis.call('HMGET', sums, 'held', 'until')
if known[1] and tonumber(at) > tonumber(known[2]) then
  redis.call('HINCRBY', sums, 'held', whole(math.max(used, 0) - reserved))
end
return 1
