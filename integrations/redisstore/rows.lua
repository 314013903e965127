-- rows is what the scripts of a partition share; Go puts it before each of theirs.
-- KEYS: 1 partition state (hash: seq, and one field per source that is open, with the token of its opening).
-- A row is a bitmap of the slots present and their cells (see stock.CellAt). All numbers are little endian.
-- Plain Lua 5.1 without the struct and bit libraries, so that it runs on miniredis too.

local byte, char, sub, rep, floor = string.byte, string.char, string.sub, string.rep, math.floor
local HEADER, CELL = 4, 34
local emptyRow, emptyCell = rep(char(0), HEADER), rep(char(0), CELL)

-- opened returns the partition's sequence if the partition is open for every name, else nothing. A token that is not empty
-- must be the one of the opening in force. A sequence below the lowest that the caller has seen shows that an older copy
-- of the partition is in force: that closes it for every source.
local function opened(lowest, names, tokens)
  local state = redis.call('HMGET', KEYS[1], 'seq', unpack(names))
  local seq = tonumber(state[1] or 0)
  if seq < tonumber(lowest) then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'seq', lowest)
    seq = nil
  end
  for i = 1, #names do
    local token, known = state[i + 1], tokens[i] or ''
    if not token or (known ~= '' and known ~= token) then return nil end
  end
  return seq
end

-- openings are pairs of a name and a token from ARGV[first] on, as opened wants them.
local function openings(first)
  local names, tokens = {}, {}
  for i = first, #ARGV, 2 do
    names[#names + 1], tokens[#tokens + 1] = ARGV[i], ARGV[i + 1]
  end
  return names, tokens
end

local ones = {[0] = 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4}
local function bits(b) return ones[b % 16] + ones[floor(b / 16)] end

local function malformed(row)
  if #row < HEADER then return true end
  local a, b, c, d = byte(row, 1, 4)
  return #row ~= HEADER + CELL * (bits(a) + bits(b) + bits(c) + bits(d))
end

-- find returns how many bytes of row lie before the cell of slot, and whether the cell is there.
local function find(row, slot)
  local q, bit, before = floor(slot / 8), 2 ^ (slot % 8), 0
  for i = 1, q do before = before + bits(byte(row, i)) end
  local b = byte(row, q + 1)
  return HEADER + CELL * (before + bits(b % bit)), floor(b / bit) % 2 == 1
end

-- insert adds the empty cell of slot, before which at bytes of row lie.
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

-- put writes a register at its offset into the cell of slot if its version, with which it ends, is higher than the one
-- there; it returns the row, and whether that changed.
local function put(row, slot, offset, register)
  local before, present = find(row, slot)
  local start, size = before + offset, #register
  if version(register, size) <= (present and version(row, start + size) or 0) then return row, false end
  if not present then row = insert(row, slot, before) end
  return sub(row, 1, start) .. register .. sub(row, start + size + 1), true
end
