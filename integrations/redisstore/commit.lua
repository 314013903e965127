
-- commit counts a claim that the ledger has allocated as ordered instead of held. The ledger has decided, so a claim that
-- is unknown, released or expired here is counted again, whatever there is to promise; only departed units stay away.
-- ARGV: 4 id, 5 slot, 6 lines as the ledger has them, 7 expiry in ms.
-- Answers OK, how the claim stands, and 1 when it was not live before. A claim whose units are too many to count as ordered
-- stays pinned: the promise is the same.

seq = opened(ARGV[1], {'CLAIMS'}, {})
if not seq then return {'LOST'} end
local c, fresh = load(ARGV[4]), 0
if c and (c.state == 'D' or c.state == 'C') then return stands(c) end
if c and live[c.state] then
  count(c, -1)
  c.lines = fewer(c.lines, ARGV[6])
else
  fresh = 1
  c = {id = ARGV[4], slot = tonumber(ARGV[5]), expires = tonumber(ARGV[7]), request = c and c.request or ARGV[6], lines = ARGV[6]}
end
c.state = 'C'
for sku, n in each(c.lines) do
  local _, ordered = counters(sku, c.slot)
  if ordered + n > MOST then c.state = 'P' end
end
count(c, 1)
save(c)
return stands(c, fresh)
