
-- claims is what the scripts share that count claims; Go puts it behind rows.lua and before each of theirs.
-- KEYS: 1 partition state, 2 the live claims: a sorted set of ids by expiry in ms, +inf when pinned or committed.
-- ARGV: 1 lowest sequence that the caller has seen, 2 prefix of the claims' keys, 3 prefix of the rows' keys, from 4 on what
-- the script takes. Keys made of a prefix have the partition's hash tag, so they lie in the slot that the call went to.
-- A claim is a hash: s state, e expiry in ms, p slot, q the lines asked for, l the lines counted. States: A active, P pinned,
-- C committed, and the outcomes R released, E expired, D departed, which are kept for a while to answer repetitions.
-- Lines are "SKU quantity\n", no SKU twice.
-- Answers: LOST when the partition is not open for claims, else a word, the sequence and what the script says.

local COUNTERS, MOST, KEEP = 30, 65535, 172800000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + floor(clock[2] / 1000)
local live = {A = true, P = true, C = true}
local seq -- of the partition, nil while it is closed

local rows, order, dirty, broken, changed = {}, {}, {}, {}, false

local function row(sku)
  if not rows[sku] then
    rows[sku] = redis.call('GET', ARGV[3] .. sku) or emptyRow
    if malformed(rows[sku]) then
      broken[#broken + 1], dirty[sku], rows[sku] = ARGV[3] .. sku, true, emptyRow
    end
  end
  return rows[sku]
end

local function change(sku, r)
  rows[sku] = r
  if not dirty[sku] then
    dirty[sku] = true
    order[#order + 1] = sku
  end
end

-- reply writes what changed and answers. A row that is no row closes the partition for every source.
local function reply(word, ...)
  for _, sku in ipairs(order) do redis.call('SET', ARGV[3] .. sku, rows[sku]) end
  if #broken > 0 then
    redis.call('DEL', KEYS[1], unpack(broken))
    return {'LOST'}
  end
  if changed then seq = redis.call('HINCRBY', KEYS[1], 'seq', 1) end
  return {word, seq, ...}
end

local function each(lines) return string.gmatch(lines, '(%S+) (%d+)\n') end

local function u16(s, at)
  local a, b = byte(s, at, at + 1)
  return a + 256 * b
end

local function i32(s, at)
  local n = version(s, at + 3)
  return n < 2147483648 and n or n - 4294967296
end

local function packed(n)
  n = math.max(0, math.min(MOST, n))
  return char(n % 256, floor(n / 256))
end

-- counters returns what a pair counts as held and as ordered.
local function counters(sku, slot)
  local r = row(sku)
  local before, present = find(r, slot)
  if not present then return 0, 0 end
  return u16(r, before + COUNTERS + 1), u16(r, before + COUNTERS + 3)
end

local function add(sku, slot, held, ordered)
  local r, h, o = row(sku), counters(sku, slot)
  local before, present = find(r, slot)
  if not present then
    if held <= 0 and ordered <= 0 then return end
    r = insert(r, slot, before)
  end
  local at = before + COUNTERS
  change(sku, sub(r, 1, at) .. packed(h + held) .. packed(o + ordered) .. sub(r, at + 5))
end

-- count adds the claim's units to what its state counts, or takes them off.
local function count(c, sign)
  for sku, n in each(c.lines) do
    if c.state == 'C' then add(sku, c.slot, 0, sign * n) else add(sku, c.slot, sign * n, 0) end
  end
end

local function load(id)
  local v = redis.call('HMGET', ARGV[2] .. id, 's', 'e', 'p', 'q', 'l')
  if not v[1] then return nil end
  return {id = id, state = v[1], expires = tonumber(v[2]), slot = tonumber(v[3]), request = v[4], lines = v[5]}
end

local function save(c)
  local key = ARGV[2] .. c.id
  changed = true
  redis.call('HSET', key, 's', c.state, 'e', c.expires, 'p', c.slot, 'q', c.request, 'l', c.lines)
  if live[c.state] then
    redis.call('PERSIST', key)
    redis.call('ZADD', KEYS[2], c.state == 'A' and c.expires or '+inf', c.id)
  else
    redis.call('PEXPIRE', key, KEEP)
    redis.call('ZREM', KEYS[2], c.id)
  end
end

-- finish gives a live claim its one outcome.
local function finish(c, outcome)
  count(c, -1)
  c.state = outcome
  save(c)
end

local function due(c) return c.state == 'A' and c.expires <= now end

-- expire ends due claims of the partition, most at most, and returns how many it looked at.
local function expire(most)
  local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(ids) do
    local c = load(id)
    if c and due(c) then
      finish(c, 'E')
    elseif c and live[c.state] then
      save(c)
    else
      redis.call('ZREM', KEYS[2], id)
    end
  end
  return #ids
end

-- fewer returns the lines with no more of each SKU than most has.
local function fewer(lines, most)
  local limit, out = {}, {}
  for sku, n in each(most) do limit[sku] = tonumber(n) end
  for sku, n in each(lines) do
    n = math.min(tonumber(n), limit[sku] or 0)
    if n > 0 then out[#out + 1] = sku .. ' ' .. n .. '\n' end
  end
  return table.concat(out)
end

-- stands answers with how a claim stands; how is 1 when the call admitted it.
local function stands(c, how) return reply('OK', c.state, c.expires, c.lines, how or 0) end
