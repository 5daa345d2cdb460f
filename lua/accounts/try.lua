--[[
Let a try through and count it, or say how long to wait. It counts as wrong from the start, so that
many at once are no way around; who was right takes it back.

KEYS[1]  tries:{<kind>}       who -> "<wrong>:<free_at_ms>:<counted_to_ms>"
KEYS[2]  tries:{<kind>}:last  who -> when they last tried, ms
ARGV     who, now, free, wait_ms, wait_ms_max, forget_ms, who_max
Reply    { go, wrong } | { wait, wait_ms }
]]
local who, now, free = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local forget = tonumber(ARGV[6])

local kept = redis.call('HGET', KEYS[1], who) or ''
local wrong, free_at, counted_to = string.match(kept, '^(%d+):(%d+):(%d+)$')
wrong, free_at = tonumber(wrong or 0), tonumber(free_at or 0)
counted_to = tonumber(counted_to or now)
if now < free_at then return { 'wait', free_at - now } end

-- One is forgotten each `forget_ms`.
local forgotten = math.max(math.floor((now - counted_to) / forget), 0)
counted_to = counted_to + forgotten * forget
wrong = math.max(wrong - forgotten, 0) + 1
free_at = 0
if wrong >= free then
  local doubled = tonumber(ARGV[4]) * 2 ^ math.min(wrong - free, 30)
  free_at = now + math.min(doubled, tonumber(ARGV[5]))
end

redis.call('HSET', KEYS[1], who, string.format('%.0f:%.0f:%.0f', wrong, free_at, counted_to))
redis.call('ZADD', KEYS[2], now, who)
local extra = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[7])
if extra > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[2], math.min(extra, 100))
  for i = 1, #oldest, 2 do redis.call('HDEL', KEYS[1], oldest[i]) end
end
-- Whoever is forgotten after this time has nothing left to be forgotten.
redis.call('PEXPIRE', KEYS[1], forget * 100)
redis.call('PEXPIRE', KEYS[2], forget * 100)
return { 'go', wrong }
