/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripts of seen bits, themes and the restore, on a real Redis. What a
 * script journals is compared with what Redis holds after every row.
 */
#include "tests/component/engine/script_rows.h"

static void test_seen_mark(void **state)
{
    static const struct row rows[] = {
        {"first marks", {"seen_mark", "1", "@s", "100", "5000", "5200", "100", "102"}, "[ok,,[]]"},
        {"guard", {"guard_of", "1", "@s"}, "[100,5000,5200,25]"},
        {"100", {"GETBIT", "@s", "292"}, "1"},
        {"101", {"GETBIT", "@s", "293"}, "0"},
        {"102", {"GETBIT", "@s", "294"}, "1"},
        {"bits", {"BITCOUNT", "@s", "24", "-1"}, "2"},
        {"higher ones", {"seen_mark", "1", "@s", "103", "5300", "5900", "103"}, "[ok,,[]]"},
        {"lowest stays, newest moves up", {"guard_of", "1", "@s"}, "[100,5000,5900,25]"},
        {"an older one", {"seen_mark", "1", "@s", "105", "1000", "1000", "105"}, "[ok,,[]]"},
        {"newest does not move down", {"guard_of", "1", "@s"}, "[100,5000,5900,25]"},
        {"a lower one", {"seen_mark", "1", "@s", "0", "4000", "4000", "0"}, "[ok,,[]]"},
        {"lowest moves down", {"guard_of", "1", "@s"}, "[0,4000,5900,25]"},
        {"0 is the first bit behind the guard", {"GETBIT", "@s", "192"}, "1"},
        {"five bits", {"BITCOUNT", "@s", "24", "-1"}, "5"},
        {"twice is once", {"seen_mark", "1", "@s", "0", "4000", "4000", "0"}, "[ok,,[]]"},
        {"still five", {"BITCOUNT", "@s", "24", "-1"}, "5"},
        {"the last bit of a segment",
         {"seen_mark", "1", "@s", "65535", "9000", "9000", "65535"},
         "[ok,,[]]"},
        {"its length", {"STRLEN", "@s"}, "8216"},
        {"offsets of years to come",
         {"seen_mark", "1", "@t", "4503599627370496", "1790000000000", "1790000000001", "7"},
         "[ok,,[]]"},
        {"are whole", {"guard_of", "1", "@t"}, "[4503599627370496,1790000000000,1790000000001,25]"},
    };
    ROWS(state, rows);
}

#define WEIGH(interview, rules, volume)                                                            \
    {                                                                                              \
        "theme_weigh", "4", "@theme", "@evidence", "@told", "@wins", interview, interview ".e",    \
            rules, volume, "{\"i\":\"" interview "\"}", "Slow"                                     \
    }

static void test_theme_counts_to_its_volume(void **state)
{
    static const struct row rows[] = {
        {"first", WEIGH("i1", "count", "3"), "[watch,{*},[*],1]"},
        {"watching", {"theme_of", "1", "@theme"}, "[watching,-,-,-,-,-,Slow]"},
        {"the same interview counts once", WEIGH("i1", "count", "3"), "[watch,{*},[*],1]"},
        {"second", WEIGH("i2", "count", "3"), "[watch,{*},[*],2]"},
        {"one that only watches", WEIGH("i3", "watch", "1"), "[watch,{*},[*],3]"},
        {"reaches the volume", WEIGH("i2", "count", "3"),
         "[file,{*},[*],i1,{\"i\":\"i1\"},i2,{\"i\":\"i2\"},i3,{\"i\":\"i3\"}]"},
        {"filing", {"theme_of", "1", "@theme"}, "[filing,i2.e,-,-,-,-,Slow]"},
        {"again, the same effect", WEIGH("i2", "count", "3"), "[file,*"},
        {"took nothing over", {"theme_of", "1", "@theme"}, "[filing,i2.e,-,-,-,-,Slow]"},
        {"what would only watch files now", WEIGH("i4", "watch", "3"), "[file,{*},*"},
        {"it took over", {"theme_of", "1", "@theme"}, "[filing,i4.e,i2.e,-,-,-,Slow]"},
        {"another effect files", WEIGH("i5", "count", "3"), "[file,{*},*"},
        {"and says whose it was", {"theme_of", "1", "@theme"}, "[filing,i5.e,i4.e,-,-,-,Slow]"},
        {"a second run does not forget", WEIGH("i5", "count", "3"), "[file,{*},*"},
        {"whose it was", {"theme_of", "1", "@theme"}, "[filing,i5.e,i4.e,-,-,-,Slow]"},
        {"evidence", {"HLEN", "@evidence"}, "5"},
    };
    ROWS(state, rows);
}

