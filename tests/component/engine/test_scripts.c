/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripts of the lease and the effect's record, on a real Redis: who gets a
 * lease, who may write what came of an effect, and that each bears a second run.
 */
#include "consumer/scripts.h"
#include "tests/component/engine/script_rows.h"

#include <string.h>

#define TTL "60000"

static void test_claim_one_after_the_other(void **state)
{
    static const struct row rows[] = {
        {"absent", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,absent,[]]"},
        {"what it left", {"lease_of", "1", "@l"}, "[me,1,-,,0]"},
        {"its key ends by itself", {"lives", "1", "@l"}, "true"},
        {"again: mine, and still nobody knows of calls before",
         {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"},
         "[fresh,mine_unknown,[]]"},
        {"one grant more", {"lease_of", "1", "@l"}, "[me,2,-,,0]"},
        {"another: busy", {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"}, "[busy,me:7:2,[]]"},
        {"and waits", {"lease_of", "1", "@l"}, "[me,2,she,,0]"},
        {"not with grants of before",
         {"claim", "2", "@l", "@e", "she", "me:7:1", TTL, "", "7"},
         "[busy,me:7:2,[]]"},
        {"not of another claim",
         {"claim", "2", "@l", "@e", "she", "me:6:2", TTL, "", "7"},
         "[busy,me:7:2,[]]"},
        {"not with another's name",
         {"claim", "2", "@l", "@e", "she", "he:7:2", TTL, "", "7"},
         "[busy,me:7:2,[]]"},
        {"not with a prefix",
         {"claim", "2", "@l", "@e", "she", "me:7:", TTL, "", "7"},
         "[busy,me:7:2,[]]"},
        {"nobody else changed it", {"lease_of", "1", "@l"}, "[me,2,she,,0]"},
        {"stolen", {"claim", "2", "@l", "@e", "she", "me:7:2", TTL, "", "7"}, "[fresh,stolen,[]]"},
        {"hers, and waits no more", {"lease_of", "1", "@l"}, "[she,3,-,,0]"},
        {"again: hers",
         {"claim", "2", "@l", "@e", "she", "me:7:2", TTL, "", "7"},
         "[fresh,mine,[]]"},
        {"who was robbed is busy",
         {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"},
         "[busy,she:7:4,[]]"},
    };
    ROWS(state, rows);
}

static void test_claim_and_the_record(void **state)
{
    static const struct row rows[] = {
        {"done", {"SET", "@e", "{\"s\":\"done\",\"r\":\"x\"}"}, "OK"},
        {"settled",
         {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"},
         "[settled,{\"s\":\"done\",\"r\":\"x\"},[]]"},
        {"no lease was taken", {"EXISTS", "@l"}, "0"},
        {"dead", {"SET", "@e", "{\"s\":\"dead\"}"}, "OK"},
        {"settled too",
         {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"},
         "[settled,{\"s\":\"dead\"},[]]"},
        {"intended", {"SET", "@e", "{\"s\":\"intended\",\"o\":\"me\"}"}, "OK"},
        {"open",
         {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"},
         "[open,absent,[],{\"s\":\"intended\",\"o\":\"me\"}]"},
        {"busy before open",
         {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"},
         "[busy,me:7:1,[]]"},
        {"open after a theft",
         {"claim", "2", "@l", "@e", "she", "me:7:1", TTL, "", "7"},
         "[open,stolen,[],{\"s\":\"intended\",\"o\":\"me\"}]"},
        {"next", {"SET", "@e", "{\"s\":\"next\",\"g\":\"keep\"}"}, "OK"},
        {"open there",
         {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"},
         "[open,mine,[],{\"s\":\"next\",\"g\":\"keep\"}]"},
    };
    ROWS(state, rows);
}

/* A line went to the changelog that Redis then refuses: the record that stands goes behind it. */
static void test_record_refused_after_its_line(void **state)
{
    static const struct row rows[] = {
        {"hers", {"HSET", "@l", "o", "she", "n", "3"}, "2"},
        {"nothing stands",
         {"record", "2", "@l", "@e", "me", "{\"s\":\"intended\"}", "held", TTL, "", "",
          "journaled"},
         "[lost,,[]]"},
        {"hers is done", {"SET", "@e", "{\"s\":\"done\",\"o\":\"she\"}"}, "OK"},
        {"mine comes late",
         {"record", "2", "@l", "@e", "me", "{\"s\":\"dead\"}", "late", TTL, "", ""},
         "[settled,*,[S,@e,,{\"s\":\"done\",\"o\":\"she\"}]]"},
        {"hers is under way", {"SET", "@e", "{\"s\":\"intended\",\"o\":\"she\"}"}, "OK"},
        {"mine comes late again",
         {"record", "2", "@l", "@e", "me", "{\"s\":\"dead\"}", "late", TTL, "", ""},
         "[lost,*,[S,@e,,{\"s\":\"intended\",\"o\":\"she\"}]]"},
    };
    ROWS(state, rows);
}

/* What the changelog says of a key is to be what Redis holds. */
static void test_restate(void **state)
{
    static const struct row rows[] = {
        {"nothing there", {"restate", "1", "@e", "S", "", ""}, "[stands,,[]]"},
        {"a key", {"SET", "@e", "two"}, "OK"},
        {"said", {"restate", "1", "@e", "S", "", ""}, "[said,two,[S,@e,,two]]"},
        {"it stands", {"restate", "1", "@e", "S", "", "two"}, "[stands,two,[]]"},
        {"meanwhile another", {"SET", "@e", "three"}, "OK"},
        {"said again", {"restate", "1", "@e", "S", "", "two"}, "[said,three,[S,@e,,three]]"},
        {"a field", {"HSET", "@h", "f", "five"}, "1"},
        {"of which nothing is known", {"restate", "1", "@h", "H", "g", "five"}, "[stands,,[]]"},
        {"is said", {"restate", "1", "@h", "H", "f", ""}, "[said,five,[H,@h,f,five]]"},
        {"and stands", {"restate", "1", "@h", "H", "f", "five"}, "[stands,five,[]]"},
        {"a member", {"ZADD", "@z", "7.5", "m"}, "1"},
        {"is said with its score", {"restate", "1", "@z", "Z", "m", ""}, "[said,7.5,[Z,@z,m,7.5]]"},
        {"which stands", {"restate", "1", "@z", "Z", "m", "7.5"}, "[stands,7.5,[]]"},
    };
    ROWS(state, rows);
}

static void test_claim_of_what_is_settled(void **state)
{
    static const struct row rows[] = {
        {"done", {"SET", "@e", "{\"s\":\"done\",\"r\":\"x\"}"}, "OK"},
        {"a redrive leaves it",
         {"claim", "2", "@l", "@e", "me", "", TTL, "dead", "7"},
         "[settled,{\"s\":\"done\",\"r\":\"x\"},[]]"},
        {"a redo walks it",
         {"claim", "2", "@l", "@e", "me", "", TTL, "done", "7"},
         "[open,absent,[],{\"s\":\"done\",\"r\":\"x\"}]"},
        {"with the lease", {"lease_of", "1", "@l"}, "[me,1,-,,0]"},
        {"and cannot write over it",
         {"record", "2", "@l", "@e", "me", "{\"s\":\"next\"}", "held", TTL, "", ""},
         "[settled,{\"s\":\"done\",\"r\":\"x\"},[S,@e,,{\"s\":\"done\",\"r\":\"x\"}]]"},
        {"dead", {"SET", "@e2", "{\"s\":\"dead\"}"}, "OK"},
        {"a redo leaves it",
         {"claim", "2", "@l", "@e2", "me", "", TTL, "done", "7"},
         "[settled,{\"s\":\"dead\"},[]]"},
    };
    ROWS(state, rows);
}

static void test_claim_keeps_a_place_for_who_waited(void **state)
{
    static const struct row rows[] = {
        {"mine", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,absent,[]]"},
        {"she waits", {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"}, "[busy,me:7:1,[]]"},
        {"I let go", {"lease", "1", "@l", "me", "release", TTL}, "[ok,,[]]"},
        {"reserved", {"lease_of", "1", "@l"}, "[,1,-,she,0]"},
        {"she gets it", {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"}, "[fresh,free,[]]"},
        {"and nothing is reserved", {"lease_of", "1", "@l"}, "[she,2,-,,0]"},
        {"I wait", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[busy,she:7:2,[]]"},
        {"she lets go", {"lease", "1", "@l", "she", "release", TTL}, "[ok,,[]]"},
        {"first refusal",
         {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"},
         "[busy,reserved:2,[]]"},
        {"second", {"claim", "2", "@l", "@e", "he", "", TTL, "", "7"}, "[busy,reserved:2,[]]"},
        {"third", {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"}, "[busy,reserved:2,[]]"},
        {"a dead waiter blocks nobody",
         {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"},
         "[fresh,free,[]]"},
        {"hers", {"lease_of", "1", "@l"}, "[she,3,-,,0]"},
        {"alone, she lets go", {"lease", "1", "@l", "she", "release", TTL}, "[ok,,[]]"},
        {"free for all", {"claim", "2", "@l", "@e", "he", "", TTL, "", "7"}, "[fresh,free,[]]"},
    };
    ROWS(state, rows);
}

static void test_lease(void **state)
{
    static const struct row rows[] = {
        {"nobody has it", {"lease", "1", "@l", "me", "renew", TTL}, "[lost,,[]]"},
        {"nothing was made", {"EXISTS", "@l"}, "0"},
        {"mine", {"claim", "2", "@l", "@e", "me", "", "5000", "", "7"}, "[fresh,absent,[]]"},
        {"renewed", {"lease", "1", "@l", "me", "renew", TTL}, "[ok,,[]]"},
        {"one grant more", {"lease_of", "1", "@l"}, "[me,2,-,,0]"},
        {"lives longer", {"lives", "1", "@l"}, "true"},
        {"not hers to renew", {"lease", "1", "@l", "she", "renew", TTL}, "[lost,,[]]"},
        {"nor to release", {"lease", "1", "@l", "she", "release", TTL}, "[lost,,[]]"},
        {"still mine", {"lease_of", "1", "@l"}, "[me,2,-,,0]"},
        {"released", {"lease", "1", "@l", "me", "release", TTL}, "[ok,,[]]"},
        {"the key stays, without an owner", {"lease_of", "1", "@l"}, "[,2,-,,0]"},
        {"released twice", {"lease", "1", "@l", "me", "release", TTL}, "[lost,,[]]"},
        {"not renewed any more", {"lease", "1", "@l", "me", "renew", TTL}, "[lost,,[]]"},
        {"she", {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"}, "[fresh,free,[]]"},
        {"a late release of mine", {"lease", "1", "@l", "me", "release", TTL}, "[lost,,[]]"},
        {"leaves hers alone", {"lease_of", "1", "@l"}, "[she,3,-,,0]"},
    };
    ROWS(state, rows);
}

/* Whoever is next must not take it for free of calls. */
static void test_lease_let_go_with_a_call_under_way(void **state)
{
    static const struct row rows[] = {
        {"mine", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,absent,[]]"},
        {"let go", {"lease", "1", "@l", "me", "drop", TTL}, "[ok,,[]]"},
        {"the grants go on", {"lease_of", "1", "@l"}, "[,1,-,,0]"},
        {"she knows nothing",
         {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"},
         "[fresh,absent,[]]"},
        {"he waits", {"claim", "2", "@l", "@e", "he", "", TTL, "", "7"}, "[busy,she:7:2,[]]"},
        {"let go with her record",
         {"record", "2", "@l", "@f", "she", "{\"s\":\"done\",\"o\":\"she\"}", "late", TTL, "drop",
          ""},
         "[ok,*"},
        {"he knows nothing",
         {"claim", "2", "@l", "@e", "he", "", TTL, "", "7"},
         "[fresh,absent,[]]"},
        {"released", {"lease", "1", "@l", "he", "release", TTL}, "[ok,,[]]"},
        {"it is forgotten", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,free,[]]"},
        {"for good", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,mine,[]]"},
    };
    ROWS(state, rows);
}

#define INTENDED_ME  "{\"s\":\"intended\",\"o\":\"me\"}"
#define DONE_ME      "{\"s\":\"done\",\"o\":\"me\"}"
#define NEXT_ME      "{\"s\":\"next\",\"o\":\"me\"}"
#define INTENDED_SHE "{\"s\":\"intended\",\"o\":\"she\"}"
#define DEAD_SHE     "{\"s\":\"dead\",\"o\":\"she\"}"
#define DONE_SHE     "{\"s\":\"done\",\"o\":\"she\"}"
#define WROTE(text)  "[ok," text ",[]]"
/* Behind a refusal, whose line may have come behind this one's. */
#define WROTE_AGAIN(text) "[ok," text ",[S,@e,," text "]]"

static void test_record_while_held(void **state)
{
    static const struct row rows[] = {
        {"without a lease",
         {"record", "2", "@l", "@e", "me", INTENDED_ME, "held", TTL, "", ""},
         "[lost,,[]]"},
        {"nothing was written", {"EXISTS", "@e", "@l"}, "0"},
        {"mine", {"claim", "2", "@l", "@e", "me", "", "5000", "", "7"}, "[fresh,absent,[]]"},
        {"intended",
         {"record", "2", "@l", "@e", "me", INTENDED_ME, "held", TTL, "", ""},
         WROTE_AGAIN(INTENDED_ME)},
        {"which renews the lease", {"lease_of", "1", "@l"}, "[me,2,-,,0]"},
        {"and its key", {"lives", "1", "@l"}, "true"},
        {"twice is once",
         {"record", "2", "@l", "@e", "me", INTENDED_ME, "held", TTL, "", ""},
         WROTE(INTENDED_ME)},
        {"next", {"record", "2", "@l", "@e", "me", NEXT_ME, "held", TTL, "", ""}, WROTE(NEXT_ME)},
        {"not hers",
         {"record", "2", "@l", "@e", "she", DONE_SHE, "held", TTL, "release", ""},
         "[lost," NEXT_ME ",[S,@e,," NEXT_ME "]]"},
        {"done, and let go",
         {"record", "2", "@l", "@e", "me", DONE_ME, "held", TTL, "release", ""},
         WROTE_AGAIN(DONE_ME)},
        {"nobody waited: no key stays", {"EXISTS", "@l"}, "0"},
        {"settled is final",
         {"record", "2", "@l", "@e", "me", NEXT_ME, "held", TTL, "", ""},
         "[settled," DONE_ME ",[S,@e,," DONE_ME "]]"},
        {"for everybody",
         {"record", "2", "@l", "@e", "she", DONE_SHE, "late", TTL, "", ""},
         "[settled," DONE_ME ",[S,@e,," DONE_ME "]]"},
        {"it stands", {"GET", "@e"}, DONE_ME},
    };
    ROWS(state, rows);
}

/* Somebody was refused, and says what stood, while my next record's line is on its way. */
static void test_record_under_dispute(void **state)
{
    static const struct row rows[] = {
        {"mine", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,absent,[]]"},
        {"said once",
         {"record", "2", "@l", "@e", "me", INTENDED_ME, "held", TTL, "", ""},
         WROTE(INTENDED_ME)},
        {"she is refused",
         {"record", "2", "@l", "@e", "she", DONE_SHE, "held", TTL, "", ""},
         "[lost," INTENDED_ME ",[S,@e,," INTENDED_ME "]]"},
        {"mine is said behind it",
         {"record", "2", "@l", "@e", "me", NEXT_ME, "held", TTL, "", ""},
         WROTE_AGAIN(NEXT_ME)},
        {"once", {"record", "2", "@l", "@e", "me", DONE_ME, "held", TTL, "", ""}, WROTE(DONE_ME)},
    };
    ROWS(state, rows);
}

static void test_record_hands_the_lease_to_who_waits(void **state)
{
    static const struct row rows[] = {
        {"mine", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,absent,[]]"},
        {"she waits", {"claim", "2", "@l", "@f", "she", "", TTL, "", "7"}, "[busy,me:7:1,[]]"},
        {"done",
         {"record", "2", "@l", "@e", "me", DONE_ME, "late", TTL, "release", ""},
         WROTE(DONE_ME)},
        {"reserved for her", {"lease_of", "1", "@l"}, "[,2,-,she,0]"},
        {"he is refused",
         {"claim", "2", "@l", "@f", "he", "", TTL, "", "7"},
         "[busy,reserved:2,[]]"},
        {"she has it", {"claim", "2", "@l", "@f", "she", "", TTL, "", "7"}, "[fresh,free,[]]"},
        {"a second run of mine",
         {"record", "2", "@l", "@e", "me", DONE_ME, "late", TTL, "release", ""},
         "[settled," DONE_ME ",[S,@e,," DONE_ME "]]"},
        {"lets nothing of hers go", {"lease_of", "1", "@l"}, "[she,3,-,,0]"},
        {"settled before, and still held",
         {"claim", "2", "@m", "@g", "me", "", TTL, "", "7"},
         "[fresh,absent,[]]"},
        {"by somebody else", {"SET", "@g", DONE_SHE}, "OK"},
        {"the lease goes all the same",
         {"record", "2", "@m", "@g", "me", DONE_ME, "late", TTL, "release", ""},
         "[settled," DONE_SHE ",[S,@g,," DONE_SHE "]]"},
        {"gone", {"EXISTS", "@m"}, "0"},
    };
    ROWS(state, rows);
}

static void test_record_that_comes_late(void **state)
{
    static const struct row rows[] = {
        {"mine", {"claim", "2", "@l", "@e", "me", "", TTL, "", "7"}, "[fresh,absent,[]]"},
        {"intended",
         {"record", "2", "@l", "@e", "me", INTENDED_ME, "held", TTL, "", ""},
         WROTE(INTENDED_ME)},
        {"stolen",
         {"claim", "2", "@l", "@e", "she", "me:7:2", TTL, "", "7"},
         "[open,stolen,[]," INTENDED_ME "]"},
        {"no second intent",
         {"record", "2", "@l", "@e", "me", INTENDED_ME, "held", TTL, "", ""},
         "[lost," INTENDED_ME ",[S,@e,," INTENDED_ME "]]"},
        {"what came of the first",
         {"record", "2", "@l", "@e", "me", NEXT_ME, "late", TTL, "", ""},
         WROTE_AGAIN(NEXT_ME)},
        {"her lease is untouched", {"lease_of", "1", "@l"}, "[she,3,-,,0]"},
        {"a release of mine too",
         {"record", "2", "@l", "@e", "me", NEXT_ME, "late", TTL, "release", ""},
         WROTE(NEXT_ME)},
        {"still hers", {"lease_of", "1", "@l"}, "[she,3,-,,0]"},
        {"her intent",
         {"record", "2", "@l", "@e", "she", "{\"s\":\"intended\",\"o\":\"she\"}", "held", TTL, "",
          ""},
         "[ok,*"},
        {"now mine is late for good",
         {"record", "2", "@l", "@e", "me", DONE_ME, "late", TTL, "release", ""},
         "[lost,{\"s\":\"intended\",\"o\":\"she\"},[S,@e,,{\"s\":\"intended\",\"o\":\"she\"}]]"},
        {"no lease, no record: a view that lost both",
         {"record", "2", "@m", "@g", "me", DONE_ME, "late", TTL, "release", ""},
         "[ok," DONE_ME ",[]]"},
        {"no lease appeared", {"EXISTS", "@m"}, "0"},
    };
    ROWS(state, rows);
}

#define DEAD_ME "{\"s\":\"dead\",\"o\":\"me\"}"

static void test_again_after_an_end(void **state)
{
    static const struct row rows[] = {
        {"dead", {"SET", "@e", DEAD_ME}, "OK"},
        {"settled",
         {"claim", "2", "@l", "@e", "she", "", TTL, "", "7"},
         "[settled," DEAD_ME ",[]]"},
        {"another word changes nothing",
         {"claim", "2", "@l", "@e", "she", "", TTL, "done", "7"},
         "[settled," DEAD_ME ",[]]"},
        {"it cannot be replaced without a lease",
         {"record", "2", "@l", "@e", "me", INTENDED_ME, "late", TTL, "", "dead"},
         "[settled," DEAD_ME ",[S,@e,," DEAD_ME "]]"},
        {"again",
         {"claim", "2", "@l", "@e", "she", "", TTL, "dead", "7"},
         "[open,absent,[]," DEAD_ME "]"},
        {"she has the lease", {"lease_of", "1", "@l"}, "[she,1,-,,0]"},
        {"so nobody else",
         {"claim", "2", "@l", "@e", "he", "", TTL, "dead", "7"},
         "[busy,she:7:1,[]]"},
        {"nor without the word",
         {"record", "2", "@l", "@e", "she", DONE_SHE, "held", TTL, "", ""},
         "[settled," DEAD_ME ",[S,@e,," DEAD_ME "]]"},
        {"nor another with it",
         {"record", "2", "@l", "@e", "he", DEAD_ME, "late", TTL, "", "dead"},
         "[settled," DEAD_ME ",[S,@e,," DEAD_ME "]]"},
        {"replaced",
         {"record", "2", "@l", "@e", "she", INTENDED_SHE, "held", TTL, "", "dead"},
         WROTE_AGAIN(INTENDED_SHE)},
        {"dead again",
         {"record", "2", "@l", "@e", "she", DEAD_SHE, "late", TTL, "", "dead"},
         WROTE(DEAD_SHE)},
        {"twice is once",
         {"record", "2", "@l", "@e", "she", DEAD_SHE, "late", TTL, "release", "dead"},
         WROTE(DEAD_SHE)},
        {"he tries too",
         {"claim", "2", "@l", "@e", "he", "", TTL, "dead", "7"},
         "[open,free,[]," DEAD_SHE "]"},
        {"done", {"SET", "@e", DONE_SHE}, "OK"},
        {"done is settled for all",
         {"claim", "2", "@l", "@e", "me", "", TTL, "dead", "7"},
         "[settled," DONE_SHE ",[]]"},
        {"and never replaced",
         {"record", "2", "@l", "@e", "he", DEAD_ME, "held", TTL, "", "dead"},
         "[settled," DONE_SHE ",[S,@e,," DONE_SHE "]]"},
        {"it stands", {"GET", "@e"}, DONE_SHE},
    };
    ROWS(state, rows);
}

/* A script that is not told what it may do does nothing. */
static void test_neither_live_nor_dry(void **state)
{
    redisContext *redis = *state;
    static const char *const modes[] = {"", "Live", "me"};
    if (redis == NULL) {
        skip();
    }
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        const char *said = redis_say(redis, "EVAL", script_claim.text, "2", "hearback:test:mode:l",
                                     "hearback:test:mode:e", modes[i], NULL);
        assert_non_null(strstr(said, "live or dry"));
    }
    assert_string_equal(redis_say(redis, "EXISTS", "hearback:test:mode:l", NULL), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_one_after_the_other),
        cmocka_unit_test(test_claim_and_the_record),
        cmocka_unit_test(test_record_refused_after_its_line),
        cmocka_unit_test(test_restate),
        cmocka_unit_test(test_record_under_dispute),
        cmocka_unit_test(test_claim_of_what_is_settled),
        cmocka_unit_test(test_claim_keeps_a_place_for_who_waited),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_lease_let_go_with_a_call_under_way),
        cmocka_unit_test(test_record_while_held),
        cmocka_unit_test(test_record_hands_the_lease_to_who_waits),
        cmocka_unit_test(test_record_that_comes_late),
        cmocka_unit_test(test_again_after_an_end),
        cmocka_unit_test(test_neither_live_nor_dry),
    };
    return cmocka_run_group_tests(tests, rows_open, rows_close);
}
