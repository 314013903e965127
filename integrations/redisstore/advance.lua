
-- advance raises watermarks of one partition.
-- KEYS: 1 partition state, 2 the watermarks.
-- ARGV: 1 lowest sequence that the caller has seen, 2 packed marks, then each source that advances
-- and the token of the opening that it knows, empty when it knows none.
-- Packed marks: slot (u8), offset of the source in the slot (u8), 1 when it may be the first (u8), milliseconds since
-- 1970 (u64, little endian).
-- Returns the partition's sequence, or -1 when rows were lost.

local SLOT, ZERO = 24, char(0)

local seq = opened(ARGV[1], openings(3))
if not seq then return -1 end

-- read returns the u64 that starts at position at, exact up to 2^53.
local function read(s, at)
  local n = 0
  for i = at + 7, at, -1 do n = n * 256 + byte(s, i) end
  return n
end

local marks, stored = ARGV[2], redis.call('GET', KEYS[2]) or ''
local now = stored
for at = 1, #marks, 11 do
  local slot, offset, first = byte(marks, at, at + 2)
  local start = slot * SLOT + offset
  if #now < (slot + 1) * SLOT then now = now .. rep(ZERO, (slot + 1) * SLOT - #now) end
  local old = read(now, start + 1)
  if old == 0 and first == 0 then return -1 end
  if read(marks, at + 3) > old then
    now = sub(now, 1, start) .. sub(marks, at + 3, at + 10) .. sub(now, start + 9)
  end
end
if now ~= stored then redis.call('SET', KEYS[2], now) end
return seq
