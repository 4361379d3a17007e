-- Renews a lease, or lets it go without an outcome.
--
-- KEYS  1 the order key's lease
-- ARGV  1 owner token   2 "renew" | "release" | "drop"   3 time to live of the lease's key in ms
-- Returns {"ok" | "lost", "", journal}
--
-- A release keeps the key, without an owner: whoever comes next then knows that
-- no call was under way (a key that is absent says nothing). A drop is a release
-- of which this is not known: a call may still have its effect, without an answer.
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then
    return answer('lost', '', {})
end
if ARGV[2] == 'renew' then
    write('HINCRBY', KEYS[1], 'n', 1)
else
    local waiting = redis.call('HGET', KEYS[1], 'w')
    local reserved = (waiting and waiting ~= ARGV[1]) and waiting or ''
    write('HSET', KEYS[1], 'o', '', 'r', reserved, 'rn', 0, 'u',
        ARGV[2] == 'drop' and '1' or '')
    write('HDEL', KEYS[1], 'w')
end
write('PEXPIRE', KEYS[1], ARGV[3])
return answer('ok', '', {})
