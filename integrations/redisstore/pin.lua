
-- pin keeps an active claim from expiring.
-- ARGV: 4 id. Answers NONE, or OK and how the claim stands.

seq = opened(ARGV[1], {'CLAIMS'}, {})
if not seq then return {'LOST'} end
local c = load(ARGV[4])
if not c then return reply('NONE') end
if due(c) then
  finish(c, 'E')
elseif c.state == 'A' then
  c.state = 'P'
  save(c)
end
return stands(c)
