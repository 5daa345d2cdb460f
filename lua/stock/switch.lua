--[[
Let a new count of a sale take the place of the old one, whole, if it is of a later epoch. Safe to
repeat. Orders that are still undecided keep their slots and reservations, under their old epoch:
they hold no units of the new count, and are there to be refused.

KEYS[1]  sale:{<sale>}            epoch, server, state, available, limit, opens_at_ms, closes_at_ms
KEYS[2]  sale:{<sale>}:slots      order -> account, kept after the release
KEYS[3]  sale:{<sale>}:held       order -> account:units:epoch:admitted_at_ms:lease
KEYS[4]  sale:{<sale>}:accounts   account -> units
KEYS[5]  sale:{<sale>}:changes    change of the total that was taken in -> units
KEYS[6]  sale:{<sale>}:undecided  order, by the time it was admitted
KEYS[7]  KEYS[8]  KEYS[9]         slots, held and accounts of the new count
ARGV     server that this is, epoch, state, available, limit, opens_at_ms, closes_at_ms,
         how many slots, held and accounts the new count has
Reply    { switched, epoch } | { kept, epoch }   this epoch or a later one is there already
         { incomplete, epoch }   a part of the new count was lost: begin again
]]
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch >= tonumber(ARGV[2]) then
  return { 'kept', epoch }
end
for part = 0, 2 do
  if redis.call('HLEN', KEYS[7 + part]) ~= tonumber(ARGV[8 + part]) then
    return { 'incomplete', epoch }
  end
end
for _, order in ipairs(redis.call('ZRANGE', KEYS[6], 0, -1)) do
  local account = redis.call('HGET', KEYS[2], order)
  local held = redis.call('HGET', KEYS[3], order)
  if account and redis.call('HSETNX', KEYS[7], order, account) == 1 and held then
    redis.call('HSET', KEYS[8], order, held)
  end
end
-- Freed in the background: a large hash would hold everybody up.
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
for part = 0, 2 do
  if redis.call('EXISTS', KEYS[7 + part]) == 1 then
    redis.call('RENAME', KEYS[7 + part], KEYS[2 + part])
    redis.call('PERSIST', KEYS[2 + part])
  end
end
redis.call('HSET', KEYS[1], 'server', ARGV[1], 'state', ARGV[3], 'available', ARGV[4],
  'limit', ARGV[5], 'opens_at_ms', ARGV[6], 'closes_at_ms', ARGV[7], 'epoch', ARGV[2])
return { 'switched', tonumber(ARGV[2]) }
