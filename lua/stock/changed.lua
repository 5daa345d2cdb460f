--[[
Take in that MySQL has changed how many units a sale has. Safe to repeat: each change is taken in
once.

KEYS[1]  sale:{<sale>}           epoch, server, available
KEYS[2]  sale:{<sale>}:held      order or change -> account:units:epoch:admitted_at_ms:lease
KEYS[3]  sale:{<sale>}:changes   change of the total that was taken in -> units
ARGV     server that this is, epoch of the sale when the row was written, change, units to add;
         0 ends the reservation of a withdrawal
Reply    { changed } | { nothing }   done
         { counted }   Redis was counted anew since, with this change: done
         { later }     Redis is behind MySQL, or not to be trusted: keep the row and try again
]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'server')
local epoch = tonumber(sale[1] or '-1')
if epoch > tonumber(ARGV[2]) then
  return { 'counted' }
elseif epoch < tonumber(ARGV[2]) or sale[2] ~= ARGV[1] then
  return { 'later' }
elseif redis.call('HSETNX', KEYS[3], ARGV[3], ARGV[4]) == 0 then
  return { 'nothing' }
end
redis.call('HINCRBY', KEYS[1], 'available', ARGV[4])
redis.call('HDEL', KEYS[2], ARGV[3])
return { 'changed' }
