-- Says what the view holds where a line of the changelog may have come behind a newer one.
--
-- KEYS  1 the line's key
-- ARGV  1 the line's kind: S, H or Z   2 its field, or ""   3 what was said of it last, or ""
-- Returns {"stands" | "said", value, journal}
--   stands  nothing more is to be said: that was the value, or there is none
--   said    the journal says it. It may be behind the times before the broker has it: this is
--           run again, until it stands
local value
if ARGV[1] == 'H' then
    value = redis.call('HGET', KEYS[1], ARGV[2])
elseif ARGV[1] == 'Z' then
    value = redis.call('ZSCORE', KEYS[1], ARGV[2])
else
    value = redis.call('GET', KEYS[1])
    if string.sub(KEYS[1], 1, 16) == 'hearback:effect:' then
        write('SET', KEYS[1] .. '\31disputed', '1', 'PX', 120000) -- as in record.lua
    end
end
if not value or value == ARGV[3] then
    return answer('stands', value or '', {})
end
return answer('said', value, {ARGV[1], KEYS[1], ARGV[2], value})
