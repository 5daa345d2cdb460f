--[[
Let a sale admit, hold it, or end it, as MySQL has decided. Safe to repeat.

KEYS[1]  sale:{<sale>}  epoch, state
ARGV     epoch of MySQL, open | paused | closed
Reply    { set, epoch } | { other, epoch }   Redis is of another epoch: nothing was changed
]]
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch ~= tonumber(ARGV[1]) then
  return { 'other', epoch }
end
redis.call('HSET', KEYS[1], 'state', ARGV[2])
return { 'set', epoch }
