# SPDX-License-Identifier: Apache-2.0
"""SIGTERM in every kind of trouble, twice, and SIGSTOP past every deadline.

A worker that is told to end does so with exit code 0 within worker.drain_deadline and a margin,
whatever it waits for. One that was stopped and wakes up does not know that others went on.
"""
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True
import kafka_wire  # noqa: E402
from bodies import faults_of, interview, theme  # noqa: E402
from harness import DEAD, GROUP, INTERVIEWS, Case, Stage, until  # noqa: E402

DEADLINE = 2
MARGIN = 6  # to leave the group, on a machine that has much else to do
SHORT = {"worker": {"drain_deadline": f"{DEADLINE}s"}}


class SignalsCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.start_door().ready()

    def tearDown(self):
        self.stage.clear_faults()
        for program in self.stage.programs:
            if program.name == "worker":
                program.kill()
        self.stage.dev("up.sh")

    def load(self, name, themes=10, rounds=4):
        """Publishes; says who is to be told where."""
        wanted = {f"{name}{i}": {f"{name}-{i}-{n}" for n in range(rounds)} for i in range(themes)}
        for n in range(rounds):
            for i in range(themes):
                self.stage.publish(interview(f"{name}-{i}-{n}", [theme(f"{name}{i}")],
                                             study=f"std_{i}"))
        return wanted

    def at_work(self, settings=None):
        worker = self.stage.worker(settings or SHORT)
        until("it has all", lambda: worker.partitions() == 3, 30)
        return worker

    def ends(self, worker, within=DEADLINE + MARGIN):
        """Exit 0 in time, said in one line; (whether it gave anything up, how long it took)."""
        began = time.monotonic()
        self.assertEqual(worker.stop(within + 20), 0, worker.log.read_text()[-2000:])
        took = time.monotonic() - began
        self.assertLess(took, within, worker.log.read_text()[-2000:])
        lines = worker.lines("drained")
        self.assertEqual(len(lines), 1)
        return lines[0]["abandoned"], took

    def under_way(self, count):
        """So many tickets are being made, and nobody answers."""
        until("calls are under way", lambda: count <= sum(
            rule["applied"] for rule in self.stage.ask_sandbox("/faults")))

    def leases_run_out(self):
        for lease in self.stage.redis("--scan", "--pattern", "hearback:order:*").split():
            self.stage.redis("DEL", lease)

    def settled(self, wanted):
        """A worker that nobody troubles finishes, and each is told once."""
        self.stage.clear_faults()  # what was delayed happens now
        kafka_wire.evict(self.stage.address["kafka"], GROUP)  # who could not say good-bye
        worker = self.stage.worker()
        self.stage.told(wanted, 90)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        self.assertEqual(self.ends(worker)[0], 0)
        self.assertEqual(self.stage.records(DEAD), [])


