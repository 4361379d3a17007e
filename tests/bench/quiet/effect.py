#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an effect costs the worker: one POST of 1 KB, claimed, written down before and after.

A real Kafka and a real Redis on this machine; the server answers at once, or after 10 ms. `floor`
is the processor time of the same POST in a bare loop of curl's multi interface, in the same run.
Both are measured three times, in turn, and the best round counts: whatever else the machine does is
added to either. The last line is the figures as JSON; fails when an effect costs more than 2.5 times
as much.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
from harness import BIN, INTERVIEWS, Stage, until  # noqa: E402

EFFECTS = int(os.environ.get("EFFECTS", "50000"))
CALLS, RATIO_MAX, ROUNDS = 64, 2.5, 3
TICK = os.sysconf("SC_CLK_TCK")


def processor_us(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / TICK


def fill(stage):
    """As many records of 1 KB, each with its own key."""
    lines = (f"{n}:".ljust(12, "x") + "x" * 1012 + "\n" for n in range(EFFECTS))
    subprocess.run(["kcat", "-P", "-b", stage.address["kafka"], "-t", INTERVIEWS, "-K", ":"],
                   input="".join(lines), text=True, check=True)


def start_server(stage, delay_ms):
    port_file = stage.dir / f"server.{delay_ms}.port"
    server = subprocess.Popen([BIN / "hearback-bench-post-server", str(delay_ms), port_file])
    until("the server listens", lambda: port_file.exists() and port_file.read_text())
    return server, f"http://127.0.0.1:{port_file.read_text().strip()}"


def floor_us(url):
    said = subprocess.run([BIN / "hearback-bench-floor", url + "/effect", str(EFFECTS), str(CALLS)],
                          check=True, capture_output=True, text=True)
    return float(said.stdout)


def effect_us(stage, url):
    """Of one more worker, which joins, does as many effects as there are and leaves."""
    worker = stage.worker({"jira": {"url": url}, "log": {"level": os.environ.get("LEVEL", "info")}},
                          program="hearback-bench-effect")
    worker.ready()
    print(f"pid {worker.process.pid}", file=sys.stderr, flush=True)
    until("all effects are sent",
          lambda: worker.metric("hearback_items_total") >= EFFECTS, 300, every=0.25)
    used = processor_us(worker.process.pid)
    sent = worker.metric('hearback_items_total{outcome="sent"}')
    worker.stop()
    if sent != EFFECTS:
        sys.exit(f"{sent} effects were sent")
    return used / EFFECTS


def measure(delay_ms):
    """Effects between two floors, round by round."""
    floors, ours = [], []
    with Stage(kafka={"partitions": 12, "changelog_partitions": 1},
               worker={"calls_max": CALLS, "items_max": 512, "lease": "60s"},
               jira={"timeout": "30s"}) as stage:
        server, url = start_server(stage, delay_ms)
        try:
            for _ in range(ROUNDS):
                fill(stage)
                floors.append(floor_us(url))
                ours.append(effect_us(stage, url))
            floors.append(floor_us(url))
        finally:
            server.kill()
            server.wait()
    rounds = [(ours[i], (floors[i] + floors[i + 1]) / 2) for i in range(ROUNDS)]
    best = min(rounds, key=lambda pair: pair[0] / pair[1])
    return {"floor_us": round(best[1], 1), "effect_us": round(best[0], 1),
            "ratio": round(best[0] / best[1], 2),
            "rounds": [round(effect / floor, 2) for effect, floor in rounds]}


def main():
    figures = {"name": "effect", "effects": EFFECTS, "instant": measure(0), "ten_ms": measure(10)}
    print(json.dumps(figures))
    return 1 if max(figures[f]["ratio"] for f in ("instant", "ten_ms")) > RATIO_MAX else 0


if __name__ == "__main__":
    sys.exit(main())
