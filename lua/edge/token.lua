--[[
Give an account its purchase token: spend its challenge, count it against the limits, and take a
slot from the lease in hand. Safe to repeat with the same request id.

The challenge is spent only when a token is given, so whoever is told to wait need not solve
another; the limits count every attempt. A slot is `first` + `offset`: ids of 63 bits do not fit
Lua's numbers, so the caller adds.

KEYS[1]  gate:{<sale>}:nonce:<nonce>      the request that spent the challenge
KEYS[2]  gate:{<sale>}:account:<account>  when the account's limit is whole again, ms (GCRA)
KEYS[3]  gate:{<sale>}:network:<prefix>   the same for the network
KEYS[4]  gate:{<sale>}:token:<account>    its live token: lease, first, offset, nbf, exp
KEYS[5]  gate:{<sale>}:lease              id, first, count, taken, until, next_nbf, word, word_until
ARGV     request, now, nonce_ms, count_it (1|0), account_per_minute, network_per_minute,
         opens_at, rate_per_second, token_life_ms
Reply    { granted | again, lease, first, offset, nbf, exp } | { spent } |
         { limited, account | network, retry_ms } | { paced | sold-out | quota | away, retry_ms } |
         { no-slots }
]]
local request, now, nonce_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local spent_by = redis.call('GET', KEYS[1])
if spent_by and spent_by ~= request then return { 'spent' } end

-- GCRA with room for a whole minute's worth at once: how long to wait, and the key's next value.
local function limit(key, per_minute)
  local interval = 60000 / tonumber(per_minute)
  local whole_at = math.max(tonumber(redis.call('GET', key) or 0), now)
  return whole_at + interval - now - 60000, whole_at + interval
end
if ARGV[4] == '1' then
  local account_wait, account_whole_at = limit(KEYS[2], ARGV[5])
  local network_wait, network_whole_at = limit(KEYS[3], ARGV[6])
  if account_wait > 0 then return { 'limited', 'account', math.ceil(account_wait) } end
  if network_wait > 0 then return { 'limited', 'network', math.ceil(network_wait) } end
  redis.call('SET', KEYS[2], account_whole_at, 'PX', math.ceil(account_whole_at - now))
  redis.call('SET', KEYS[3], network_whole_at, 'PX', math.ceil(network_whole_at - now))
end

local record = redis.call('HMGET', KEYS[4], 'lease', 'first', 'offset', 'nbf', 'exp')
if record[1] and now < tonumber(record[5]) then
  redis.call('SET', KEYS[1], request, 'PX', nonce_ms)
  return { 'again', unpack(record) }
end

local id, first, count, taken, ends_at, next_nbf, word, word_until = unpack(redis.call('HMGET',
  KEYS[5], 'id', 'first', 'count', 'taken', 'until', 'next_nbf', 'word', 'word_until'))
if id and tonumber(taken) < tonumber(count) and now < tonumber(ends_at) then
  local turn = math.max(now, tonumber(ARGV[7]), tonumber(next_nbf or 0))
  if turn > tonumber(ends_at) then return { 'paced', math.ceil(turn - ends_at) } end
  local nbf = math.floor(turn)
  local exp = math.ceil((nbf + tonumber(ARGV[9])) / 1000) * 1000
  redis.call('HSET', KEYS[5], 'taken', taken + 1, 'next_nbf', turn + 1000 / tonumber(ARGV[8]))
  redis.call('HSET', KEYS[4], 'lease', id, 'first', first, 'offset', taken, 'nbf', nbf, 'exp', exp)
  redis.call('PEXPIRE', KEYS[4], exp - now)
  redis.call('SET', KEYS[1], request, 'PX', nonce_ms)
  return { 'granted', id, first, taken, nbf, exp }
end
if word and now < tonumber(word_until) then return { word, word_until - now } end
return { 'no-slots' }
