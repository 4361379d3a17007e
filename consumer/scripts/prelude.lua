-- Heads every script. The last argument says what it may do: "live", or "dry", which returns
-- the words that a live run would return, changes nothing and journals nothing.
local mode = table.remove(ARGV)
if mode ~= 'live' and mode ~= 'dry' then
    return redis.error_reply('ERR a script of Hearback ends its arguments with live or dry')
end
local live = mode == 'live'
local function write(...)
    if live then
        return redis.call(...)
    end
end
local function answer(word, text, journal, ...)
    return {word, text, live and journal or {}, ...}
end
