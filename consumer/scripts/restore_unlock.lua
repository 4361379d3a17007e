-- Lets the restore's lock go.
--
-- KEYS  1 the restore's lock
-- ARGV  1 who restored
-- Returns {"ok" | "lost", "", journal}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return answer('lost', '', {})
end
write('DEL', KEYS[1])
return answer('ok', '', {})
