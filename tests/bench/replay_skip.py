#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast the worker passes over what is settled, and what it costs beside a bare read.

A million records of 1 KB (random letters: no compression shortens them) over twelve partitions.
The real worker reads them all once and settles them: they hold nothing to do. Then the group goes
back to the first record and the worker reads them again, and passes over them by their seen bits.
Before and after, librdkafka alone reads the same topic, set up as the worker's. Kafka, Redis and
worker share two cores. Fails when a record was not passed over, when `ratio` (processor time of
the worker to that of the bare read) is more than 2.5, or at less than 150,000 records a second.
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import kafka_wire  # noqa: E402
from harness import BIN, GROUP, INTERVIEWS, Stage, until  # noqa: E402

RECORDS = int(os.environ.get("HEARBACK_BENCH_RECORDS", "1000000"))
PARTITIONS, RATIO_MAX, PER_SECOND_MIN = 12, 2.5, 150000
SKIPPED, READ = "hearback_records_skipped_total", "hearback_records_total"


def tool(*args):
    done = subprocess.run([BIN / "hearback-bench-kafka", *map(str, args)], check=False,
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{args}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def processor_seconds(program):
    fields = Path(f"/proc/{program.process.pid}/stat").read_text(encoding="ascii")
    fields = fields.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_worker(stage, name, number):
    """The seconds from joining the group to the last record, and processor time in all."""
    worker = stage.worker()
    worker.said("joined", 60)
    began = time.monotonic()
    until(f"{name} reaches {number}", lambda: worker.metric(name) >= number, 300, every=0.05)
    took, used = time.monotonic() - began, processor_seconds(worker)
    memory = worker.memory_mb()
    figures = {"seconds": took, "processor_s": used, "rss_mb": memory,
               "skipped": worker.metric(SKIPPED), "read": worker.metric(READ)}
    if worker.stop() != 0:
        sys.exit(f"the worker did not end well\n{stage.logs()}")
    return figures


def measure(stage):
    address = stage.address["kafka"]
    tool("fill", address, INTERVIEWS, PARTITIONS, RECORDS)
    first = run_worker(stage, READ, RECORDS)
    bare = [tool("read", address, INTERVIEWS, RECORDS)]
    kafka_wire.seek(address, GROUP, INTERVIEWS, [0] * PARTITIONS)
    again = run_worker(stage, SKIPPED, RECORDS)
    bare.append(tool("read", address, INTERVIEWS, RECORDS))
    bare_s = sum(run["processor_s"] for run in bare) / len(bare)
    figures = {
        "name": "replay_skip", "records": RECORDS, "ratio": round(again["processor_s"] / bare_s, 2),
        "records_per_s": round(RECORDS / again["seconds"]), "seconds": round(again["seconds"], 2),
        "worker_us": round(again["processor_s"] / RECORDS * 1e6, 2),
        "bare_us": round(bare_s / RECORDS * 1e6, 2),
        "bare_records_per_s": round(RECORDS / min(run["wall_s"] for run in bare)),
        "worker_rss_mb": round(again["rss_mb"], 1),
        "first_pass_records_per_s": round(RECORDS / first["seconds"])}
    print(json.dumps(figures))
    wrong = first["skipped"] != 0 or again["skipped"] != RECORDS or again["read"] != RECORDS
    return 1 if (wrong or figures["ratio"] > RATIO_MAX or
                 figures["records_per_s"] < PER_SECOND_MIN) else 0


def main():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with Stage(kafka={"partitions": PARTITIONS}) as stage:
        return measure(stage)


if __name__ == "__main__":
    sys.exit(main())
