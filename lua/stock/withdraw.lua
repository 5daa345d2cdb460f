--[[
Take units out of a running sale, as a reservation of nobody's, before MySQL withdraws them. Safe to
repeat.

KEYS[1]  sale:{<sale>}        epoch, server, state, available
KEYS[2]  sale:{<sale>}:held   order or change -> account:units:epoch:admitted_at_ms:lease
ARGV     server that this is, change, units
Reply    { held | again, epoch } | { short, epoch, available }
         { counting, epoch }   the sale is being counted, or waits for it: try again
]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'server', 'state', 'available')
local epoch = tonumber(sale[1] or '0')
if not sale[1] or sale[2] ~= ARGV[1] or sale[3] == 'counting' then
  return { 'counting', epoch }
end
local held = redis.call('HGET', KEYS[2], ARGV[2])
if held then
  return { 'again', tonumber(string.match(held, '^%d+:%d+:(%d+):')) }
elseif tonumber(sale[4]) < tonumber(ARGV[3]) then
  return { 'short', epoch, tonumber(sale[4]) }
end
redis.call('HINCRBY', KEYS[1], 'available', -ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], table.concat({ 0, ARGV[3], sale[1], 0, 0 }, ':'))
return { 'held', epoch }
