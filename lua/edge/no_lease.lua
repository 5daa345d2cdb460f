--[[
Remember for a moment that the origin granted no lease, so that not every shopper makes the PoP
ask again. Safe to repeat.

KEYS[1]  gate:{<sale>}:lease       id, first, count, taken, until, next_nbf, word, word_until
KEYS[2]  gate:{<sale>}:lease-lock  held by whoever asks the origin
ARGV     word (sold-out | quota | away), word_until, keep_ms
Reply    { stored }
]]
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'word', ARGV[1], 'word_until', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { 'stored' }
