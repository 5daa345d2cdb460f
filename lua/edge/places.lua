--[[
Arrivals and places; scripts that give them begin with this one.

Of a sale the hash `lobby` holds: floor, arrivals, reported, reported_at, closed, and how far slots
have gone: high (the highest place that got one in the present minute), before (in all minutes
before it), high_at (when the present one began).
]]

-- The next arrival, and whether the origin is to be told of it soon; nil before the origin knows
-- of this lobby, or when it must first be told of the arrivals since its last report.
local function next_arrival(lobby, unreported_max, now)
  local arrivals, reported, reported_at =
    unpack(redis.call('HMGET', lobby, 'arrivals', 'reported', 'reported_at'))
  if not arrivals or arrivals - reported >= unreported_max then return nil end
  local due = now - reported_at >= 1000
  if due then redis.call('HSET', lobby, 'reported_at', now) end
  return redis.call('HINCRBY', lobby, 'arrivals', 1), due and 1 or 0
end

-- The place of an arrival behind the draw, where the PoPs take turns.
local function place_behind(arrival, draw)
  return draw.total + (arrival - draw.here - 1) * draw.pops + draw.position
end

-- Remember that a slot went to this place.
local function note_admitted(lobby, place, now)
  local high, before, high_at = unpack(redis.call('HMGET', lobby, 'high', 'before', 'high_at'))
  high, before = tonumber(high or -1), tonumber(before or -1)
  if now - tonumber(high_at or 0) >= 60000 then
    redis.call('HSET', lobby, 'before', math.max(before, high), 'high', place, 'high_at', now)
  elseif place > high then
    redis.call('HSET', lobby, 'high', place)
  end
end

-- Places below this have had their turn: slots have gone to higher ones for at least a minute.
local function passed_below(lobby, now)
  local high, before, high_at = unpack(redis.call('HMGET', lobby, 'high', 'before', 'high_at'))
  local passed = tonumber(before or -1)
  if now - tonumber(high_at or now) >= 60000 then passed = math.max(passed, tonumber(high)) end
  return passed
end
