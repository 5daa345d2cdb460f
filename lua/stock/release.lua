--[[
Give back what an order held, once MySQL has committed that it is free. Safe to repeat: a
reservation is given back once, because it is deleted in the same call.

KEYS[1]  sale:{<sale>}            epoch, server, available
KEYS[2]  sale:{<sale>}:held       order -> account:units:epoch:admitted_at_ms:lease
KEYS[3]  sale:{<sale>}:accounts   account -> units
KEYS[4]  sale:{<sale>}:undecided  order, by the time it was admitted
ARGV     server that this is, epoch of the sale when the row was written, order,
         1 if its units are for sale again, 0 if they have left the sale
Reply    { released, units } | { nothing, 0 }   done
         { counted, 0 }   Redis was counted anew since, with this order's units free: done
         { later, 0 }     Redis is behind MySQL, or not to be trusted: keep the row and try again
]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'server')
local epoch = tonumber(sale[1] or '-1')
if epoch > tonumber(ARGV[2]) then
  return { 'counted', 0 }
elseif epoch < tonumber(ARGV[2]) or sale[2] ~= ARGV[1] then
  return { 'later', 0 }
end
local held = redis.call('HGET', KEYS[2], ARGV[3])
redis.call('ZREM', KEYS[4], ARGV[3])
if not held then
  return { 'nothing', 0 }
end
redis.call('HDEL', KEYS[2], ARGV[3])
local account, units, held_in = string.match(held, '^(%d+):(%d+):(%d+):')
if tonumber(held_in) < epoch then
  -- Kept over a rebuild for its refusal alone: its units were counted as free.
  return { 'nothing', 0 }
end
if ARGV[4] == '1' then
  redis.call('HINCRBY', KEYS[1], 'available', units)
end
if redis.call('HINCRBY', KEYS[3], account, -units) <= 0 then
  redis.call('HDEL', KEYS[3], account)
end
return { 'released', tonumber(units) }
