--[[
Keep a lease that the origin granted. Safe to repeat: a lease that was in hand is never dealt out
twice, and one that still has slots is not replaced.

KEYS[1]  gate:{<sale>}:lease       id, first, count, taken, until, next_nbf, word, word_until
KEYS[2]  gate:{<sale>}:lease-lock  held by whoever asks the origin
ARGV     id, first, count, until, now, keep_ms, word_until: until when asking for more is in vain,
         or 0
Reply    { stored | kept }
]]
redis.call('DEL', KEYS[2])
local id, count, taken, ends_at =
  unpack(redis.call('HMGET', KEYS[1], 'id', 'count', 'taken', 'until'))
local same = id == ARGV[1]
local usable = id and tonumber(taken) < tonumber(count) and tonumber(ARGV[5]) < tonumber(ends_at)
if same or usable then return { 'kept' } end

redis.call('HSET', KEYS[1], 'id', ARGV[1], 'first', ARGV[2], 'count', ARGV[3], 'taken', 0,
  'until', ARGV[4], 'word', 'quota', 'word_until', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return { 'stored' }
