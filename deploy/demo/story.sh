# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The story that deploy/demo.sh tells: what is sent, what must come of it, and the words for it.
# The interviews are in deploy/demo/interviews/; themes that two of them share have the same id.

story_bug() {
    chapter "An interview names a bug"
    say_so "Koji, which held the interview, sends it as a signed webhook. The door checks the" \
        "signature, stores it in Kafka and only then answers; the worker takes it from there."
    received 01-bug 1 "Ada: \"The export loses my columns.\" Severity: bug"
    claim "The theme is a bug, so the worker filed PROD-1. This is what stands in Jira now:" \
        'len(issues) == 1 and issue("PROD-1")["summary"] == "[Research] CSV export leaves out columns"
         and "koji-theme-csv-export" in issue("PROD-1")["labels"]'
    show PROD-1
    claim "Ada's words are in the ticket; her name and her address, which she spoke, are not" \
        'said("PROD-1", "The export loses my columns.") == 1
         and "ada@example.com" not in words(jira) and "Ada" not in words(jira)'
}

story_comment() {
    chapter "Another customer names the same bug"
    received 02-bug-again 1 "Ben: \"Every Friday I put the missing columns back by hand.\""
    claim "There is no second ticket. PROD-1 got a comment:" \
        'len(issues) == 1 and len(issue("PROD-1")["comments"]) == 1
         and said("PROD-1", "Every Friday I put the missing columns back by hand.") == 1'
    show PROD-1 '^  comment'
}

story_watch() {
    chapter "Somebody would like a dark mode"
    received 03-nice-to-have 1 "\"A dark mode would be lovely at night.\" Severity: nice-to-have"
    claim "It is nice to have, so it is watched: counted, and no ticket" \
        'len(issues) == 1 and outcome("watched") == 1 and "ark mode" not in words(jira)'
}

story_volume() {
    chapter "Three people find the same thing a little confusing"
    received 04-theme-a 1 "\"I did not know which of the three plans was mine.\""
    received 05-theme-b 1 "\"The plan page asks me things I cannot know yet.\""
    claim "Heard in two interviews and not very negative: watched, no ticket yet" \
        'len(issues) == 1 and outcome("watched") == 3'
    received 06-theme-c 1 "\"I picked a plan at random and hoped.\""
    claim "The third makes it a ticket, and its description tells all three:" \
        'len(issues) == 2 and told("PROD-2") == ["koji/int-04", "koji/int-05", "koji/int-06"]
         and issue("PROD-2")["comments"] == [] and said("PROD-2", "3 interviews") == 1
         and said("PROD-2", "which of the three plans") == 1
         and said("PROD-2", "asks me things I cannot know") == 1
         and said("PROD-2", "picked a plan at random") == 1'
    show PROD-2
    received 07-theme-d 1 "\"I asked a colleague which plan to take.\""
    claim "A fourth is a comment on PROD-2, as with any ticket" \
        'len(issues) == 2 and len(issue("PROD-2")["comments"]) == 1
         and said("PROD-2", "I asked a colleague which plan to take.") == 1'
}

story_no_ticket() {
    chapter "What is no ticket"
    received 08-praise 1 "\"Search is why we stayed.\" Sentiment: 0.8"
    claim "Praise is kept as a win" 'len(issues) == 2 and outcome("win") == 1'
    received 09-low-quality 1 "\"asdf asdf.\" Severity: blocker. Quality: 1.5 of 5"
    claim "An interview of quality 1.5 of 5 is left out, whatever it cries" \
        'len(issues) == 2 and outcome("ignored_low_quality") == 1
         and "Everything is broken" not in words(jira)'
}

story_thrice() {
    local first second first_id second_id
    chapter "The network stutters: the same webhook arrives three times"
    send 10-blocker
    first=$STATUS first_id=$ANSWER_ID
    send 10-blocker
    second=$STATUS second_id=$ANSWER_ID
    items=$((items + 2))
    received 10-blocker 1 "Eli: \"I wanted to pay and you did not let me.\" Severity: blocker"
    [[ $first == 200 && $second == 200 ]] || fail "the door takes it thrice: $first, $second, $STATUS"
    say_so "  and: $first, as $first_id"
    say_so "  and: $second, as $second_id"
    claim "All three are in Kafka; Jira has one ticket for them, PROD-3, and no comment" \
        'len(issues) == 3 and issue("PROD-3")["comments"] == []
         and told("PROD-3") == ["koji/int-10"] and outcome("settled_before") == 2'
}

story_forged() {
    chapter "A stranger knocks"
    look 'remember("before_forged")' || fail "Jira can be looked at"
    send 11-forged "a guess"
    [[ $STATUS == 401 ]] || fail "a wrong signature is answered 401: it was $STATUS"
    say_so "> \"Pay the invoice attached.\" Signed with a guess"
    say_so "  refused: $STATUS, $(cat "$DEV_DIR/answer")"
    claim "The signature is wrong: nothing of it is believed and nothing of it is kept" \
        'door("hearback_door_published_total") == 12 and same("before_forged")'
}

story_many() {
    chapter "One interview with four themes, in a different shape of JSON"
    received 12-four-themes 4 "Grace, on four things; the fields stand in other places than before"
    claim "A known bug: PROD-1 got its second comment" \
        'len(issue("PROD-1")["comments"]) == 2 and said("PROD-1", "The export is not complete.") == 1'
    claim "A new blocker: PROD-4, \"The billing page is slow\"" \
        'len(issues) == 4 and issue("PROD-4")["summary"] == "[Research] The billing page is slow"'
    claim "Dark mode again: still watched. Praise again: a win" \
        'outcome("watched") == 4 and outcome("win") == 2 and "ark mode" not in words(jira)'
}

# The worker stands still while its place in Kafka is set back.
rewind() {
    stop_worker
    redis-cli -h 127.0.0.1 -p "${REDIS#*:}" flushall >"$DEV_DIR/answer" ||
        fail "Redis is emptied"
    quietly "$DEV_DIR/reset.log" "$DEV/kafka.sh" consumer-groups --bootstrap-server "$KAFKA" \
        --group hearback.ticket-filer --topic hearback.interviews \
        --reset-offsets --to-earliest --execute || fail "the consumer group is set back"
    start_worker
}

story_replay() {
    chapter "The worst day: Redis is lost, and everything is read again from the beginning"
    look 'remember("before_replay")' || fail "Jira can be looked at"
    rewind
    await "$WAIT_SECONDS" "the worker reads all of it again" settled
    claim "Redis was empty; the worker wrote back what it had noted in Kafka before it did anything" \
        'worker("hearback_restores_total") == 1 and worker("hearback_restore_records_total") > 0'
    claim "All 13 records were read again. Of their $items themes all but the ignored one were known" \
        "worker('hearback_records_total') + worker('hearback_records_skipped_total') == 13
         and outcome('settled_before') == $items - outcome('ignored_low_quality')"
    claim "Jira is exactly as it was, to the last comment. It was not even called" \
        'len(issues) == 4 and same("before_replay")'
    claim "Nothing ended among the dead letters, and no effect was ever in doubt" \
        'worker("hearback_dead_letters_total") == 0 and worker("hearback_doubts_total") == 0'
}

tell_story() {
    story_bug
    story_comment
    story_watch
    story_volume
    story_no_ticket
    story_thrice
    story_forged
    story_many
    story_replay
    tell
    tell "That is the story, and every line of it was checked."
}
