# SPDX-License-Identifier: Apache-2.0
"""Everything at once, with real processes: exact counts at the end.

3,000 interviews over 150 themes, some delivered twice, three workers of which one is killed (-9)
fifty times, Redis emptied, Redis killed, Kafka killed, and a Jira that fails one call in five. What
is posted, who is killed after how many calls and what else happens when comes from the seed that is
printed; HEARBACK_CHAOS_SEED sets it. When all is told, everything is read once more from offset 0
into a Redis that was emptied: nothing may change.
"""
import os
import queue
import random
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
import kafka_wire  # noqa: E402
from bodies import faults_of  # noqa: E402
from chaos_plan import INTERVIEWS, KILLS, THEMES, WORKERS, Plan  # noqa: E402
from chaos_story import tell_group, tell_story  # noqa: E402
from harness import DEAD, GROUP, INTERVIEWS as TOPIC, Case, Stage, until  # noqa: E402
from program import Late  # noqa: E402

PARTITIONS = 6
AT_WORK_SECONDS = 12  # then it is killed, whatever it does


class Poster(threading.Thread):
    """Posts what it is given as a webhook's sender does: again until the door says 200."""

    def __init__(self, stage):
        super().__init__(daemon=True)
        self.stage, self.queue, self.refused, self.error = stage, queue.Queue(), 0, None

    def run(self):
        try:
            for body in iter(self.queue.get, None):
                until("the door takes it", lambda body=body: self.post(body), 60)
        except AssertionError as error:
            self.error = error

    def post(self, body):
        status, text = self.stage.post(body)
        if status not in (200, 503):
            raise AssertionError(f"the door said {status} {text}")
        self.refused += status == 503
        return status == 200

    def give(self, bodies):
        for body in bodies:
            self.queue.put(body)

    def finish(self):
        self.queue.put(None)
        self.join(120)
        if self.error is not None or self.is_alive():
            raise AssertionError(f"not everything could be posted: {self.error}")


