
-- settle gives a live claim one outcome and writes registers in the same instant. A claim that has an outcome keeps it. A
-- claim expires when it is due only.
-- ARGV: 4 id, 5 outcome (R, E or D), then for each register the SKU and a packed write: slot (u8), offset of the register in
-- the cell (u8), the register.
-- Answers NONE, or OK and how the claim stands. Registers are written in any case, also while their source is not open: they
-- are absolute and versioned, and only a watermark would promise that nothing is missing beside them.

seq = opened(ARGV[1], {'CLAIMS'}, {})
if not seq then return {'LOST'} end
for i = 6, #ARGV, 2 do
  local sku, write = ARGV[i], ARGV[i + 1]
  local slot, offset = byte(write, 1, 2)
  local r, wrote = put(row(sku), slot, offset, sub(write, 3))
  if wrote then
    changed = true
    change(sku, r)
  end
end
local c = load(ARGV[4])
if not c then return reply('NONE') end
if live[c.state] and (ARGV[5] ~= 'E' or due(c)) then finish(c, ARGV[5]) end
return stands(c)
