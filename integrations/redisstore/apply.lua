
-- apply writes registers of one partition.
-- KEYS: 1 partition state, then the rows.
-- ARGV: 1 lowest sequence that the caller has seen, 2 packed writes, then each source that writes and
-- the token of the opening that it knows, empty when it knows none.
-- Packed writes: for every row a count (u16), then as often: slot (u8), offset of the register in the cell (u8), size of
-- the register (u8), the register.
-- Returns the partition's sequence, or -1 when rows were lost.

local seq = opened(ARGV[1], openings(3))
if not seq then return -1 end

local packed, at = ARGV[2], 1
local rows = redis.call('MGET', unpack(KEYS, 2))
local changed = {}
for k = 1, #KEYS - 1 do
  local row, touched = rows[k] or emptyRow, false
  if malformed(row) then
    redis.call('DEL', KEYS[1], KEYS[k + 1])
    return -1
  end
  local lo, hi = byte(packed, at, at + 1)
  at = at + 2
  for _ = 1, lo + 256 * hi do
    local slot, offset, size = byte(packed, at, at + 2)
    local wrote
    row, wrote = put(row, slot, offset, sub(packed, at + 3, at + 2 + size))
    touched = touched or wrote
    at = at + 3 + size
  end
  if touched then
    changed[#changed + 1] = KEYS[k + 1]
    changed[#changed + 1] = row
  end
end
if #changed == 0 then return seq end
redis.call('MSET', unpack(changed))
return redis.call('HINCRBY', KEYS[1], 'seq', #changed / 2)
