--[[
Give an order its turn at the sale's rate (GCRA, with room for one second's worth at once), however
long ago its token was issued. Safe to repeat: a slot has one turn while it is remembered.

A rate that was raised counts from now on: what was promised at the old one delays nobody longer
than the longest wait.

KEYS[1]  relay:{<sale>}:pace         when the rate is whole again, ms
KEYS[2]  relay:{<sale>}:slot:<slot>  the slot's turn, ms
ARGV     now, interval_ms (between two orders), wait_ms_max, keep_ms
Reply    { turn | again, wait_ms } | { later, wait_ms } (no turn was given)
]]
local now, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait_max, keep = tonumber(ARGV[3]), ARGV[4]

local turn = redis.call('GET', KEYS[2])
if turn then return { 'again', math.max(math.ceil(tonumber(turn) - now), 0) } end

local burst = math.max(1000, interval)
local function keep_whole_at(at)
  -- A little longer than it matters, as the hosts' clocks differ.
  redis.call('SET', KEYS[1], at, 'PX', math.ceil(at - now) + 10000)
end
local whole_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local bound = now + burst + wait_max
if whole_at > bound then
  whole_at = bound
  keep_whole_at(bound)
end
local wait = math.max(whole_at + interval - burst - now, 0)
if wait > wait_max then return { 'later', math.ceil(wait) } end
keep_whole_at(whole_at + interval)
redis.call('SET', KEYS[2], now + wait, 'PX', keep)
return { 'turn', math.ceil(wait) }