static void test_theme_files_at_once(void **state)
{
    static const struct row rows[] = {
        {"file", WEIGH("i1", "file", "3"), "[file,{*},[*],i1,{\"i\":\"i1\"}]"},
        {"filing", {"theme_of", "1", "@theme"}, "[filing,i1.e,-,-,-,-,Slow]"},
        {"volume of one",
         {"theme_weigh", "4", "@t2", "@e2", "@d2", "@w2", "i9", "i9.e", "count", "1", "{}", "Slow"},
         "[file,{*},[*],i9,{}]"},
    };
    ROWS(state, rows);
}

static void test_theme_with_wins(void **state)
{
    static const struct row rows[] = {
        {"win", WEIGH("i1", "win", "2"), "[win,{*},[*]]"},
        {"status", {"theme_of", "1", "@theme"}, "[win,-,-,-,-,-,Slow]"},
        {"with the wins", {"HKEYS", "@wins"}, "[i1]"},
        {"no evidence", {"EXISTS", "@evidence"}, "0"},
        {"a complaint", WEIGH("i2", "count", "2"), "[watch,{*},[*],1]"},
        {"watching", {"theme_of", "1", "@theme"}, "[watching,-,-,-,-,-,Slow]"},
        {"another win", WEIGH("i3", "win", "2"), "[win,{*},[*]]"},
        {"changes no status", {"theme_of", "1", "@theme"}, "[watching,-,-,-,-,-,Slow]"},
        {"files", WEIGH("i4", "file", "2"), "[file,{*},*"},
        {"a win while filing", WEIGH("i5", "win", "2"), "[win,{*},[*]]"},
        {"filing", {"theme_of", "1", "@theme"}, "[filing,i4.e,-,-,-,-,Slow]"},
    };
    ROWS(state, rows);
}

static void test_theme_filed(void **state)
{
    static const struct row rows[] = {
        {"file", WEIGH("i1", "file", "3"), "[file,*"},
        {"taken over", WEIGH("i2", "file", "3"), "[file,*"},
        {"kept",
         {"theme_keep", "2", "@theme", "@told", "PROD-7", "10007", "[\"i1\",\"i2\"]", "", "Slow"},
         "[ok,{*},[S,@theme,,{*},S,@told,,[\"i1\",\"i2\"]]]"},
        {"filed, nobody before", {"theme_of", "1", "@theme"}, "[filed,i2.e,-,PROD-7,10007,-,Slow]"},
        {"keeping twice",
         {"theme_keep", "2", "@theme", "@told", "PROD-7", "10007", "[\"i1\",\"i2\"]", "", "Slow"},
         "[ok,*"},
        {"told", WEIGH("i1", "count", "3"), "[filed,{*},[*],told]"},
        {"untold", WEIGH("i3", "count", "3"), "[filed,{*},[*],]"},
        {"counted as evidence", {"HLEN", "@evidence"}, "3"},
        {"a win is evidence for its ticket", WEIGH("i4", "win", "3"), "[filed,{*},[*],]"},
        {"still filed", {"theme_of", "1", "@theme"}, "[filed,i2.e,-,PROD-7,10007,-,Slow]"},
        {"without the list", {"DEL", "@told"}, "1"},
        {"nobody was told", WEIGH("i1", "count", "3"), "[filed,{*},[*],]"},
        {"an empty list", {"SET", "@told", "[]"}, "OK"},
        {"likewise", WEIGH("i1", "count", "3"), "[filed,{*},[*],]"},
    };
    ROWS(state, rows);
}

