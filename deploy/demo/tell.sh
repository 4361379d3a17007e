# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# How deploy/demo.sh speaks, sends and checks. Nothing is claimed that was not asked of the played
# Jira or of the programs' metrics; the first claim that is not true ends the demo.

WAIT_SECONDS=25

items=0     # themes sent so far that the worker must have settled
STATUS=     # of the last webhook
ANSWER_ID=  # what the door called it
chapters=0

tell() {
    printf '%s\n' "$*"
}

chapter() {
    chapters=$((chapters + 1))
    printf '\n%d. %s\n' "$chapters" "$*"
}

# Indented, as all within a chapter.
say_so() {
    printf '%s\n' "$*" | fold -s -w 94 | sed 's/^/   /; s/ *$//'
}

fail() {
    local name
    {
        printf '\nFAILED. This should be so and is not: %s\n' "$*"
        for name in "${PROGRAMS[@]}"; do
            if [[ -s $DEV_DIR/$name/log ]]; then
                printf '\nThe end of the log of the %s:\n' "$name"
                tail -n 12 "$DEV_DIR/$name/log"
            fi
        done
        printf '\nWhat stands in the played Jira:\n'
        curl -sf --max-time 2 "${SANDBOX:-}/sandbox/state?text=1" || echo "it does not answer"
        echo
    } >&2
    exit 1
}

# look EXPRESSION: is it true? See look.py for what it can speak of.
look() {
    python3 "$DEMO/look.py" "$DEV_DIR" "$SANDBOX" "$DOOR_OPS" "$WORKER_OPS" "$1"
}

# claim SENTENCE EXPRESSION: says it, when it is true.
claim() {
    look "$2" || fail "$1"
    say_so "- $1"
}

settled() {
    [[ $(curl -sf --max-time 2 "$WORKER_OPS/metrics" |
        awk '/^hearback_items_total/ { n += $2 } /^hearback_items_open/ { open = $2 }
            END { print n + 0 " " open + 0 }') == "$items 0" ]]
}

# send FILE [SECRET]: one webhook, signed as Koji would.
send() {
    local signature body=$DEMO/interviews/$1.json
    signature=$(openssl dgst -sha256 -hmac "${2:-$SECRET}" -r "$body")
    STATUS=$(curl -sS --max-time 10 -o "$DEV_DIR/answer" -w '%{http_code}' \
        -H 'Content-Type: application/json' -H "X-Koji-Signature: sha256=${signature%% *}" \
        --data-binary "@$body" "$DOOR/hooks/koji") || fail "the door answers the webhook $1"
    ANSWER_ID=$(sed -n 's/^{"id":"\([^"]*\)"}$/\1/p' "$DEV_DIR/answer")
}

# received FILE THEMES WORDS: sent, answered, and worked on to the end. WORDS say what it is.
received() {
    send "$1"
    [[ $STATUS == 200 && -n $ANSWER_ID ]] ||
        fail "the door takes the webhook $1: it answered $STATUS, $(cat "$DEV_DIR/answer")"
    items=$((items + $2))
    say_so "> $3"
    say_so "  received: 200, as $ANSWER_ID"
    await "$WAIT_SECONDS" "the worker deals with $1.json" settled
}

# show KEY [PATTERN]: the ticket as Jira has it, or its lines from the one that matches.
show() {
    curl -sf --max-time 5 "$SANDBOX/sandbox/state?text=1" >"$DEV_DIR/board" ||
        fail "the sandbox shows its Jira"
    echo
    awk -v key="$1 " -v from="${2:-.}" '
        /^$/ { here = 0 }
        index($0, key) == 1 { here = 1; on = 0 }
        here && $0 ~ from { on = 1 }
        here && on { print "       " $0 }' "$DEV_DIR/board"
    echo
}

tell_where() {
    tell
    tell "With --keep all of this would stay up, to be looked at: the tickets, the metrics, the" \
        "logs and the topics."
}

tell_kept() {
    tell
    tell "It all stays up. Where to look:"
    cat <<END
  tickets   curl '$SANDBOX/sandbox/state?text=1'      as JSON without ?text=1
  metrics   curl $DOOR_OPS/metrics                 the door
            curl $WORKER_OPS/metrics                 the worker
  logs      tail -f $DEV_DIR/{door,worker,sandbox}/log
  topics    deploy/dev/kafka.sh topics --bootstrap-server $KAFKA --describe
            deploy/dev/kafka.sh console-consumer --bootstrap-server $KAFKA \\
                --topic hearback.interviews --from-beginning
  settings  $DEV_DIR/hearback.yaml
  send one  f=deploy/demo/interviews/02-bug-again.json   (edit a copy; a new interview_id is a new interview)
            curl --data-binary @\$f -H "X-Koji-Signature: \$(openssl dgst -sha256 -hmac $SECRET -r \$f |
                cut -d ' ' -f 1)" $DOOR/hooks/koji
Stop it with: deploy/demo.sh --stop
END
}
