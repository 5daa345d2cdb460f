--[[
Admit nobody while a sale is counted anew. Safe to repeat. A sale that Redis does not know admits
nobody anyway.

KEYS[1]  sale:{<sale>}  epoch, state
Reply    { held-back, epoch } | { unknown, 0 }
]]
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  return { 'unknown', 0 }
end
redis.call('HSET', KEYS[1], 'state', 'counting')
return { 'held-back', tonumber(epoch) }
