-- layout stores a layout if the stored one is still the base, or if there is none.
-- KEYS: 1 the layout. ARGV: 1 the base, 2 the layout to store. Returns the layout that is stored afterwards.

local stored = redis.call('GET', KEYS[1])
if not stored or stored == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2])
  return ARGV[2]
end
return stored
