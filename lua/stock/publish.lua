--[[
Load a sale's stock (preheat). Safe to repeat: an epoch that is already there changes nothing.

KEYS[1]  sale:{<sale>}            epoch, state, available, limit, opens_at_ms, closes_at_ms
KEYS[2]  sale:{<sale>}:slots      order -> account, kept after the release
KEYS[3]  sale:{<sale>}:held       order -> account:units:epoch:admitted_at_ms:lease
KEYS[4]  sale:{<sale>}:accounts   account -> units
KEYS[5]  sale:{<sale>}:undecided  order, by the time it was admitted
ARGV     epoch, available, limit, opens_at_ms, closes_at_ms
Reply    { loaded | kept, epoch }
]]
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch >= tonumber(ARGV[1]) then
  return { 'kept', epoch }
end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('HSET', KEYS[1], 'state', 'open', 'available', ARGV[2], 'limit', ARGV[3],
  'opens_at_ms', ARGV[4], 'closes_at_ms', ARGV[5])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
return { 'loaded', tonumber(ARGV[1]) }
