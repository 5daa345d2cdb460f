--[[
Take an account's token away, as its time or its order is over. Safe to repeat.

KEYS[1]  gate:{<sale>}:place:<account>  what token.lua keeps there
ARGV     lease, offset, and what the account may do now: keep (its place: it was not its fault),
         behind (everybody, one attempt fewer), bought (behind everybody, no attempt lost)
Reply    { ended | kept }
]]
local lease, offset = unpack(redis.call('HMGET', KEYS[1], 'lease', 'offset'))
if lease ~= ARGV[1] or offset ~= ARGV[2] then return { 'kept' } end
redis.call('HDEL', KEYS[1], 'lease', 'first', 'offset', 'nbf', 'exp', 'used')
if ARGV[3] ~= 'keep' then redis.call('HSET', KEYS[1], 'behind', 1) end
if ARGV[3] ~= 'behind' then redis.call('HINCRBY', KEYS[1], 'attempts', -1) end
return { 'ended' }
