-- Hands out the next places in time of one budget. All times are in µs.
--
-- KEYS  1 the budget, a hash: b its clock, t the next free place, g how often the clock jumped,
--         p:OWNER the clock that a process which may spend a reserve heard last
-- ARGV  1 Redis's time, as the caller reckons it   2 the jumps it knows of, with a + when it saw
--       another, "" for a new caller, "-" for one that does not count   3 between two places   4 places wanted   5 no place is further off
--       6 a new budget stays empty so long   7 so long nobody gets a place: the vendor refused
--       8 time to live of the key in ms   9 owner, "" without a reserve   10 the clock in the last
--       answer it received, "" none, "bye": it leaves   11 silence after which an owner may spend
--       its reserve, 12 and no longer   13 the reserve of one owner, in thousandths
--       14 places come in such numbers   15 no place is sooner than so far off: the answer takes
--       that long   16 nobody has places further off than that
-- Returns {"ok", "", journal, clock, first place, places given, between them, until the next, g}
-- After a jump nobody gets a place until those given before are spent, and nobody who does not know
-- of it. Not journaled.
local key = KEYS[1]
local now, jumps, interval = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local wanted, horizon = tonumber(ARGV[4]), tonumber(ARGV[5])
local lead, far = tonumber(ARGV[15]), tonumber(ARGV[16])
local known = redis.call('HMGET', key, 'b', 't', 'g')
local clock, free, g = tonumber(known[1] or now), tonumber(known[2] or now), known[3] or '0'
if not known[1] then
    free = now + tonumber(ARGV[6])
elseif jumps == g .. '+' or clock - now > 2000000 and (jumps == '' or jumps == '-') then
    free = now + math.max(far + interval, free - clock)
    clock = now
    g = tostring(tonumber(g) + 1)
elseif jumps == '' and now - clock > 2000000 then
    free = math.max(free, now + far + interval)
elseif jumps ~= '' and jumps ~= '-' and jumps ~= g then
    now = clock
    wanted = 0
end
clock = math.max(clock, now)
local function text(number)
    return string.format('%.0f', number)
end

local silent = 0
if ARGV[9] ~= '' then
    local mine = 'p:' .. ARGV[9]
    local heard = tonumber(ARGV[10] ~= '' and ARGV[10] or clock)
    local all = redis.call('HGETALL', key)
    for i = 1, #all, 2 do
        if string.sub(all[i], 1, 2) == 'p:' and all[i] ~= mine then
            local quiet = clock - tonumber(all[i + 1])
            if quiet > tonumber(ARGV[12]) then
                write('HDEL', key, all[i])
            elseif quiet > tonumber(ARGV[11]) then
                silent = silent + 1
            end
        end
    end
    if heard then
        local quiet = clock - heard
        silent = silent + ((quiet > tonumber(ARGV[11]) and quiet <= tonumber(ARGV[12])) and 1 or 0)
        write('HSET', key, mine, text(heard))
    else
        write('HDEL', key, mine)
    end
end
interval = math.ceil(interval * 1000 / math.max(50, 1000 - silent * tonumber(ARGV[13])))

free = math.max(free, clock)
if tonumber(ARGV[7]) > 0 then
    free = math.max(free, clock + tonumber(ARGV[7]))
end
local given = 0
horizon = horizon + lead
if wanted > 0 and free <= clock + horizon then
    free = math.max(free, clock + lead)
    given = math.min(wanted, math.floor((clock + horizon - free) / interval) + 1)
    given = given - given % math.min(given, tonumber(ARGV[14]))
end
write('HSET', key, 'b', text(clock), 't', text(free + given * interval), 'g', g)
write('PEXPIRE', key, ARGV[8])
return answer('ok', '', {}, text(clock), text(free), tostring(given), text(interval),
              text(math.max(0, free + given * interval - clock - horizon)), g)
