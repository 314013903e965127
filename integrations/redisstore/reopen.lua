
-- reopen ends a rebuild: claims are counted again.
-- ARGV: 4 token of the rebuild. Answers OK, or BUSY when somebody else rebuilds.

opened(ARGV[1], {}, {})
local state = redis.call('HMGET', KEYS[1], 'seq', 'rebuild')
seq = tonumber(state[1] or 0)
if state[2] ~= ARGV[4] then return {'BUSY', 0} end
redis.call('HSET', KEYS[1], 'CLAIMS', ARGV[4])
redis.call('HDEL', KEYS[1], 'rebuild', 'lease')
changed = true
return reply('OK')
