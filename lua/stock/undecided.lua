--[[
Orders that were admitted a while ago and whose row nobody has reported yet. Reads only.

KEYS[1]  sale:{<sale>}:undecided  order, by the time it was admitted
KEYS[2]  sale:{<sale>}:held       order -> account:units:epoch:admitted_at_ms:lease
ARGV     older_than_ms, at_most
Reply    { found, order, age_ms, reservation, ... }   a reservation may be empty
]]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local before = string.format('%d', now - tonumber(ARGV[1]))
local orders = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local reply = { 'found' }
for i = 1, #orders, 2 do
  reply[#reply + 1] = orders[i]
  reply[#reply + 1] = string.format('%d', now - tonumber(orders[i + 1]))
  reply[#reply + 1] = redis.call('HGET', KEYS[2], orders[i]) or ''
end
return reply
