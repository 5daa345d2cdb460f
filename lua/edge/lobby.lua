--[[
Keep what the origin said to a report: a lobby that was not there begins, and arrivals up to the
reported count are safe. Safe to repeat and to come late.

KEYS[1]  gate:{<sale>}:lobby  see places.lua
ARGV     continue_above, count, now, keep_ms
Reply    { kept }
]]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'floor', ARGV[1], 'arrivals', ARGV[1], 'reported', ARGV[1],
    'reported_at', ARGV[3])
end
local reported, arrivals = unpack(redis.call('HMGET', KEYS[1], 'reported', 'arrivals'))
-- A report from before a loss says nothing of the arrivals since.
local count = math.min(tonumber(ARGV[2]), tonumber(arrivals))
redis.call('HSET', KEYS[1], 'reported', math.max(tonumber(reported), count))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return { 'kept' }
