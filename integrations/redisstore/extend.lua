
-- extend lets an active claim live for some time from now on; it never shortens its life.
-- ARGV: 4 id, 5 ms to live. Answers NONE, or OK and how the claim stands.

seq = opened(ARGV[1], {'CLAIMS'}, {})
if not seq then return {'LOST'} end
local c = load(ARGV[4])
if not c then return reply('NONE') end
if due(c) then
  finish(c, 'E')
elseif c.state == 'A' and now + ARGV[5] > c.expires then
  c.expires = now + ARGV[5]
  save(c)
end
return stands(c)
