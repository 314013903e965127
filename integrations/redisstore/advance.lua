-- advance raises watermarks of one partition.
-- KEYS: 1 partition state (hash: seq, and one field per source that is open), 2 the watermarks.
-- ARGV: 1 lowest sequence that the caller has seen, 2 packed marks, then the sources that advance.
-- Packed marks: slot (u8), offset of the source in the slot (u8), 1 when it may be the first (u8), milliseconds since
-- 1970 (u64, little endian).
-- Returns the partition's sequence, or -1 when rows were lost.

local byte, sub, rep = string.byte, string.sub, string.rep
local SLOT, ZERO = 24, string.char(0)

local state = redis.call('HMGET', KEYS[1], 'seq', unpack(ARGV, 3))
local seq = tonumber(state[1] or 0)
for i = 2, #ARGV - 1 do
  if not state[i] then return -1 end
end
if seq < tonumber(ARGV[1]) then -- an older copy of the partition is in force: close it for every source
  redis.call('DEL', KEYS[1])
  return -1
end

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
