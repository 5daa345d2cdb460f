--[[
Keep the root of a chunk of tickets, and its leaves for the receipts to come. Safe to repeat: a
chunk is kept once, in order.

KEYS[1]  gate:{<sale>}:chunks          roots of the chunks, hexadecimal
KEYS[2]  gate:{<sale>}:leaves:<number> the chunk's leaves, hexadecimal, one behind the other
ARGV     number (from 0), root, leaves, keep_ms
Reply    { folded | kept }
]]
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return { 'kept' } end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return { 'folded' }