class Chaos(Case):
    @classmethod
    def setUpClass(cls):
        seed = int(os.environ.get("HEARBACK_CHAOS_SEED", random.randrange(1 << 30)))
        print(f"seed {seed}", flush=True)
        cls.plan = Plan(seed)
        cls.stage = Stage(kafka={"partitions": PARTITIONS},
                          jira={"settle": "2s"}, worker={"lease": "6s"})
        cls.began = time.monotonic()
        cls.dead, cls.workers = [], [None] * WORKERS

    # ---- workers

    def start(self, place):
        self.workers[place] = self.stage.worker()

    def kill(self, place):
        worker = self.workers[place]
        status = worker.process.poll()
        self.assertIsNone(status, f"a worker ended by itself: {worker.log.read_text()[-3000:]}")
        worker.kill()
        self.stage.programs.remove(worker)  # its log is for the story only
        self.dead.append(worker)
        self.workers[place] = None

    def at_work(self, place, calls):
        """Until it has made so many calls: it is killed in the middle of what it does."""
        worker = self.workers[place]
        try:
            until("it is at work", lambda: not calls or worker.process.poll() is not None or
                  worker.metric("hearback_calls_total") >= calls, AT_WORK_SECONDS, 0.02)
            self.met += bool(calls)
        except Late:
            pass

    # ---- what the workers stand on

    def befall(self, event):
        if event == "redis_flushed":
            self.stage.redis("FLUSHALL")
        elif event == "redis_killed":
            self.stage.dev("restart.sh", "redis", "--kill")
        else:
            self.stage.dev("restart.sh", "kafka", "--kill")

    # ---- the test

    def strike(self):
        """Kills, restarts and befalls, while interviews keep coming."""
        kills = self.met = 0
        while kills < KILLS:
            if self.plan.slices:
                self.poster.give(self.plan.slices.pop())
            for place in self.plan.victims()[:KILLS - kills]:
                self.at_work(place, self.plan.patience())
                self.kill(place)
                kills += 1
                event = self.plan.events.pop(kills, None)
                if event:
                    self.befall(event)
            for place in range(WORKERS):
                if self.workers[place] is None:
                    self.start(place)
        for bodies in self.plan.slices:
            self.poster.give(bodies)
        self.assertEqual(self.plan.events, {})

    def committed(self):
        found = kafka_wire.committed(self.stage.address["kafka"], GROUP, TOPIC, PARTITIONS)
        return [max(offset, 0) for offset in found]

    def open_effects(self):
        """Records that are not done, and how many there are at all."""
        keys = self.stage.redis("--scan", "--pattern", "hearback:effect:*").split("\n")[:-1]
        open_ones = []
        for i in range(0, len(keys), 500):
            values = self.stage.redis("MGET", *keys[i:i + 500]).split("\n")[:-1]
            open_ones += [(k, v) for k, v in zip(keys[i:i + 500], values)
                          if not v.startswith('{"s":"done"')]
        return open_ones, len(keys)

    def judge(self, when):
        """Exact counts, or the story of what is missing or doubled."""
        issues = self.stage.issues()
        faults = faults_of(issues, self.plan.wanted)
        letters = self.stage.records(DEAD, "%h %s\n")
        open_ones, effects = self.open_effects()
        if faults or letters or open_ones or len(issues) != THEMES or \
                effects != self.plan.tellings():
            logs = [worker.log for worker in self.dead + [w for w in self.workers if w]]
            tell_group(self.workers, self.committed(), self.stage.ends())
            tell_story(self.stage, logs, faults, open_ones)
            self.fail(f"{when}, seed {self.plan.seed}: {len(issues)} tickets of {THEMES}, "
                      f"{effects} effects of {self.plan.tellings()}, {len(open_ones)} open, "
                      f"{len(faults)} faults, dead letters: {letters}")
        return issues

    def finish(self, seconds):
        """Three workers that nobody kills, until there is nothing left to do."""
        for place in range(WORKERS):
            if self.workers[place] is None:
                self.start(place)
        ends = self.stage.ends()
        try:
            until("everything is committed", lambda: self.committed() == ends, seconds)
            for worker in self.workers:
                worker.quiet()
        except Late as late:
            print(late, flush=True)  # what is missing tells more
        return ends

    def stop(self):
        for place, worker in enumerate(self.workers):
            self.assertEqual(worker.stop(), 0)
            self.assertEqual(worker.lines("drained")[0]["abandoned"], 0)
            self.dead.append(worker)
            self.workers[place] = None

    def test_1_exact_counts(self):
        self.stage.start_door().ready()
        for fault, more in self.plan.faults():
            self.stage.fault(fault, **more)
        self.stage.fault("stale", seconds=1, count=-1, every=2)
        self.poster = Poster(self.stage)
        self.poster.start()
        self.poster.give(self.plan.first)
        for place in range(WORKERS):
            self.start(place)
        self.strike()
        struck = time.monotonic() - self.began
        self.poster.finish()
        ends = self.finish(180)
        self.assertGreaterEqual(sum(ends), INTERVIEWS)
        issues = self.judge("at the end")
        told = time.monotonic() - self.began
        self.assertEqual(self.committed(), ends)
        rules = self.stage.ask_sandbox("/faults")
        calls = sum(int(w.metric("hearback_calls_total")) for w in self.workers)
        self.stop()
        self.replay(issues, ends)
        faults = sum(rule["applied"] for rule in rules if rule["rule"]["fault"] != "stale")
        seen = max(rule["matched"] for rule in rules if rule["rule"]["fault"] != "stale")
        print(f"chaos: seed {self.plan.seed}, {INTERVIEWS} interviews in {sum(ends)} records, "
              f"{len(issues)} tickets, {self.plan.tellings()} tellings, {KILLS} kills ({self.met} "
              f"at work), {faults} of some {seen} calls failed, {self.poster.refused} x 503 of the "
              f"door, last workers made {calls} calls; struck {struck:.0f} s, told {told:.0f} s, "
              f"replayed {time.monotonic() - self.began:.0f} s", flush=True)
        self.assertGreater(self.met, KILLS // 2, "most workers were killed before they did a thing")

    def replay(self, issues, ends):
        """From offset 0, into a Redis that knows only what the changelog knows."""
        self.stage.clear_faults()
        self.stage.redis("FLUSHALL")
        kafka_wire.evict(self.stage.address["kafka"], GROUP)
        kafka_wire.seek(self.stage.address["kafka"], GROUP, TOPIC, [0] * PARTITIONS)
        self.finish(120)
        read = sum(w.metric("hearback_records_total") for w in self.workers)
        self.assertGreaterEqual(read, sum(ends))
        self.assertEqual(sum(w.metric("hearback_calls_total") for w in self.workers), 0)
        self.assertEqual(self.judge("after the replay"), issues)
        self.assertEqual(self.stage.ends(), ends)
        self.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
