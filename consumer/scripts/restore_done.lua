-- Opens the restored view: writes the epoch and its mark, and lets the lock go.
--
-- KEYS  1 the restore's lock   2 the epoch   3 the mark (hash)
-- ARGV  1 who restored   2 the epoch (JSON)   3… pairs: the mark's fields and values
-- Returns {"ok" | "lost", "", journal}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return answer('lost', '', {})
end
write('SET', KEYS[2], ARGV[2])
write('DEL', KEYS[3])
write('HSET', KEYS[3], unpack(ARGV, 3))
write('DEL', KEYS[1])
return answer('ok', '', {})
