--[[
Spend a solved challenge, once. Safe to repeat with the same request id.

KEYS[1]  spent:<purpose>:<nonce>   the request that spent it
ARGV     request, nonce_ms
Reply    { ok | spent }
]]
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return { 'ok' } end
if redis.call('GET', KEYS[1]) == ARGV[1] then return { 'ok' } end
return { 'spent' }