static void test_theme_keep(void **state)
{
    static const struct row rows[] = {
        {"a theme that Redis forgot",
         {"theme_keep", "2", "@theme", "@told", "PROD-1", "10001", "[]", "adopted", "Slow \"x\""},
         "[ok,{*},[S,@theme,*"},
        {"adopted", {"theme_of", "1", "@theme"}, "[filed,-,-,PROD-1,10001,true,Slow \"x\"]"},
        {"made, not adopted",
         {"theme_keep", "2", "@theme", "@told", "PROD-2", "10002", "[]", "", "other"},
         "[ok,*"},
        {"its name stays", {"theme_of", "1", "@theme"}, "[filed,-,-,PROD-2,10002,-,Slow \"x\"]"},
    };
    ROWS(state, rows);
}

/* Over the bounds of a listpack a hash has another order. */
static void test_theme_with_much_evidence(void **state)
{
#define LONG(interview)                                                                            \
    "{\"i\":\"" interview "\",\"q\":\"01234567890123456789012345678901234567890123456789012345\"}"
    static const struct row rows[] = {
        {"much", {"HSET", "@evidence", "i1", LONG("a"), "i2", LONG("b"), "i3", LONG("c")}, "3"},
        {"another kind of hash", {"OBJECT", "ENCODING", "@evidence"}, "hashtable"},
        {"new", WEIGH("i4", "count", "4"), "[file,{*},[*],*,*,*,*,*,*,*,*]"},
        {"known, and heard anew", WEIGH("i2", "count", "4"), "[file,{*},[*],*{\"i\":\"i2\"}*]"},
        {"four", {"HLEN", "@evidence"}, "4"},
    };
    ROWS(state, rows);
}

static void test_restore_of_a_sorted_set(void **state)
{
    static const struct row rows[] = {
        {"locked", {"SET", "@lock", "me", "PX", "5000"}, "OK"},
        {"members",
         {"restore_apply",
          "1",
          "@lock",
          "me",
          "60000",
          "Z",
          "@z",
          "late",
          "1790000000000",
          "Z",
          "@z",
          "soon",
          "-2.5",
          "Z",
          "@z",
          "gone",
          "3",
          "z",
          "@z",
          "gone",
          ""},
         "[ok,,[]]"},
        {"by their scores",
         {"ZRANGE", "@z", "0", "-1", "WITHSCORES"},
         "[soon,-2.5,late,1790000000000]"},
        {"moved",
         {"restore_apply", "1", "@lock", "me", "60000", "Z", "@z", "late", "-9", "z", "@z", "soon",
          "", "z", "@nothing", "x", ""},
         "[ok,,[]]"},
        {"one is left", {"ZRANGE", "@z", "0", "-1", "WITHSCORES"}, "[late,-9]"},
    };
    ROWS(state, rows);
}

static void test_restore_clear(void **state)
{
    static const struct row rows[] = {
        {"two keys", {"MSET", "@a", "1", "@b", "2", "@c", "3"}, "OK"},
        {"no lock", {"restore_clear", "1", "@lock", "me", "60000", "@a"}, "[lost,,[]]"},
        {"nothing is gone", {"EXISTS", "@a"}, "1"},
        {"locked", {"SET", "@lock", "me", "PX", "5000"}, "OK"},
        {"removed", {"restore_clear", "1", "@lock", "me", "60000", "@a", "@b"}, "[ok,,[]]"},
        {"both, and no other", {"EXISTS", "@a", "@b", "@c"}, "1"},
        {"the lock lives on", {"lives", "1", "@lock"}, "true"},
        {"none", {"restore_clear", "1", "@lock", "me", "60000"}, "[ok,,[]]"},
    };
    ROWS(state, rows);
}

