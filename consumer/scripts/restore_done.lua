-- Opens the restored view: writes the epoch and lets the lock go.
--
-- KEYS  1 the restore's lock   2 the epoch
-- ARGV  1 who restored   2 the epoch (JSON)
-- Returns {"ok" | "lost", "", journal}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return answer('lost', '', {})
end
write('SET', KEYS[2], ARGV[2])
write('DEL', KEYS[1])
return answer('ok', '', {})
