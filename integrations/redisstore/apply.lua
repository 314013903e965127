-- apply writes registers of one partition.
-- KEYS: 1 partition state (hash: seq, and one field per source that is open, with the token of its opening), then the rows.
-- ARGV: 1 lowest sequence that the caller has seen, 2 packed writes, then each source that writes and
-- the token of the opening that it knows, empty when it knows none.
-- Packed writes: for every row a count (u16), then as often: slot (u8), offset of the register in the cell (u8), size of
-- the register (u8), the register. A register ends with its version (u32). All numbers are little endian.
-- Returns the partition's sequence, or -1 when rows were lost.
-- Plain Lua 5.1 without the struct and bit libraries, so that it runs on miniredis too.

local byte, char, sub, floor = string.byte, string.char, string.sub, math.floor
local HEADER, CELL = 4, 34
local emptyRow, emptyCell = string.rep(char(0), HEADER), string.rep(char(0), CELL)

local fields = {'seq'}
for i = 3, #ARGV, 2 do fields[#fields + 1] = ARGV[i] end
local state = redis.call('HMGET', KEYS[1], unpack(fields))
local seq = tonumber(state[1] or 0)
if seq < tonumber(ARGV[1]) then -- an older copy of the partition is in force: close it for every source
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'seq', ARGV[1])
  return -1
end
for i = 2, #fields do
  local token = ARGV[2 * i]
  if not state[i] or (token ~= '' and token ~= state[i]) then return -1 end
end

local ones = {[0] = 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4}
local function count(b) return ones[b % 16] + ones[floor(b / 16)] end

local function malformed(row)
  if #row < HEADER then return true end
  local a, b, c, d = byte(row, 1, 4)
  return #row ~= HEADER + CELL * (count(a) + count(b) + count(c) + count(d))
end

-- find returns how many bytes of row lie before the cell of slot, and whether the cell is there.
local function find(row, slot)
  local q, bit, before = floor(slot / 8), 2 ^ (slot % 8), 0
  for i = 1, q do before = before + count(byte(row, i)) end
  local b = byte(row, q + 1)
  return HEADER + CELL * (before + count(b % bit)), floor(b / bit) % 2 == 1
end

local function insert(row, slot, at)
  local q = floor(slot / 8) + 1
  local bitmap = char(byte(row, q) + 2 ^ (slot % 8))
  return sub(row, 1, q - 1) .. bitmap .. sub(row, q + 1, at) .. emptyCell .. sub(row, at + 1)
end

-- version reads the u32 that ends at position last.
local function version(s, last)
  local a, b, c, d = byte(s, last - 3, last)
  return a + 256 * b + 65536 * c + 16777216 * d
end

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
    local first, last = at + 3, at + 2 + size
    at = last + 1
    local before, present = find(row, slot)
    local start = before + offset
    if version(packed, last) > (present and version(row, start + size) or 0) then
      if not present then row = insert(row, slot, before) end
      row = sub(row, 1, start) .. sub(packed, first, last) .. sub(row, start + size + 1)
      touched = true
    end
  end
  if touched then
    changed[#changed + 1] = KEYS[k + 1]
    changed[#changed + 1] = row
  end
end
if #changed == 0 then return seq end
redis.call('MSET', unpack(changed))
return redis.call('HINCRBY', KEYS[1], 'seq', #changed / 2)