class Told(SignalsCase):
    """SIGTERM while …"""

    def test_01_calls_never_answer(self):
        worker = self.at_work({**SHORT, "jira": {"timeout": "60s"},
                               "worker": {"drain_deadline": f"{DEADLINE}s", "lease": "70s"}})
        self.stage.fault("delay", "/rest/api/3/issue*", "POST", ms=50000, count=-1)
        wanted = self.load("t-never")
        self.under_way(10)
        self.assertEqual(self.ends(worker)[0], 1)
        self.leases_run_out()
        self.settled(wanted)

    def test_02_redis_is_away(self):
        worker = self.at_work()
        self.stage.fault("delay", ms=300, count=-1)
        wanted = self.load("t-redis")
        worker.reaches("hearback_calls_total", 3)
        self.stage.dev("down.sh", "--only", "redis")
        until("it knows", lambda: worker.lines("redis_away"))
        self.ends(worker)
        self.stage.dev("up.sh", "--only", "redis")
        self.settled(wanted)

    def test_03_kafka_is_away(self):
        worker = self.at_work()
        self.stage.fault("delay", ms=300, count=-1)
        wanted = self.load("t-kafka")
        worker.reaches("hearback_calls_total", 3)
        self.stage.dev("down.sh", "--only", "kafka")
        until("it knows", lambda: any("refused" in line["text"] for line in worker.lines("kafka")))
        self.ends(worker)
        self.stage.dev("up.sh", "--only", "kafka")
        self.settled(wanted)

    def test_04_kafka_is_away_and_there_is_nothing_to_do(self):
        worker = self.at_work()
        worker.quiet()
        self.stage.dev("down.sh", "--only", "kafka")
        until("it knows", lambda: any("refused" in line["text"] for line in worker.lines("kafka")))
        self.assertEqual(self.ends(worker)[0], 0)

    def test_05_redis_and_kafka_are_away(self):
        worker = self.at_work()
        self.stage.fault("delay", ms=300, count=-1)
        wanted = self.load("t-both")
        worker.reaches("hearback_calls_total", 3)
        self.stage.dev("down.sh")
        until("it knows", lambda: worker.lines("redis_away"))
        self.ends(worker)
        self.stage.dev("up.sh")
        self.settled(wanted)

    def test_06_the_breaker_is_open(self):
        self.stage.fault("status", status=401, count=-1)
        wanted = self.load("t-breaker")
        worker = self.at_work({**SHORT, "breaker": {"open": "1m", "open_max": "1m"}})
        until("it is open", lambda: worker.lines("breaker_open"))
        abandoned, took = self.ends(worker)
        self.assertEqual(abandoned, 0)
        self.assertLess(took, DEADLINE + MARGIN)
        self.settled(wanted)

    def test_07_somebody_else_restores(self):
        self.stage.redis("FLUSHALL")
        self.stage.redis("SET", "hearback:restore", "another")
        worker = self.stage.worker({"worker": {"drain_deadline": f"{DEADLINE}s",
                                               "restore_wait": "10m"}})
        until("it waits", lambda: worker.lines("redis_connected"))
        self.assertEqual(worker.get("/readyz")[0], 503)
        self.assertEqual(self.ends(worker)[0], 0)
        self.stage.redis("DEL", "hearback:restore")

    def test_08_it_restores(self):
        """Held up in the middle of it: Kafka answers no more."""
        self.stage.redis("FLUSHALL")
        worker = self.stage.worker(SHORT)
        until("it began", lambda: worker.lines("redis_connected"))
        self.stage.dev("down.sh", "--only", "kafka")
        self.assertEqual(self.ends(worker)[0], 0)

    def test_09_before_it_joined(self):
        self.stage.dev("down.sh")
        worker = self.stage.worker(SHORT)
        until("it waits for Kafka", lambda: worker.lines("kafka_away"))
        self.assertEqual(self.ends(worker)[0], 0)
        self.stage.dev("up.sh", "--only", "kafka")
        worker = self.stage.worker(SHORT)
        until("it waits for Redis", lambda: worker.lines("redis_away"))
        self.assertEqual(self.ends(worker)[0], 0)

    def test_10_it_has_just_begun(self):
        """As soon as it can say anything at all, and a little later, and later."""
        wanted = self.load("t-begun", rounds=1)
        for event in ("ops_listening", "redis_connected", "joined", "rebalance"):
            worker = self.stage.worker(SHORT)
            worker.said(event)
            self.ends(worker)
        self.settled(wanted)

    def test_11_a_second_time(self):
        """It waits for nothing any more: what is under way is doubted by whoever takes over."""
        self.stage.fault("delay", "/rest/api/3/issue*", "POST", ms=50000, count=-1)
        wanted = self.load("t-twice")
        worker = self.at_work({"jira": {"timeout": "60s"},
                               "worker": {"drain_deadline": "5m", "lease": "70s"}})
        self.under_way(10)
        worker.signal(signal.SIGTERM)
        worker.said("draining")
        self.assertEqual(self.ends(worker, MARGIN)[0], 1)
        self.assertEqual(len(worker.lines("drain_cut_short")), 1)
        self.leases_run_out()
        self.settled(wanted)


class Stopped(SignalsCase):
    """SIGSTOP past the lease and the session, SIGCONT when another has taken over."""

    def test_1_it_wakes_among_others(self):
        first = self.at_work()
        wanted = {}
        for n in range(2):
            self.stage.fault("delay", ms=250, count=-1)
            name = f"t-stop{n}-"
            wanted.update(self.load(name, themes=20))
            first.reaches("hearback_items_total", 10 + 60 * n)
            first.signal(signal.SIGSTOP)
            second = self.stage.worker()
            self.stage.told(wanted, 90)
            self.stage.clear_faults()
            first.signal(signal.SIGCONT)
            for i in range(20):  # the themes go on, whoever has them now
                self.stage.publish(interview(f"{name}again{i}", [theme(f"{name}{i}")],
                                             study=f"std_{i}"))
                wanted[f"{name}{i}"].add(f"{name}again{i}")
            self.stage.told(wanted, 60)
            first.quiet()
            second.quiet()
            self.assertEqual(faults_of(self.stage.issues(), wanted), [])
            self.assertEqual(self.ends(second)[0], 0)
        self.assertEqual(self.ends(first)[0], 0)
        self.assertEqual(self.stage.records(DEAD), [])
        self.replayed(wanted)

    def replayed(self, wanted):
        """From the changelog alone and from the beginning: nothing changes."""
        before = self.stage.issues()
        self.stage.redis("FLUSHALL")
        kafka_wire.evict(self.stage.address["kafka"], GROUP)  # as whom it was known while it slept
        kafka_wire.seek(self.stage.address["kafka"], GROUP, INTERVIEWS, [0] * 3)
        worker = self.stage.worker()
        worker.reaches("hearback_records_total", sum(self.stage.ends()), 60)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        self.assertEqual(self.stage.issues(), before)
        self.assertEqual(self.ends(worker)[0], 0)

    def test_2_it_is_told_to_end_as_it_sleeps(self):
        first = self.at_work(SHORT)
        self.stage.fault("delay", ms=250, count=-1)
        wanted = self.load("t-sleep", themes=20)
        first.reaches("hearback_items_total", 10)
        first.signal(signal.SIGSTOP)
        self.stage.worker()
        self.stage.told(wanted, 90)
        first.signal(signal.SIGTERM)
        first.signal(signal.SIGCONT)
        self.assertEqual(first.wait(DEADLINE + MARGIN + 20), 0)
        self.settled(wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
