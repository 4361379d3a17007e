#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 interviews over 50 themes, from the door to the last comment in the sandbox.

Kafka, Redis, sandbox, door and worker are all on this machine. Posted over 8 connections that are
kept open, as fast as the door answers. The last line is the figures as JSON. Fails when something
is filed or told other than once, or when it is not the target: 10 s, 40 MB each.
"""
import http.client
import json
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from bodies import faults_of, interview, sign, theme  # noqa: E402
from harness import Stage, until  # noqa: E402

INTERVIEWS, THEMES, CONNECTIONS = 1000, 50, 8
SECONDS_MAX, MEMORY_MAX_MB = 10, 40


def poster(port, bodies, refused):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for body in bodies:
        connection.request("POST", "/hooks/koji", body, {"X-Koji-Signature": sign(body)})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            refused.append(answer.status)
    connection.close()


def post_all(port, bodies):
    refused = []
    threads = [threading.Thread(target=poster, args=(port, bodies[i::CONNECTIONS], refused))
               for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        sys.exit(f"the door refused: {refused}")


def main():
    # What it can, not what Jira lets in: that is budget.py's.
    free = {name: 0 for name in ("post_per_s", "put_per_s", "get_per_s", "issue_writes_per_2s",
                                 "issue_writes_per_30s")}
    with Stage(kafka={"partitions": 12}, jira={"timeout": "5s", **free},
               worker={"lease": "10s"}) as stage:
        return measure(stage)


def measure(stage):
    wanted = {f"b{i}": set() for i in range(THEMES)}
    bodies = []
    for n in range(INTERVIEWS):
        name, theme_id = f"int_{n}", f"b{n % THEMES}"
        wanted[theme_id].add(name)
        body = interview(name, [theme(theme_id)], study=f"std_{n % 97}")
        bodies.append(json.dumps(body).encode())
    door, worker = stage.start_door().ready(), stage.worker().ready()
    until("the worker has its partitions", lambda: worker.partitions() == 12)
    port = door.said("listening")["port"]
    began = time.monotonic()
    post_all(port, bodies)
    posted = time.monotonic() - began
    worker.reaches("hearback_items_total", INTERVIEWS, 120)
    took = time.monotonic() - began
    wrong = faults_of(stage.issues(), wanted)
    figures = {"name": "throughput", "interviews": INTERVIEWS, "themes": THEMES,
               "seconds": round(took, 2), "interviews_per_s": round(INTERVIEWS / took),
               "posted_seconds": round(posted, 2), "worker_rss_mb": round(worker.memory_mb(), 1),
               "door_rss_mb": round(door.memory_mb(), 1)}
    for line in wrong:
        print(line)
    print(json.dumps(figures))
    return 1 if (wrong or took > SECONDS_MAX or figures["worker_rss_mb"] > MEMORY_MAX_MB or
                 figures["door_rss_mb"] > MEMORY_MAX_MB) else 0


if __name__ == "__main__":
    sys.exit(main())
