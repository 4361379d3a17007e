-- Notes that an item is to go on at a later time.
--
-- KEYS  1 due times of a partition's items (sorted set by effect)   2 their entries (hash)
-- ARGV  1 effect id   2 due, wall ms   3 the entry (JSON)
-- Returns {"ok", "", journal}
write('ZADD', KEYS[1], ARGV[2], ARGV[1])
write('HSET', KEYS[2], ARGV[1], ARGV[3])
return answer('ok', '', {'H', KEYS[2], ARGV[1], ARGV[3], 'Z', KEYS[1], ARGV[1], ARGV[2]})
