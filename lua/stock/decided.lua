--[[
The ledger has a row for these orders: they are no longer undecided. Safe to repeat.

KEYS[1]  sale:{<sale>}:undecided  order, by the time it was admitted
ARGV     order ...
Reply    { cleared, how many }
]]
return { 'cleared', redis.call('ZREM', KEYS[1], unpack(ARGV)) }
