--[[
Give back what an order held, once MySQL has committed that it is free. Safe to repeat: a
reservation is given back once, because it is deleted in the same call.

KEYS[1]  sale:{<sale>}            epoch, available
KEYS[2]  sale:{<sale>}:held       order -> account:units:epoch:admitted_at_ms:lease
KEYS[3]  sale:{<sale>}:accounts   account -> units
KEYS[4]  sale:{<sale>}:undecided  order, by the time it was admitted
ARGV     order, epoch of the sale when the row was written
Reply    { released, units } | { nothing, 0 }   done
         { counted, 0 }   Redis was counted anew since, with this order's units free: done
         { later, 0 }     Redis is behind MySQL: keep the row and try again
]]
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1')
if epoch > tonumber(ARGV[2]) then
  return { 'counted', 0 }
elseif epoch < tonumber(ARGV[2]) then
  return { 'later', 0 }
end
local held = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
if not held then
  return { 'nothing', 0 }
end
local account, units = string.match(held, '^(%d+):(%d+):')
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'available', units)
if redis.call('HINCRBY', KEYS[3], account, -units) <= 0 then
  redis.call('HDEL', KEYS[3], account)
end
return { 'released', tonumber(units) }
