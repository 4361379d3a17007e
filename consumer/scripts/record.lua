-- Writes what is known of an effect: intended, next, done or dead.
--
-- KEYS  1 the order key's lease   2 the effect's record
-- ARGV  1 owner token   2 the record, its state first: {"s":"done",…}
--       3 "held": only while this owner has the lease
--         "late": also without it, when the record is still this owner's: an answer that
--                 arrives after the lease went must not be lost
--       4 time to live of the lease's key in ms   5 "release" to let the lease go with it, or ""
-- Returns {word, record, journal}
--   ok       written; the journal is the record
--   settled  it was done or dead before: that record stands
--   lost     the lease, or the record, is somebody else's; nothing was written
local before = redis.call('GET', KEYS[2])
local holder = redis.call('HGET', KEYS[1], 'o')
local function release()
    if ARGV[5] ~= 'release' or holder ~= ARGV[1] then
        return
    end
    local waiting = redis.call('HGET', KEYS[1], 'w')
    if waiting and waiting ~= ARGV[1] then
        redis.call('HSET', KEYS[1], 'o', '', 'r', waiting, 'rn', 0)
        redis.call('HDEL', KEYS[1], 'w')
    else
        redis.call('DEL', KEYS[1])
    end
end
if before then
    local state = string.sub(before, 1, 10)
    if state == '{"s":"done' or state == '{"s":"dead' then
        release()
        return {'settled', before, {}}
    end
end
if holder ~= ARGV[1] then
    local mine = before and cjson.decode(before).o == ARGV[1]
    if ARGV[3] ~= 'late' or (before and not mine) then
        return {'lost', before or '', {}}
    end
end
redis.call('SET', KEYS[2], ARGV[2])
if holder == ARGV[1] then
    redis.call('HINCRBY', KEYS[1], 'n', 1)
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
release()
return {'ok', ARGV[2], {'S', KEYS[2], '', ARGV[2]}}
