-- Renews the mark: what the data says of itself (mark.h).
--
-- KEYS  1 the epoch   2 the mark (hash)
-- ARGV  1 the epoch as the asker knows it   2 wall ms   3 for how long the asker knows this
--       view to have been there, in ms   4… pairs: partition of the changelog, its next offset
-- Returns {"ok" | "lost", "", journal}
--
-- Each worker knows some of it, so the largest of each counts.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return answer('lost', '', {})
end
local function raise(field, value)
    if tonumber(value) > tonumber(redis.call('HGET', KEYS[2], field) or '-1') then
        write('HSET', KEYS[2], field, value)
    end
end
write('HSET', KEYS[2], 'at', ARGV[2])
raise('age', ARGV[3])
for i = 4, #ARGV, 2 do
    raise(ARGV[i], ARGV[i + 1])
end
return answer('ok', '', {})
