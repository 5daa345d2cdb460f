--[[
Slots of the lease in hand; the script that hands them out begins with this one.
]]

-- A slot for somebody with `before` better claims, who may use it from `turn` on:
-- { lease, first, offset, nbf, exp }. Nil and a reply if there is none.
local function take_slot(lease, before, turn, now, interval_ms, token_life_ms)
  local id, first, count, taken, ends_at, next_nbf, word, word_until = unpack(redis.call('HMGET',
    lease, 'id', 'first', 'count', 'taken', 'until', 'next_nbf', 'word', 'word_until'))
  local in_hand = id and now < tonumber(ends_at) and count - taken or 0
  if in_hand > before then
    local at = math.max(now, turn, tonumber(next_nbf or 0))
    if at > tonumber(ends_at) then return nil, { 'paced', math.ceil(at - ends_at) } end
    local nbf = math.floor(at)
    local exp = math.ceil((nbf + token_life_ms) / 1000) * 1000
    redis.call('HSET', lease, 'taken', taken + 1, 'next_nbf', string.format('%.3f', at + interval_ms))
    return { id, first, taken, nbf, exp }
  end
  if word and now < tonumber(word_until) then return nil, { word, word_until - now } end
  return nil, { 'no-slots', before + 1 }
end
