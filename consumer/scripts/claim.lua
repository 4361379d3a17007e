-- Takes the lease of an order key and says what is known of the effect.
--
-- KEYS  1 the order key's lease (hash: o owner, c the owner's number for the claim, n grants,
--         w who waits, r reserved for, rn refusals since, u when a call of an earlier holder, of
--         which nothing is known, may have been under way when this owner had it first)
--       2 the effect's record
-- ARGV  1 owner token   2 "owner:claim:grants" that was seen unchanged for a whole lease, or ""
--       3 time to live of the lease's key in ms
--       4 "dead" when an effect that ended dead shall be tried again, "done" when one that is done
--         shall be walked once more, or ""
--       5 a number that this owner gives no other claim: a lease that was let go and taken again
--         counts its grants anew, and must not look like the one that was seen before
--       6 "next" when the lease is this owner's through an item before this one, of the same key: it
--         does not go from item to item while another owner waits for it
-- Returns {word, text, journal}
--   settled  the effect's record: done or dead; the lease was not touched
--   busy     "owner:claim:grants" of who has it, or "waited for"; never in a dry run, which takes
--            no lease
--   fresh    "absent" | "free" | "mine" | "mine_unknown" | "stolen": how the lease was found; no
--            record. Absent, too, when it was let go with a call under way: nobody knows; and mine
--            but unknown since a claim of mine that found it absent
--            ("held" in a dry run: somebody else has it)
--   open     the same, and the record as a fourth element: intended, next, or the settled one
--
-- No clock: a lease is dead when its holder's grants stood still for a lease's
-- length on the asker's own monotonic clock.
local effect = redis.call('GET', KEYS[2])
if effect then
    local state = string.sub(effect, 1, 10)
    if (state == '{"s":"done' and ARGV[4] ~= 'done') or
       (state == '{"s":"dead' and ARGV[4] ~= 'dead') then
        return answer('settled', effect, {})
    end
end
local lease = redis.call('HMGET', KEYS[1], 'o', 'n', 'r', 'rn', 'u', 'c', 'w')
local owner, grants, waits = lease[1], lease[2] or '0', lease[7]
local found = 'absent'
if owner and owner ~= '' and owner ~= ARGV[1] then
    local holder = owner .. ':' .. (lease[6] or '') .. ':' .. grants
    found = ARGV[2] == holder and 'stolen' or 'held'
    if live and found == 'held' then
        write('HSET', KEYS[1], 'w', ARGV[1])
        return answer('busy', holder, {})
    end
elseif owner == ARGV[1] then
    found = lease[5] == '1' and 'mine_unknown' or 'mine'
    if live and ARGV[6] == 'next' and waits and waits ~= ARGV[1] then
        return answer('busy', 'waited for', {})
    end
elseif owner == '' then
    found = lease[5] == '1' and 'absent' or 'free'
    local reserved = lease[3]
    local others = reserved and reserved ~= '' and reserved ~= ARGV[1]
    if live and others and tonumber(lease[4] or '0') < 3 then
        write('HINCRBY', KEYS[1], 'rn', 1)
        return answer('busy', 'reserved:' .. grants, {})
    end
end
if waits == ARGV[1] then
    write('HDEL', KEYS[1], 'w')
end
write('HSET', KEYS[1], 'o', ARGV[1], 'c', ARGV[5], 'n', tonumber(grants) + 1, 'r', '', 'rn', 0,
    'u', (found == 'absent' or found == 'mine_unknown') and '1' or '')
write('PEXPIRE', KEYS[1], ARGV[3])
if effect then
    return answer('open', found, {}, effect)
end
return answer('fresh', found, {})
