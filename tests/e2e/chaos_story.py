# SPDX-License-Identifier: Apache-2.0
"""The story of an effect that is missing or doubled: who did what with it, in order of time."""
import json
import re

FAULTS_MAX = 5
LINES_MAX = 60


def log_lines(logs, words):
    """(time, text) of each line that holds one of the words."""
    for log in logs:
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if any(word in line for word in words):
                try:
                    at = json.loads(line).get("at", "")
                except ValueError:
                    at = ""
                yield at, f"{log.name}: {line}"


def calls(stage, words):
    for row in stage.ask_sandbox("/journal?bodies=1"):
        text = json.dumps(row)
        if any(word in text for word in words):
            yield row["time"], f"jira: {text[:600]}"


def changelog(stage, words):
    for line in stage.records("hearback.changelog", "%T %k %s\n"):
        if any(word in line for word in words):
            yield "", f"changelog: {line[:600]}"


def tell(stage, logs, title, words, references):
    """`words` as in logs and ledger, `references` as in what Jira is sent."""
    print(f"==== {title}", flush=True)
    lines = sorted([*log_lines(logs, words), *calls(stage, references)])
    lines += list(changelog(stage, words))
    for _, text in lines[:LINES_MAX]:
        print(text)
    if len(lines) > LINES_MAX:
        print(f"… and {len(lines) - LINES_MAX} more")


def tell_group(workers, committed, ends):
    print(f"==== committed {committed}, ends {ends}")
    for worker in workers:
        names = ("partitions", "items_open", "records_total", "items_total", "calls_total")
        print(worker.log.name, {name: worker.metric(f"hearback_{name}") for name in names})


def tell_story(stage, logs, faults, open_ones):
    """`faults` as faults_of says them; `open_ones`: (key, record) of effects that are not done."""
    for fault in faults[:FAULTS_MAX]:
        theme, rest = fault.split(": ", 1)
        interview = re.match(r"(koji/\S+) told", rest)
        if interview:
            tell(stage, logs, fault[:300], [f"{interview[1]}~{theme}"], [f'{interview[1]}\\"'])
        else:
            tell(stage, logs, fault[:300], [f'~{theme}"'], [f'theme-{theme}\\"'])
    for key, record in open_ones[:FAULTS_MAX]:
        effect = key.rsplit("}:", 1)[1]
        tell(stage, logs, f"open: {effect} {record[:300]}", [effect],
             [effect.split("~", 1)[0] + '\\"'])
    if len(faults) + len(open_ones) > FAULTS_MAX:
        print(f"{len(faults)} faults and {len(open_ones)} open effects in all")
