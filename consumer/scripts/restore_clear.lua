-- Removes keys before a view is restored whole: what the changelog does not know must go.
--
-- KEYS  1 the restore's lock
-- ARGV  1 who restores   2 time to live of the lock in ms   3… keys
-- Returns {"ok" | "lost", "", journal}
--
-- Like restore_apply it touches many hash tags, while the view is closed.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return answer('lost', '', {})
end
write('PEXPIRE', KEYS[1], ARGV[2])
if #ARGV > 2 then
    write('UNLINK', unpack(ARGV, 3))
end
return answer('ok', '', {})
