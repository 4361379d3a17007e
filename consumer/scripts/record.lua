-- Writes what is known of an effect: intended, next, done or dead.
--
-- KEYS  1 the order key's lease   2 the effect's record
-- ARGV  1 owner token   2 the record, its state first: {"s":"done",…}
--       3 "held": only while this owner has the lease
--         "late": also without it, when the record is still this owner's: an answer that
--                 arrives after the lease went must not be lost
--       4 time to live of the lease's key in ms
--       5 "release" or "drop" to let the lease go with it (see lease.lua), or ""
--       6 "dead" when the effect was claimed to be tried again after it ended dead, or "": whoever
--         has the lease may then replace that end. A done one is never replaced.
-- Returns {word, record, journal}
--   ok       written; the journal is empty: the changelog has the record already. Unless somebody
--            was refused while it was on its way, and may have said behind it what stood before
--   settled  it was done or dead before: that record stands
--   lost     the lease, or the record, is somebody else's; nothing was written
-- When it is not written, the journal is the record that stands: the changelog has the one that
-- was refused, and its last word on the effect must be true.
local before = redis.call('GET', KEYS[2])
-- Left for whoever writes the next record: what stood may have been said behind its line.
local dispute = KEYS[2] .. '\31disputed'
local holder = redis.call('HGET', KEYS[1], 'o')
local function stands()
    write('SET', dispute, '1', 'PX', 120000) -- for longer than any line is on its way
    return before and {'S', KEYS[2], '', before} or {}
end
local function release()
    if ARGV[5] == '' or holder ~= ARGV[1] then
        return
    end
    local waiting = redis.call('HGET', KEYS[1], 'w')
    if waiting and waiting ~= ARGV[1] then
        write('HSET', KEYS[1], 'o', '', 'r', waiting, 'rn', 0, 'u',
            ARGV[5] == 'drop' and '1' or '')
        write('HDEL', KEYS[1], 'w')
    else
        write('DEL', KEYS[1])
    end
end
if before then
    local state = string.sub(before, 1, 10)
    local again = ARGV[6] == 'dead' and holder == ARGV[1]
    if state == '{"s":"done' or (state == '{"s":"dead' and not again) then
        release()
        return answer('settled', before, stands())
    end
end
if holder ~= ARGV[1] then
    local mine = before and cjson.decode(before).o == ARGV[1]
    if ARGV[3] ~= 'late' or (before and not mine) then
        return answer('lost', before or '', stands())
    end
end
write('SET', KEYS[2], ARGV[2])
local journal = {}
if redis.call('EXISTS', dispute) == 1 then
    write('DEL', dispute)
    journal = {'S', KEYS[2], '', ARGV[2]}
end
if holder == ARGV[1] then
    write('HINCRBY', KEYS[1], 'n', 1)
    write('PEXPIRE', KEYS[1], ARGV[4])
end
release()
return answer('ok', ARGV[2], journal)
