-- Takes back that an effect is filing a theme: it will not. The theme waits with its evidence for
-- the next interview, which is judged by the rules again.
--
-- KEYS  1 the theme
-- ARGV  1 effect id
-- Returns {"ok", theme, journal}; the journal is empty when somebody else files it, or has
local text = redis.call('GET', KEYS[1])
local theme = text and cjson.decode(text)
if not theme or theme.status ~= 'filing' or theme.owner ~= ARGV[1] then
    return answer('ok', text or '', {})
end
theme.status = 'watching'
theme.owner = nil
theme.before = nil
text = cjson.encode(theme)
write('SET', KEYS[1], text)
return answer('ok', text, {'S', KEYS[1], '', text})
