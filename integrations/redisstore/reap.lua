
-- reap ends due claims.
-- ARGV: 4 how many at most.
-- Answers OK, how many were due, how many claims are live, and the ms until the next is due, -1 when none will be.

seq = opened(ARGV[1], {'CLAIMS'}, {})
if not seq then return {'LOST'} end
local ended = expire(tonumber(ARGV[4]))
local first, wait = redis.call('ZRANGE', KEYS[2], 0, 0)[1], -1
if first then
  local c = load(first)
  if not c then wait = 0 elseif c.state == 'A' then wait = math.max(0, c.expires - now) end
end
return reply('OK', ended, redis.call('ZCARD', KEYS[2]), wait)
