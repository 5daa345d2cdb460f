--[[
GCRA limits; scripts that limit begin with this one. Each limit has room for a whole minute's worth
at once. An attempt counts against all of them, or, if one is reached, against none.

count_attempt(now, keys, per_minute) -> number of the limit that is reached or 0, ms until it has
room again, number of the tightest limit, attempts that it has left
]]
local function count_attempt(now, keys, per_minute)
  local whole_at, tightest, left = {}, 0, math.huge
  for i, key in ipairs(keys) do
    local interval = 60000 / tonumber(per_minute[i])
    whole_at[i] = math.max(tonumber(redis.call('GET', key) or 0), now) + interval
    local room = 60000 - (whole_at[i] - now)
    if room < 0 then return i, math.ceil(-room), i, 0 end
    if math.floor(room / interval) < left then
      tightest, left = i, math.floor(room / interval)
    end
  end
  for i, key in ipairs(keys) do
    local value = string.format('%.3f', whole_at[i])
    redis.call('SET', key, value, 'PX', math.ceil(whole_at[i] - now))
  end
  return 0, 0, tightest, left
end
