# SPDX-License-Identifier: Apache-2.0
"""Is it true? Asks the played Jira and the programs' metrics, and exits 0 or 1.

    look.py FOLDER SANDBOX DOOR_OPS WORKER_OPS EXPRESSION

The expression is Python and may speak of:
    issues              Jira's tickets, oldest first
    issue(KEY)          one of them
    words(THING)        all texts in it, as one line
    said(KEY, TEXT)     how often the ticket's description and comments say it
    told(KEY)           the interviews that its description tells, as its property says
    outcome(NAME)       items that came to this since the worker started
    door(METRIC), worker(METRIC)   a metric, summed over its labels
    same(NAME)          Jira, with the count of requests it had, is as it was when remember(NAME) was asked
"""
import json
import sys
import urllib.request

folder, sandbox, door_ops, worker_ops, expression = sys.argv[1:]


def get(address):
    with urllib.request.urlopen(address, timeout=5) as answer:
        return answer.read().decode()


jira = json.loads(get(sandbox + "/sandbox/state"))["jira"]
issues = jira["issues"]


def issue(key):
    return next((one for one in issues if one["key"] == key), {})


def texts(thing):
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list):
        return [text for one in thing for text in texts(one)]
    return [str(thing)]


def words(thing):
    return " ".join(texts(thing))


def said(key, text):
    one = issue(key)
    return words([one.get("description"), one.get("comments")]).count(text)


def told(key):
    return sorted(issue(key)["properties"]["hearback"]["told"])


def metric(page, name):
    found = [line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#")]
    return sum(float(value) for series, value in found if series.split("{")[0] == name or series == name)


def worker(name):
    return metric(get(worker_ops + "/metrics"), name)


def door(name):
    return metric(get(door_ops + "/metrics"), name)


def outcome(name):
    return worker('hearback_items_total{outcome="%s"}' % name)


def remember(name):
    with open(folder + "/" + name, "w", encoding="utf-8") as file:
        json.dump(jira, file)
    return True


def same(name):
    with open(folder + "/" + name, encoding="utf-8") as file:
        return json.load(file) == jira


sys.exit(0 if eval("(" + expression + ")") else 1)  # our own words, from story.sh
