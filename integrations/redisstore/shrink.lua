
-- shrink leaves a live claim no more of each SKU than the lines say.
-- ARGV: 4 id, 5 lines. Answers NONE, or OK and how the claim stands.

seq = opened(ARGV[1], {'CLAIMS'}, {})
if not seq then return {'LOST'} end
local c = load(ARGV[4])
if not c then return reply('NONE') end
if due(c) then finish(c, 'E') end
local lines = fewer(c.lines, ARGV[5])
if live[c.state] and lines ~= c.lines then
  count(c, -1)
  c.lines = lines
  count(c, 1)
  save(c)
end
return stands(c)