static void test_mark(void **state)
{
    static const struct row rows[] = {
        {"no epoch", {"mark", "2", "@epoch", "@mark", "{1}", "100", "5", "0", "7"}, "[lost,,[]]"},
        {"no mark", {"EXISTS", "@mark"}, "0"},
        {"opened", {"SET", "@epoch", "{1}"}, "OK"},
        {"first",
         {"mark", "2", "@epoch", "@mark", "{1}", "100", "5", "0", "7", "1", "9"},
         "[ok,,[]]"},
        {"at, age, places", {"HMGET", "@mark", "at", "age", "0", "1"}, "[100,5,7,9]"},
        {"the largest counts",
         {"mark", "2", "@epoch", "@mark", "{1}", "90", "4", "0", "6", "1", "11", "2", "0"},
         "[ok,,[]]"},
        {"but of the wall clock", {"HMGET", "@mark", "at", "age", "0", "1", "2"}, "[90,5,7,11,0]"},
        {"no places", {"mark", "2", "@epoch", "@mark", "{1}", "200", "60"}, "[ok,,[]]"},
        {"older", {"HMGET", "@mark", "at", "age", "0"}, "[200,60,7]"},
        {"another view",
         {"mark", "2", "@epoch", "@mark", "{2}", "300", "900", "0", "99"},
         "[lost,,[]]"},
        {"nothing changed", {"HMGET", "@mark", "at", "age", "0"}, "[200,60,7]"},
    };
    ROWS(state, rows);
}

static void test_restore(void **state)
{
    static const struct row rows[] = {
        {"old things", {"SET", "@k3", "old"}, "OK"},
        {"of a hash", {"HSET", "@h", "gone", "1", "kept", "2"}, "2"},
        {"no lock",
         {"restore_apply", "1", "@lock", "me", "60000", "S", "@k1", "", "v1"},
         "[lost,,[]]"},
        {"nothing was written", {"EXISTS", "@k1"}, "0"},
        {"locked", {"SET", "@lock", "me", "PX", "5000"}, "OK"},
        {"applied",
         {"restore_apply",
          "1",
          "@lock",
          "me",
          "60000",
          "S",
          "@k1",
          "",
          "v1",
          "H",
          "@h",
          "f",
          "w",
          "s",
          "@k3",
          "",
          "",
          "h",
          "@h",
          "gone",
          ""},
         "[ok,,[]]"},
        {"the lock lives on", {"lives", "1", "@lock"}, "true"},
        {"string", {"GET", "@k1"}, "v1"},
        {"field", {"HGETALL", "@h"}, "[kept,2,f,w]"},
        {"deleted", {"EXISTS", "@k3"}, "0"},
    };
    ROWS(state, rows);
}

static void test_restore_opens_once(void **state)
{
    static const struct row rows[] = {
        {"locked", {"SET", "@lock", "me", "PX", "5000"}, "OK"},
        {"applied",
         {"restore_apply", "1", "@lock", "me", "60000", "S", "@k1", "", "v1"},
         "[ok,,[]]"},
        {"another has the lock",
         {"restore_apply", "1", "@lock", "she", "60000", "S", "@k1", "", "hers"},
         "[lost,,[]]"},
        {"nothing of hers", {"GET", "@k1"}, "v1"},
        {"nor may she open",
         {"restore_done", "3", "@lock", "@epoch", "@mark", "she", "{}", "e", "1", "age", "0"},
         "[lost,,[]]"},
        {"no epoch", {"EXISTS", "@epoch", "@mark"}, "0"},
        {"of an earlier view", {"HSET", "@mark", "7", "700"}, "1"},
        {"opened",
         {"restore_done", "3", "@lock", "@epoch", "@mark", "me", "{\"id\":1}", "e", "1", "age",
          "0"},
         "[ok,,[]]"},
        {"epoch", {"GET", "@epoch"}, "{\"id\":1}"},
        {"and its mark alone", {"HGETALL", "@mark"}, "[e,1,age,0]"},
        {"no lock stays", {"EXISTS", "@lock"}, "0"},
        {"a batch that comes late",
         {"restore_apply", "1", "@lock", "me", "60000", "S", "@k1", "", "late"},
         "[lost,,[]]"},
        {"changes nothing", {"GET", "@k1"}, "v1"},
        {"opened once",
         {"restore_done", "3", "@lock", "@epoch", "@mark", "me", "{\"id\":2}", "e", "1", "age",
          "0"},
         "[lost,,[]]"},
        {"the first epoch stands", {"GET", "@epoch"}, "{\"id\":1}"},
    };
    ROWS(state, rows);
}

