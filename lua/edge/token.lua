--[[
Give an account its purchase token: spend its challenge, count it against the limits, find its
place, and take a slot from the lease in hand. Runs behind limits, places, turns and slots. Safe to repeat
with the same request id.

A slot in hand is for whoever asks only if there are more than places with a better claim. The
challenge is spent only with a token; the limits count every attempt, and a caller that repeats
leaves them out. A slot is `first` + `offset`: ids of 63 bits do not fit Lua's numbers.

KEYS[1]    gate:{<sale>}:nonce:<nonce>    the request that spent the challenge
KEYS[2]    gate:{<sale>}:place:<account>  arrival, joined, serial, place, asked, behind, attempts,
                                          used, lease, first, offset, nbf, exp
KEYS[3]    gate:{<sale>}:lobby            see places.lua
KEYS[4]    gate:{<sale>}:lease            id, first, count, taken, until, next_nbf, word, word_until
KEYS[5-7]  gate:{<sale>}:asked, waiting, seen   account -> place, place, time of its last attempt
KEYS[8+]   the limits
ARGV       request, now, nonce_ms, account, serial, keep_ms, starts_at, rate_per_second,
           interval_ms, token_life_ms, attempts_max, unreported_max, drawn, drawn_here, pops,
           position, place or '', and of each limit, per_minute
Reply      { granted | again | used | over, tightest, left, lease, first, offset, nbf, exp, due } |
           { spent } | { limited, number, retry_ms } | { draw, arrival } | { report } |
           { attempts } | { wait | paced | sold-out | quota | away, retry_ms } | { no-slots, wanted }
]]
local request, now, account, keep_ms = ARGV[1], tonumber(ARGV[2]), ARGV[4], ARGV[6]
local turns = { starts_at = tonumber(ARGV[7]), rate = tonumber(ARGV[8]), keep_ms = keep_ms,
  unreported_max = tonumber(ARGV[12]) }
local draw = { total = tonumber(ARGV[13]), here = tonumber(ARGV[14]), pops = tonumber(ARGV[15]),
  position = tonumber(ARGV[16]) }

local spent_by = redis.call('GET', KEYS[1])
if spent_by and spent_by ~= request then return { 'spent' } end
local reached, retry, tightest, left = count_attempt(now, { unpack(KEYS, 8) }, { unpack(ARGV, 18) })
if reached > 0 then return { 'limited', reached, retry } end
local token = redis.call('HMGET', KEYS[2], 'lease', 'first', 'offset', 'nbf', 'exp', 'used', 'attempts')
if token[1] then
  local word = now >= tonumber(token[5]) and 'over' or token[6] == token[1] and 'used' or 'again'
  if word == 'again' then redis.call('SET', KEYS[1], request, 'PX', ARGV[3]) end
  return { word, tightest, left, unpack(token, 1, 5) }
end
if tonumber(token[7] or 0) >= tonumber(ARGV[11]) then return { 'attempts' } end

local place, due = own_place(KEYS[2], KEYS[3], turns, draw, ARGV[17], ARGV[5], now)
if not place then return due end
redis.call('PEXPIRE', KEYS[2], keep_ms)
local turn = turns.starts_at + place * 1000 / turns.rate
-- A token may be given 10 s ahead: the rest of the wait is in the token.
if turn > now + 10000 then return { 'wait', math.ceil(turn - now - 10000) } end
redis.call('HSET', KEYS[2], 'asked', 1)
local before = wait_behind(KEYS[5], KEYS[6], KEYS[7], account, place, turns, draw, now)
local slot, refusal = take_slot(KEYS[4], before, turn, now, tonumber(ARGV[9]), tonumber(ARGV[10]))
if not slot then return refusal end
redis.call('ZREM', KEYS[6], account)
redis.call('ZREM', KEYS[7], account)
note_admitted(KEYS[3], place, now)
redis.call('HSET', KEYS[2], 'lease', slot[1], 'first', slot[2], 'offset', slot[3], 'nbf', slot[4],
  'exp', slot[5])
redis.call('HINCRBY', KEYS[2], 'attempts', 1)
redis.call('SET', KEYS[1], request, 'PX', ARGV[3])
return { 'granted', tightest, left, slot[1], slot[2], slot[3], slot[4], slot[5], due }
