-- Writes a batch of changelog records into the view that is being restored.
--
-- KEYS  1 the restore's lock
-- ARGV  1 who restores   2 time to live of the lock in ms
--       3… quads: kind, key, field, value. Kind S is a string, H a field of a hash, Z a member of
--       a sorted set with its score; s, h and z delete
-- Returns {"ok" | "lost", "", journal}
--
-- The one script that touches many hash tags: nothing else runs while the view
-- is closed, and the lock is checked with every batch, so that a restorer which
-- was stopped for a while cannot write old values over new ones.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return answer('lost', '', {})
end
write('PEXPIRE', KEYS[1], ARGV[2])
for i = 3, #ARGV, 4 do
    local kind, key, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    if kind == 'S' then
        write('SET', key, value)
    elseif kind == 'H' then
        write('HSET', key, field, value)
    elseif kind == 'Z' then
        write('ZADD', key, value, field)
    elseif kind == 's' then
        write('DEL', key)
    elseif kind == 'h' then
        write('HDEL', key, field)
    elseif kind == 'z' then
        write('ZREM', key, field)
    end
end
return answer('ok', '', {})
