
-- hold admits a claim if the pairs have enough to promise: every line or, where less may do, what there is.
-- ARGV: 4 id, 5 slot, 6 lines asked for, 7 lines to count, 8 ms to live, 9 '1' when less may do, 10 '1' when a claim that was
-- released or expired may be admitted again.
-- Answers OK and how the claim stands, OTHER when the id was used for another request, or SHORT and for each line that
-- falls short the SKU and what could be had, -1 when the place does not carry it.

seq = opened(ARGV[1], {'CLAIMS'}, {})
if not seq then return {'LOST'} end

local slot, again = tonumber(ARGV[5]), ARGV[10] == '1'
local known = load(ARGV[4])
if known then
  if due(known) then finish(known, 'E') end
  if not (again and (known.state == 'R' or known.state == 'E')) then
    if known.slot ~= slot or known.request ~= ARGV[6] then return reply('OTHER') end
    return stands(known)
  end
end

local function available(sku)
  local r = row(sku)
  local at, present = find(r, slot)
  if not present or version(r, at + 14) == 0 then return -1 end
  local safety, held, ordered = u16(r, at + 9), counters(sku, slot)
  if safety < 32768 then return -1 end
  local n = i32(r, at + 1) - i32(r, at + 23) - ordered - held - (safety - 32768)
  if version(r, at + 22) > 0 then n = n - (i32(r, at + 15) - i32(r, at + 5)) end
  return math.max(0, math.min(n, MOST - held))
end

local function weigh()
  local taken, short = {}, {}
  for sku, n in each(ARGV[7]) do
    n = tonumber(n)
    local have = available(sku)
    if have < n then
      short[#short + 1], short[#short + 2] = sku, have
      n = have
    end
    if n > 0 then taken[#taken + 1] = sku .. ' ' .. n .. '\n' end
  end
  return table.concat(taken), short
end

local lines, short = weigh()
for _ = 1, 8 do
  if #short == 0 or expire(64) == 0 then break end
  lines, short = weigh()
end
if #broken > 0 or lines == '' or (#short > 0 and ARGV[9] ~= '1') then return reply('SHORT', unpack(short)) end

local c = {id = ARGV[4], state = 'A', expires = now + ARGV[8], slot = slot, request = ARGV[6], lines = lines}
count(c, 1)
save(c)
return stands(c, 1)
