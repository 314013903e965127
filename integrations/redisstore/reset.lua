
-- reset gives back live claims of a partition that is closed for claims, so that they can be counted anew from the ledger.
-- Whoever resets owns the rebuild for as long as the lease lasts; restore and reopen work for the owner only. A gateway that
-- stalls in the middle loses the lease, the next one gives back what it restored, and its late calls find another owner.
-- ARGV: 4 token of the rebuild, 5 ms of the lease, 6 how many claims at most.
-- Answers OPEN when the partition is open, BUSY and the ms that another owner has, or OK and how many are left.

if opened(ARGV[1], {'CLAIMS'}, {}) then return {'OPEN'} end
local state = redis.call('HMGET', KEYS[1], 'seq', 'rebuild', 'lease')
seq = tonumber(state[1] or 0)
if state[2] and state[2] ~= ARGV[4] and tonumber(state[3]) > now then return {'BUSY', tonumber(state[3]) - now} end
redis.call('HSET', KEYS[1], 'rebuild', ARGV[4], 'lease', now + ARGV[5])
local ids = redis.call('ZRANGE', KEYS[2], 0, ARGV[6] - 1)
for _, id in ipairs(ids) do
  local c = load(id)
  if c and live[c.state] then count(c, -1) end
  redis.call('DEL', ARGV[2] .. id)
  redis.call('ZREM', KEYS[2], id)
  changed = true
end
return reply('OK', redis.call('ZCARD', KEYS[2]))