/* ---- later, and what is taken back -------------------------------------------------------- */

static void test_later(void **state)
{
    static const struct row rows[] = {
        {"nothing", {"later_due", "2", "@d", "@n", "1000", "5"}, "[ok,0,[]]"},
        {"put",
         {"later_put", "2", "@d", "@n", "a", "1000", "{\"offset\":4}"},
         "[ok,,[H,@n,a,{\"offset\":4},Z,@d,a,1000]]"},
        {"another", {"later_put", "2", "@d", "@n", "b", "900", "{\"offset\":2}"}, "[ok,,*"},
        {"not yet", {"later_due", "2", "@d", "@n", "899", "5"}, "[ok,2,[]]"},
        {"one", {"later_due", "2", "@d", "@n", "900", "5"}, "[ok,2,[],b,900,{\"offset\":2}]"},
        {"both, the earliest first",
         {"later_due", "2", "@d", "@n", "5000", "5"},
         "[ok,2,[],b,900,{\"offset\":2},a,1000,{\"offset\":4}]"},
        {"no more than asked", {"later_due", "2", "@d", "@n", "5000", "1"}, "[ok,2,[],b,900,*"},
        {"put off", {"later_put", "2", "@d", "@n", "b", "7000", "{\"offset\":2}"}, "[ok,,*"},
        {"not twice", {"later_due", "2", "@d", "@n", "9000", "5"}, "[ok,2,[],a,1000,*,b,7000,*"},
        {"its entry is lost", {"HDEL", "@n", "a"}, "1"},
        {"said so", {"later_due", "2", "@d", "@n", "1000", "5"}, "[ok,2,[],a,1000,]"},
        {"dropped", {"later_drop", "2", "@d", "@n", "a"}, "[ok,,[Z,@d,a,(nil),H,@n,a,(nil)]]"},
        {"twice", {"later_drop", "2", "@d", "@n", "a"}, "[ok,,*"},
        {"one is left", {"later_due", "2", "@d", "@n", "9000", "5"}, "[ok,1,[],b,7000,*"},
    };
    ROWS(state, rows);
}

static void test_theme_return(void **state)
{
    static const struct row rows[] = {
        {"no theme", {"theme_return", "1", "@t", "a"}, "[ok,,[]]"},
        {"filing", {"SET", "@t", "{\"status\":\"filing\",\"owner\":\"a\"}"}, "OK"},
        {"by another", {"theme_return", "1", "@t", "b"}, "[ok,{*filing*},[]]"},
        {"it is still filed", {"GET", "@t"}, "{\"status\":\"filing\",\"owner\":\"a\"}"},
        {"by this one",
         {"theme_return", "1", "@t", "a"},
         "[ok,{\"status\":\"watching\"},[S,@t,,{\"status\":\"watching\"}]]"},
        {"twice", {"theme_return", "1", "@t", "a"}, "[ok,{\"status\":\"watching\"},[]]"},
        {"filed", {"SET", "@t", "{\"status\":\"filed\",\"owner\":\"a\"}"}, "OK"},
        {"a ticket stays", {"theme_return", "1", "@t", "a"}, "[ok,{*filed*},[]]"},
    };
    ROWS(state, rows);
}

