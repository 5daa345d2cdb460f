--[[
Keep the root of a chunk of tickets. Safe to repeat: a chunk is kept once, in order.

KEYS[1]  gate:{<sale>}:chunks  roots of the chunks, hexadecimal
ARGV     number (from 0), root, keep_ms
Reply    { folded | kept }
]]
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return { 'kept' } end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { 'folded' }
