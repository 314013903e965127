
-- restore counts claims of the ledger in a partition that is being rebuilt, whatever there is to promise.
-- ARGV: 4 token of the rebuild, 5 ms of the lease, then for each claim: id, slot, state (A or C), expiry in ms, lines asked
-- for, lines.
-- Answers OK, BUSY when somebody else rebuilds, or FULL and a SKU whose units are too many to count.
-- A claim that is live was restored by an earlier call; a departed one stays away.

opened(ARGV[1], {}, {})
local state = redis.call('HMGET', KEYS[1], 'seq', 'rebuild')
seq = tonumber(state[1] or 0)
if state[2] ~= ARGV[4] then return {'BUSY', 0} end
redis.call('HSET', KEYS[1], 'lease', now + ARGV[5])
for i = 6, #ARGV, 6 do
  local known = load(ARGV[i])
  if not known or known.state == 'R' or known.state == 'E' then
    local c = {
      id = ARGV[i], slot = tonumber(ARGV[i + 1]), state = ARGV[i + 2], expires = tonumber(ARGV[i + 3]),
      request = ARGV[i + 4], lines = ARGV[i + 5],
    }
    for sku, n in each(c.lines) do
      local held, ordered = counters(sku, c.slot)
      if (c.state == 'C' and ordered or held) + n > MOST then return reply('FULL', sku) end
    end
    count(c, 1)
    save(c)
  end
end
return reply('OK')
