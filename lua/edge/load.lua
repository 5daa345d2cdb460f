--[[
Count challenges that were made, and tell how many a second the PoP makes: an average over about
`over_ms`, in which what is older weighs less and less. Repeated, it overstates for a moment.

KEYS[1]  gate:load  made: a number that shrinks by the factor e in over_ms; at: when it was right
ARGV     made, now, over_ms
Reply    { per_second }
]]
local added, now, over = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local made, at = unpack(redis.call('HMGET', KEYS[1], 'made', 'at'))
local then_at = tonumber(at or now)
local passed = math.max(0, now - then_at)
local left = tonumber(made or 0) * math.exp(-passed / over) + added
-- Clocks of several hosts differ a little: time never goes back here.
redis.call('HSET', KEYS[1], 'made', left, 'at', math.max(now, then_at))
redis.call('PEXPIRE', KEYS[1], 20 * over)
return { math.floor(left * 1000 / over) }