/* Places: times in µs; 10 ms apart, no further off than 30 ms, 100 ms empty at birth. */
static void test_budget_take(void **state)
{
#define TAKE_WITH_LEAD(now, jumps, wanted, hold, owner, heard, lead)                               \
    {                                                                                              \
        "budget_take", "1", "@b", now, jumps, "10000", wanted, "30000", "100000", hold, "60000",   \
            owner, heard, "500000", "2000000", "100", "1", lead, "50000"                           \
    }
#define TAKE_PLACES(now, jumps, wanted, hold, owner, heard)                                        \
    TAKE_WITH_LEAD(now, jumps, wanted, hold, owner, heard, "0")
    static const struct row rows[] = {
        {"it begins empty", TAKE_PLACES("1000000", "", "5", "0", "a", ""),
         "[ok,,[],1000000,1100000,0,10000,70000,0]"},
        {"as far as the horizon", TAKE_PLACES("1080000", "0", "5", "0", "a", "1000000"),
         "[ok,,[],1080000,1100000,2,10000,10000,0]"},
        {"the next are others", TAKE_PLACES("1095000", "0", "1", "0", "b", ""),
         "[ok,,[],1095000,1120000,1,10000,5000,0]"},
        {"a reading that lags does not turn it back",
         TAKE_PLACES("1090000", "0", "1", "0", "a", ""), "[ok,,[],1095000,1130000,0,10000,5000,0]"},
        {"a is silent: b gets its share less",
         TAKE_PLACES("1700000", "0", "2", "0", "b", "1690000"),
         "[ok,,[],1700000,1700000,2,11112,0,0]"},
        {"a leaves", TAKE_PLACES("1800000", "0", "0", "0", "a", "bye"), "[ok,,[],1800000,*"},
        {"so b has all", TAKE_PLACES("1900000", "0", "1", "0", "b", "1890000"),
         "[ok,,[],1900000,1900000,1,10000,0,0]"},
        {"none lies before the answer comes",
         TAKE_WITH_LEAD("1902000", "0", "2", "0", "b", "1900000", "40000"),
         "[ok,,[],1902000,1942000,2,10000,0,0]"},
        {"refused: nobody", TAKE_PLACES("1910000", "0", "1", "500000", "b", "1900000"),
         "[ok,,[],1910000,2410000,0,10000,470000,0]"},
        {"the clock jumped back, b knows", TAKE_PLACES("1000", "0+", "1", "0", "b", "1900000"),
         "[ok,,[],1000,501000,0,10000,470000,1]"},
        {"c does not: it gets none", TAKE_PLACES("1910000", "0", "1", "0", "c", "1900000"),
         "[ok,,[],1000,501000,0,*,1]"},
        {"its key ends by itself", {"lives", "1", "@b"}, "true"},
    };
    ROWS(state, rows);
#undef TAKE_PLACES
#undef TAKE_WITH_LEAD
}

static void test_hold_take(void **state)
{
    static const struct row rows[] = {
        {"one", {"hold_take", "2", "@h", "@c", "5000", "w/a", "2", "1000"}, "[go,,[]]"},
        {"again: counted once",
         {"hold_take", "2", "@h", "@c", "5100", "w/a", "2", "1000"},
         "[go,,[]]"},
        {"two", {"hold_take", "2", "@h", "@c", "5200", "w/b", "2", "1000"}, "[go,,[]]"},
        {"three is one too many",
         {"hold_take", "2", "@h", "@c", "5300", "w/c", "2", "1000"},
         "[held,{\"since_ms\":5300,\"counted\":2},"
         "[S,@h,,{\"since_ms\":5300,\"counted\":2}]]"},
        {"and then nobody",
         {"hold_take", "2", "@h", "@c", "9900", "w/a", "2", "1000"},
         "[held,{*5300*},[]]"},
        {"released", {"DEL", "@h"}, "1"},
        {"the old ones count no more",
         {"hold_take", "2", "@h", "@c", "9900", "w/d", "2", "1000"},
         "[go,,[]]"},
        {"they are gone", {"ZCARD", "@c"}, "1"},
    };
    ROWS(state, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seen_mark),
        cmocka_unit_test(test_theme_counts_to_its_volume),
        cmocka_unit_test(test_theme_files_at_once),
        cmocka_unit_test(test_theme_with_wins),
        cmocka_unit_test(test_theme_filed),
        cmocka_unit_test(test_theme_keep),
        cmocka_unit_test(test_theme_with_much_evidence),
        cmocka_unit_test(test_restore),
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_theme_return),
        cmocka_unit_test(test_restore_opens_once),
        cmocka_unit_test(test_restore_of_a_sorted_set),
        cmocka_unit_test(test_restore_clear),
        cmocka_unit_test(test_mark),
        cmocka_unit_test(test_budget_take),
        cmocka_unit_test(test_hold_take),
    };
    return cmocka_run_group_tests(tests, rows_open, rows_close);
}
