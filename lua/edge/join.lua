--[[
Give an account its arrival in the lobby, or behind it once it has closed. Runs behind limits and
places. Safe to repeat: an account has one arrival, and gets the same again.

KEYS[1]   gate:{<sale>}:nonce:<nonce>    the request that spent the challenge
KEYS[2]   gate:{<sale>}:place:<account>  arrival, joined, serial and what token.lua keeps there
KEYS[3]   gate:{<sale>}:lobby            see places.lua
KEYS[4]   gate:{<sale>}:tickets          "account joined serial" of each arrival above `floor`
KEYS[5+]  the limits
ARGV      request, now, nonce_ms, account, serial, keep_ms, unreported_max, and of each limit,
          per_minute
Reply     { joined | again, tightest, left, arrival, joined, serial, due } | { spent } |
          { limited, number, retry_ms } | { report }
]]
local request, now, account, serial = ARGV[1], tonumber(ARGV[2]), ARGV[4], ARGV[5]
local spent_by = redis.call('GET', KEYS[1])
if spent_by and spent_by ~= request then return { 'spent' } end
local reached, retry, tightest, left = count_attempt(now, { unpack(KEYS, 5) }, { unpack(ARGV, 8) })
if reached > 0 then return { 'limited', reached, retry } end

local held = redis.call('HMGET', KEYS[2], 'arrival', 'joined', 'serial')
if held[1] then
  redis.call('SET', KEYS[1], request, 'PX', ARGV[3])
  return { 'again', tightest, left, held[1], held[2], held[3], 0 }
end
local arrival, due = next_arrival(KEYS[3], tonumber(ARGV[7]), now)
if not arrival then return { 'report' } end
redis.call('HSET', KEYS[2], 'arrival', arrival, 'joined', now, 'serial', serial)
redis.call('PEXPIRE', KEYS[2], ARGV[6])
if redis.call('HEXISTS', KEYS[3], 'closed') == 0 then
  redis.call('RPUSH', KEYS[4], account .. ' ' .. now .. ' ' .. serial)
  redis.call('PEXPIRE', KEYS[4], ARGV[6])
end
redis.call('SET', KEYS[1], request, 'PX', ARGV[3])
return { 'joined', tightest, left, arrival, now, serial, due }
