-- Items that were to go on later have come to their end.
--
-- KEYS  1 due times of a partition's items (sorted set by effect)   2 their entries (hash)
-- ARGV  1… effect ids
-- Returns {"ok", "", journal}
local journal = {}
for _, effect in ipairs(ARGV) do
    write('ZREM', KEYS[1], effect)
    write('HDEL', KEYS[2], effect)
    for _, word in ipairs({'Z', KEYS[1], effect, false, 'H', KEYS[2], effect, false}) do
        table.insert(journal, word)
    end
end
return answer('ok', '', journal)
