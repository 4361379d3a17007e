-- Takes the lease of an order key and says what is known of the effect.
--
-- KEYS  1 the order key's lease (hash: o owner, n grants, w who waits,
--         r reserved for, rn refusals since)
--       2 the effect's record
-- ARGV  1 owner token   2 "owner:grants" that was seen unchanged for a whole lease, or ""
--       3 time to live of the lease's key in ms
-- Returns {word, text, journal}
--   settled  the effect's record: done or dead; the lease was not touched
--   busy     "owner:grants" of who has it
--   fresh    "absent" | "free" | "mine" | "stolen": how the lease was found; no record
--   open     the same, and the record as a fourth element: intended, or next
--
-- No clock: a lease is dead when its holder's grants stood still for a lease's
-- length on the asker's own monotonic clock.
local effect = redis.call('GET', KEYS[2])
if effect then
    local state = string.sub(effect, 1, 10)
    if state == '{"s":"done' or state == '{"s":"dead' then
        return {'settled', effect, {}}
    end
end
local lease = redis.call('HMGET', KEYS[1], 'o', 'n', 'r', 'rn')
local owner, grants = lease[1], lease[2] or '0'
local found = 'absent'
if owner and owner ~= '' and owner ~= ARGV[1] then
    local holder = owner .. ':' .. grants
    if ARGV[2] ~= holder then
        redis.call('HSET', KEYS[1], 'w', ARGV[1])
        return {'busy', holder, {}}
    end
    found = 'stolen'
elseif owner == ARGV[1] then
    found = 'mine'
elseif owner == '' then
    found = 'free'
    local reserved = lease[3]
    if reserved and reserved ~= '' and reserved ~= ARGV[1] and tonumber(lease[4] or '0') < 3 then
        redis.call('HINCRBY', KEYS[1], 'rn', 1)
        return {'busy', 'reserved:' .. grants, {}}
    end
end
if redis.call('HGET', KEYS[1], 'w') == ARGV[1] then
    redis.call('HDEL', KEYS[1], 'w')
end
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'n', tonumber(grants) + 1, 'r', '', 'rn', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if effect then
    return {'open', found, {}, effect}
end
return {'fresh', found, {}}
