--[[
Take units from a sale and remember who holds them. Safe to repeat: the same order again changes
nothing, whatever quantity it asks for now.

KEYS[1]  sale:{<sale>}            epoch, server, state, available, limit, opens_at_ms, closes_at_ms
KEYS[2]  sale:{<sale>}:slots      order -> account, kept after the release
KEYS[3]  sale:{<sale>}:held       order -> account:units:epoch:admitted_at_ms:lease
KEYS[4]  sale:{<sale>}:accounts   account -> units
KEYS[5]  sale:{<sale>}:undecided  order, by the time it was admitted
ARGV     server that this is, order, account, units, lease
Reply    { held | again, epoch, units, admitted_at_ms }    the reservation, and its own epoch
         { decided, epoch }   the slot was spent before and holds nothing now: ask the ledger
         { taken | short | over-limit | early | closed | paused | counting | unknown, epoch }
         { distrusted, epoch }   the sale was counted on another server, or before this one restarted
]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'available', 'limit', 'opens_at_ms', 'closes_at_ms', 'server')
local epoch = tonumber(sale[1] or '0')
if sale[7] ~= ARGV[1] then
  return { sale[1] and 'distrusted' or 'unknown', epoch }
end

local holder = redis.call('HGET', KEYS[2], ARGV[2])
if holder and holder ~= ARGV[3] then
  return { 'taken', epoch }
end
if holder then
  local held = redis.call('HGET', KEYS[3], ARGV[2])
  if not held then
    return { 'decided', epoch }
  end
  local units, held_in, admitted = string.match(held, '^%d+:(%d+):(%d+):(%d+):')
  return { 'again', tonumber(held_in), tonumber(units), tonumber(admitted) }
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if sale[2] ~= 'open' then
  return { sale[2], epoch }
elseif now < tonumber(sale[5]) then
  return { 'early', epoch }
elseif now >= tonumber(sale[6]) then
  return { 'closed', epoch }
end

local units = tonumber(ARGV[4])
local has = tonumber(redis.call('HGET', KEYS[4], ARGV[3]) or '0')
if has + units > tonumber(sale[4]) then
  return { 'over-limit', epoch }
elseif tonumber(sale[3]) < units then
  return { 'short', epoch }
end

local at = string.format('%d', now)
redis.call('HINCRBY', KEYS[1], 'available', -units)
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[2], table.concat({ ARGV[3], units, sale[1], at, ARGV[5] }, ':'))
redis.call('HINCRBY', KEYS[4], ARGV[3], units)
redis.call('ZADD', KEYS[5], at, ARGV[2])
return { 'held', epoch, units, now }
