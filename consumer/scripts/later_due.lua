-- What is due of a partition's later entries, the earliest first. Changes nothing.
--
-- KEYS  1 due times of a partition's items (sorted set by effect)   2 their entries (hash)
-- ARGV  1 now, wall ms   2 most entries
-- Returns {"ok", number of entries in all, journal, effect id, due, entry, …}; an entry that is
-- missing is ""
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local result = answer('ok', tostring(redis.call('ZCARD', KEYS[1])), {})
for i = 1, #due, 2 do
    table.insert(result, due[i])
    table.insert(result, due[i + 1])
    table.insert(result, redis.call('HGET', KEYS[2], due[i]) or '')
end
return result
