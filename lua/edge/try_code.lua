--[[
Judge a try at a code that was drawn or spoken: the first wrong one ends its challenge, and wrong
ones are counted by network. A right one is not spent here, and costs nothing. Safe to repeat: a
wrong one is then told as spent, and counted once.

KEYS[1]  code:{<prefix>}:ended:<nonce>  there once a wrong code was sent
KEYS[2]  code:{<prefix>}:wrong          when the network's limit is whole again, ms (GCRA)
ARGV     right (1|0), now, nonce_ms, wrong_max, wrong_every_ms
Reply    { ok | wrong | spent } | { limited, retry_ms }
]]
local now, every = tonumber(ARGV[2]), tonumber(ARGV[5])

local whole_at = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), now) + every
local wait = whole_at - now - tonumber(ARGV[4]) * every
if wait > 0 then return { 'limited', math.ceil(wait) } end
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'spent' } end
if ARGV[1] == '1' then return { 'ok' } end

redis.call('SET', KEYS[1], 1, 'PX', ARGV[3])
redis.call('SET', KEYS[2], whole_at, 'PX', math.ceil(whole_at - now))
return { 'wrong' }
