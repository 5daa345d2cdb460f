--[[
Let a sale admit, hold it, or end it, as MySQL has decided. Safe to repeat.

KEYS[1]  sale:{<sale>}  epoch, server, state
ARGV     server that this is, epoch of MySQL, open | paused | closed
Reply    { set, epoch }
         { other, epoch }   Redis is of another epoch, is being counted, or is not to be trusted:
                            nothing was changed, and a rebuild does it
]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'server', 'state')
local epoch = tonumber(sale[1] or '0')
if epoch ~= tonumber(ARGV[2]) or sale[2] ~= ARGV[1] or sale[3] == 'counting' then
  return { 'other', epoch }
end
redis.call('HSET', KEYS[1], 'state', ARGV[3])
return { 'set', epoch }
