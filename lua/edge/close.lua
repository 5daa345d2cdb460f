--[[
Close the lobby: no later arrival has a ticket in the tree. Safe to repeat: the count stays what it
was the first time.

KEYS[1]  gate:{<sale>}:lobby  see places.lua
Reply    { closed, count, floor } | { report }
]]
local arrivals, floor = unpack(redis.call('HMGET', KEYS[1], 'arrivals', 'floor'))
if not arrivals then return { 'report' } end
redis.call('HSETNX', KEYS[1], 'closed', arrivals)
return { 'closed', redis.call('HGET', KEYS[1], 'closed'), floor }
