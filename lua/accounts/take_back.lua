--[[
A try was right: it does not count. Said twice, another one is taken back; that only forgets sooner.

KEYS[1]  tries:{<kind>}  who -> "<wrong>:<free_at_ms>:<counted_to_ms>"
ARGV     who
Reply    { done }
]]
local kept = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local wrong, _, counted_to = string.match(kept, '^(%d+):(%d+):(%d+)$')
if wrong then
  wrong = math.max(tonumber(wrong) - 1, 0)
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:0:%s', wrong, counted_to))
end
return { 'done' }
