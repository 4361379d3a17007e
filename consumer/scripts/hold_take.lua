-- Counts an effect among those of its kind in the last while, and holds the kind when there are too
-- many.
--
-- KEYS  1 the hold: JSON, there while the kind is held   2 who was counted: a sorted set by time
-- ARGV  1 wall time in ms   2 the effect   3 how many at most   4 in how many ms
-- Returns {word, hold, journal}
--   go    the effect may be sent; it is counted once, however often it asks
--   held  nothing of the kind is sent until an operator releases it; the journal is the hold when
--         this was the one too many
--
-- The hold outlives Redis, the count does not: after a loss it begins anew.
local hold = redis.call('GET', KEYS[1])
if hold then
    return answer('held', hold, {})
end
local now, window = tonumber(ARGV[1]), tonumber(ARGV[4])
if redis.call('ZSCORE', KEYS[2], ARGV[2]) then
    return answer('go', '', {})
end
write('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now - window))
local count = redis.call('ZCOUNT', KEYS[2], string.format('%.0f', now - window), '+inf')
if count >= tonumber(ARGV[3]) then
    hold = '{"since_ms":' .. ARGV[1] .. ',"counted":' .. count .. '}'
    write('SET', KEYS[1], hold)
    return answer('held', hold, {'S', KEYS[1], '', hold})
end
write('ZADD', KEYS[2], ARGV[1], ARGV[2])
write('PEXPIRE', KEYS[2], ARGV[4] * 2)
return answer('go', '', {})
