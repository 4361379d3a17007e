-- Counts an interview as evidence for a theme and decides what it leads to.
--
-- KEYS  1 the theme (JSON: status, issue, issue_id, owner)   2 its evidence (hash by interview)
--       3 interviews its ticket's description tells (JSON array)   4 its wins (hash by interview)
-- ARGV  1 interview   2 effect id   3 what the rules say without counting: file, watch, win or
--       count   4 distinct interviews from which "count" files   5 the evidence (JSON)
--       6 the theme's name
-- Returns {word, theme, journal, …}
--   filed   it has a ticket; 4: "told" when the description tells this interview already
--   file    it shall have one, and this effect files it; 4…: interview, evidence, …
--           theme.before is whose unfinished filing was taken over, if any
--   watch   it waits; 4: interviews so far
--   win     kept with the wins
--
-- Whoever runs this holds the theme's lease, so nobody else is filing it now.
local theme = redis.call('GET', KEYS[1])
theme = theme and cjson.decode(theme) or {status = 'new', name = ARGV[6]}
local journal = {}
local function keep(kind, key, field, value)
    table.insert(journal, kind)
    table.insert(journal, key)
    table.insert(journal, field)
    table.insert(journal, value)
end
local function keep_theme(status)
    theme.status = status
    local text = cjson.encode(theme)
    write('SET', KEYS[1], text)
    keep('S', KEYS[1], '', text)
    return text
end
local function keep_evidence(key)
    write('HSET', key, ARGV[1], ARGV[5])
    keep('H', key, ARGV[1], ARGV[5])
end

if theme.status == 'filed' then
    local told = redis.call('GET', KEYS[3])
    local word = ''
    if told then
        for _, interview in ipairs(cjson.decode(told)) do
            if interview == ARGV[1] then
                word = 'told'
            end
        end
    end
    keep_evidence(KEYS[2])
    return answer('filed', cjson.encode(theme), journal, word)
end
if ARGV[3] == 'win' then
    keep_evidence(KEYS[4])
    if theme.status == 'new' then
        return answer('win', keep_theme('win'), journal)
    end
    return answer('win', cjson.encode(theme), journal)
end
local new = redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0
local count = redis.call('HLEN', KEYS[2]) + (new and 1 or 0)
keep_evidence(KEYS[2])
-- A theme that somebody began to file is filed by whoever comes next, whatever the rules say of
-- this interview: were it only watched, a description frozen before would never tell it.
local wanted = ARGV[3] == 'file' or (ARGV[3] == 'count' and count >= tonumber(ARGV[4]))
if not wanted and theme.status ~= 'filing' then
    return answer('watch', keep_theme('watching'), journal, tostring(count))
end
if theme.status == 'filing' and theme.owner ~= ARGV[2] then
    theme.before = theme.owner
end
theme.owner = ARGV[2]
local result = answer('file', keep_theme('filing'), journal)
local evidence = redis.call('HGETALL', KEYS[2])
local there = false
for i = 1, #evidence, 2 do -- a dry run finds this one not kept, or as it was known then
    local this = evidence[i] == ARGV[1]
    there = there or this
    table.insert(result, evidence[i])
    table.insert(result, this and ARGV[5] or evidence[i + 1])
end
if not there then
    table.insert(result, ARGV[1])
    table.insert(result, ARGV[5])
end
return result
