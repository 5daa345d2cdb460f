--[[
Where an account stands in a sale. Changes nothing. Runs behind places.lua.

KEYS[1]  gate:{<sale>}:place:<account>  what join.lua and token.lua keep there
KEYS[2]  gate:{<sale>}:lobby            see places.lua
KEYS[3]  gate:{<sale>}:waiting          account -> place, of those who asked and wait
ARGV     now
Reply    { standing, arrival, place or '', asked (1|0), passed_below, lowest waiting place or '' } |
         { none }
]]
local arrival, place, asked = unpack(redis.call('HMGET', KEYS[1], 'arrival', 'place', 'asked'))
if not arrival then return { 'none' } end
local lowest = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local passed = passed_below(KEYS[2], tonumber(ARGV[1]))
return { 'standing', arrival, place or '', asked or 0, passed, lowest[2] or '' }
