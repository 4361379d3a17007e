-- Notes which ticket a theme has, and which interviews its description tells.
--
-- KEYS  1 the theme   2 interviews its ticket's description tells
-- ARGV  1 issue key   2 issue id   3 interviews told (JSON array)
--       4 "adopted" when the ticket was found rather than made, or ""   5 the theme's name
-- Returns {"ok", theme, journal}
local theme = redis.call('GET', KEYS[1])
theme = theme and cjson.decode(theme) or {name = ARGV[5]}
theme.status = 'filed'
theme.issue = ARGV[1]
theme.issue_id = ARGV[2]
theme.adopted = ARGV[4] == 'adopted' or nil
theme.before = nil
local text = cjson.encode(theme)
write('SET', KEYS[1], text)
write('SET', KEYS[2], ARGV[3])
return answer('ok', text, {'S', KEYS[1], '', text, 'S', KEYS[2], '', ARGV[3]})
