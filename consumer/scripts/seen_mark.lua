-- Marks offsets of one segment as wholly settled.
--
-- KEYS  1 the segment: 24 bytes of guard (lowest offset marked, its timestamp, newest timestamp;
--       each 8 bytes, big-endian) and a bitmap
-- ARGV  1 lowest offset marked now   2 its timestamp in ms   3 newest timestamp in ms
--       4… the bits to set, relative to the segment
-- Returns {"ok", "", journal}
--
-- The guard tells a topic that was made anew from the one the bits were set for.
local function pack(number)
    return struct.pack('>I8', number)
end
local head = redis.call('GETRANGE', KEYS[1], 0, 23)
local low, low_at, newest = ARGV[1], ARGV[2], ARGV[3]
if #head == 24 then
    local was_low, was_at, was_newest = struct.unpack('>I8I8I8', head)
    local same = tonumber(low) == was_low and tonumber(low_at) ~= was_at
    local back = tonumber(low) < was_low and tonumber(low_at) > was_newest
    local foreign = same or back
    if foreign then
        -- The offset has another time than it had, or is older by place and newer by time than
        -- all that was marked: the bits are another topic's.
        write('DEL', KEYS[1])
    elseif was_low <= tonumber(low) then
        low, low_at = was_low, was_at
    end
    if not foreign and was_newest > tonumber(newest) then
        newest = was_newest
    end
end
write('SETRANGE', KEYS[1], 0, pack(low) .. pack(low_at) .. pack(newest))
for i = 4, #ARGV do
    write('SETBIT', KEYS[1], 24 * 8 + tonumber(ARGV[i]), 1)
end
return answer('ok', '', {})
