--[[
Hand out no more slots of the lease in hand, before the origin is asked for another: the slots that
are left flow back with that request. Safe to repeat.

KEYS[1]  gate:{<sale>}:lease  id, first, count, taken, until, next_nbf, word, word_until
Reply    { retired, id, taken, count } | { none }
]]
local id, taken, count = unpack(redis.call('HMGET', KEYS[1], 'id', 'taken', 'count'))
if not id then return { 'none' } end
redis.call('HSET', KEYS[1], 'until', 0)
return { 'retired', id, taken, count }
