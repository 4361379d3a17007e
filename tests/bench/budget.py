#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A minute at Jira's limits: how much of 100 POST a second two replicas of the worker use.

Kafka, Redis, sandbox and both workers are on this machine. The sandbox refuses what is over a
limit: bursts of each endpoint and writes on one issue, as the reference sheet says; with --sliding
more than 100 POST of all endpoints in any second, which is stricter. More interviews wait in Kafka
than can be told in the time. The last line is the figures as JSON. Fails when less than 0.95 of the
limit was used, or a call was refused after the first two seconds.
"""
import json
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from bodies import interview, theme  # noqa: E402
from harness import Stage, until  # noqa: E402
from throughput import post_all  # noqa: E402

SECONDS, LIMIT, USED_MIN = 60, 100, 0.95
THEMES, MORE, AGAIN = 3000, 300, 6  # some themes are heard again: comments, many on one issue


def bodies():
    for n in range(THEMES):
        yield interview(f"int_{n}", [theme(f"t{n}")], study=f"std_{n % 97}")
        if n % (THEMES // MORE) == 0:
            for again in range(AGAIN):
                yield interview(f"int_{n}_{again}", [theme(f"t{n}")], study=f"std_{n % 97}")


def rates(stage):
    return stage.ask_sandbox("/state")["jira"]["rates"]


def main():
    sliding = "--sliding" in sys.argv
    with Stage(kafka={"partitions": 12}, jira={"timeout": "5s"}, worker={"lease": "20s"}) as stage:
        return measure(stage, sliding)


def measure(stage, sliding):
    stage.ask_sandbox("/settings", "POST", {"jira": {"limits": True, "sliding": sliding}})
    door = stage.start_door().ready()
    post_all(door.said("listening")["port"], [json.dumps(body).encode() for body in bodies()])
    workers = [stage.worker(), stage.worker()]
    until("the work is shared", lambda: all(
        w.metric("hearback_budget_spent_total") > 10 for w in workers), 60)
    time.sleep(2)  # start-up
    before, began = rates(stage), time.monotonic()
    time.sleep(SECONDS)
    took, after = time.monotonic() - began, rates(stage)
    accepted = after["POST"] - before["POST"]
    shares = [w.metric("hearback_budget_spent_total") for w in workers]
    figures = {"name": "budget", "limit": "sliding second" if sliding else "Jira's buckets",
               "seconds": round(took, 1), "accepted": accepted,
               "used": round(accepted / (LIMIT * took), 4),
               "refused": after["refused"] - before["refused"], "refused_before": before["refused"],
               "lapsed": sum(w.metric("hearback_budget_lapsed_total") for w in workers),
               "shares": [round(s / sum(shares), 3) for s in shares]}
    print(json.dumps(figures))
    return 1 if figures["used"] < USED_MIN or figures["refused"] > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
