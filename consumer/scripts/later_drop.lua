-- An item that was to go on later has come to its end.
--
-- KEYS  1 due times of a partition's items (sorted set by effect)   2 their entries (hash)
-- ARGV  1 effect id
-- Returns {"ok", "", journal}
write('ZREM', KEYS[1], ARGV[1])
write('HDEL', KEYS[2], ARGV[1])
return answer('ok', '', {'Z', KEYS[1], ARGV[1], false, 'H', KEYS[2], ARGV[1], false})
