--[[
Whose turn it is; the script that hands out slots begins with this one, behind places.lua.
]]

-- The account's place, and whether a report is due. Whoever has none yet, and whoever was passed
-- over or had a token before, goes behind everybody. Nil and a reply if that cannot be said yet.
local function own_place(record, lobby, turns, draw, given, serial, now)
  local arrival, place, asked, behind =
    unpack(redis.call('HMGET', record, 'arrival', 'place', 'asked', 'behind'))
  if arrival and not place then
    if tonumber(arrival) > draw.here then
      place = place_behind(arrival, draw)
    elseif given ~= '' then
      place = given
    else
      return nil, { 'draw', arrival }
    end
  end
  place = tonumber(place)
  local turn = place and turns.starts_at + place * 1000 / turns.rate
  -- Passed over: its turn is a minute past, nobody asked for it, and higher ones were admitted.
  local passed = place and asked ~= '1' and now > turn + 60000 and place < passed_below(lobby, now)
  if place and behind ~= '1' and not passed then
    redis.call('HSET', record, 'place', place)
    return place, 0
  end
  local number, due = next_arrival(lobby, turns.unreported_max, now)
  if not number then return nil, { 'report' } end
  place = place_behind(number, draw)
  if not arrival then
    redis.call('HSET', record, 'arrival', number, 'joined', now, 'serial', serial)
  end
  redis.call('HSET', record, 'place', place, 'asked', 0, 'behind', 0)
  return place, due
end

-- Waits at `place`: how many before it have a better claim. Those are who asked and waits (and came
-- back within 15 s), and of the drawn places those whose turn came less than a minute ago and for
-- which nobody asked yet; of these a PoP has its share, `here` of `total`.
local function wait_behind(asked, waiting, seen, account, place, turns, draw, now)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - 15000, 'LIMIT', 0, 50)) do
    redis.call('ZREM', seen, gone)
    redis.call('ZREM', waiting, gone)
  end
  local claimable = math.max(0, (now - 60000 - turns.starts_at) * turns.rate / 1000)
  redis.call('ZREMRANGEBYSCORE', asked, '-inf', '(' .. claimable)
  for key, score in pairs({ [asked] = place, [waiting] = place, [seen] = now }) do
    redis.call('ZADD', key, score, account)
    redis.call('PEXPIRE', key, turns.keep_ms)
  end
  local below = math.min(place, draw.total)
  local absent = math.max(0, below - claimable) * draw.here / math.max(1, draw.total)
    - redis.call('ZCOUNT', asked, claimable, '(' .. below)
  return redis.call('ZRANK', waiting, account) + math.max(0, math.floor(absent))
end
