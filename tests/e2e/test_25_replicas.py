# SPDX-License-Identifier: Apache-2.0
"""One to eight replicas come and go while interviews are filed: each is told once.

They start, are told to end, are killed (-9), and one is stopped for longer than its session. With
kafka.instance_id a replica that is back within its session changes nothing for the others, and of
two processes with the same one the older ends by itself, and says why.
"""
import random
import signal
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import faults_of, interview, theme  # noqa: E402
from harness import DEAD, Case, Stage, until  # noqa: E402

PARTITIONS, REPLICAS, THEMES, STUDIES = 8, 8, 20, 40
RETRY = "hearback.retry.ticket-filer"
MILD = {"severity": None, "sentiment": -0.1}


class ReplicasCase(Case):
    session = "6s"

    @classmethod
    def setUpClass(cls):
        seed = random.randrange(1 << 30)
        print(f"seed {seed}", flush=True)
        cls.chance = random.Random(seed)
        cls.stage = Stage(kafka={"partitions": PARTITIONS, "session_timeout": cls.session})
        cls.stage.start_door().ready()
        cls.stage.fault("delay", ms=60, count=-1)  # so that there is always something under way
        cls.wanted, cls.posted = {}, 0

    def file(self, count):
        """So many more interviews on themes that are filed at once, or heard three times first."""
        for _ in range(count):
            n = self.posted % THEMES
            name = f"i{self.posted}"
            self.wanted.setdefault(f"r{n}", set()).add(name)
            self.stage.publish(interview(name, [theme(f"r{n}", **(MILD if n % 2 else {}))],
                                         study=f"std_{self.chance.randrange(STUDIES)}"))
            type(self).posted = self.posted + 1

    def share(self, workers, seconds=40):
        """They have all partitions among them, each some of its own."""
        def counts():
            return [(w.partitions(), w.partitions(RETRY)) for w in workers]
        def shared():
            found = counts()
            return (sum(own for own, _ in found) == PARTITIONS and
                    sum(retry for _, retry in found) == 1 and
                    all(own + retry > 0 for own, retry in found))
        until(f"{len(workers)} share {PARTITIONS} partitions and one", shared, seconds)
        return counts()

    def settled(self, workers, seconds=60):
        """Everything is told once, nothing is under way, and the group's offsets are at the end."""
        self.stage.told(self.wanted, seconds)
        for worker in workers:
            worker.quiet()
        self.stage.all_committed()
        self.assertEqual(faults_of(self.stage.issues(), self.wanted), [])
        self.assertEqual(self.stage.records(DEAD), [])


class Dynamic(ReplicasCase):
    def test_1_they_come_and_go(self):
        first = self.stage.worker().ready()
        self.file(40)
        self.share([first])
        first.reaches("hearback_items_total", 5)
        workers = [first] + [self.stage.worker() for _ in range(REPLICAS - 1)]
        self.file(80)
        self.share(workers)
        self.chance.shuffle(workers)
        told, killed, asleep, rest = workers[:2], workers[2:4], workers[4], workers[5:]
        asleep.reaches("hearback_partitions", 1)
        asleep.signal(signal.SIGSTOP)
        for worker in killed:
            worker.kill()
        for worker in told:
            self.assertEqual(worker.stop(), 0)
            self.assertEqual(worker.lines("drained")[0]["abandoned"], 0)
        self.file(60)
        self.share(rest)  # once the sessions of the others are over
        asleep.signal(signal.SIGCONT)
        asleep.said("partitions_lost")
        self.assertGreaterEqual(asleep.metric("hearback_partitions_lost_total"), 1)
        rest += [asleep, self.stage.worker()]
        self.file(40)
        self.share(rest)
        for worker in rest:
            if worker is not asleep:
                self.assertEqual(worker.metric("hearback_partitions_lost_total"), 0)
        self.chance.shuffle(rest)
        while len(rest) > 1:
            self.assertEqual(rest.pop().stop(), 0)
            self.file(10)
        self.share(rest)
        self.settled(rest)
        self.assertEqual(rest[0].stop(), 0)


class Static(ReplicasCase):
    session = "20s"  # to be back within, on a machine that has much else to do

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.one = cls.member("one")
        cls.other = cls.member("other")

    @classmethod
    def member(cls, name):
        return cls.stage.worker({"kafka": {"instance_id": name}})

    def turns(self):
        """What the other one was told about partitions, so far."""
        return [(line["what"], line["partitions"]) for line in self.other.lines("rebalance")]

    def test_1_back_within_the_session(self):
        (own, _), (others, _) = self.share([self.one, self.other])
        self.assertGreaterEqual(min(own, others), PARTITIONS // 2 - 1)  # not retries only
        self.file(40)
        before = self.turns()
        for leave in ("stop", "kill"):
            self.one.reaches("hearback_records_total", 2)
            getattr(self.one, leave)()
            self.file(10)
            type(self).one = self.member("one")
            until("it has its own again", lambda: self.one.partitions() == own)
            self.assertEqual(self.turns(), before)
            self.assertEqual(self.other.partitions(), others)
        self.settled([self.one, self.other])

    def test_2_another_of_the_same_name(self):
        before = self.turns()
        own = self.one.partitions()
        self.file(40)
        self.one.reaches("hearback_items_open", 1)
        newer = self.member("one")
        status = self.one.wait()
        self.assertNotIn(status, (0, -signal.SIGABRT, -signal.SIGSEGV))
        (line,) = self.one.lines("consumer_dead")
        self.assertEqual(line["level"], "error")
        self.assertIn("instance_id", line["expected"])
        self.assertIn("instance_id", line["do"])
        until("the newer one has its partitions", lambda: newer.partitions() == own)
        self.assertEqual(self.turns(), before)
        self.file(20)
        self.settled([newer, self.other])
        for worker in (newer, self.other):
            self.assertEqual(worker.lines("consumer_dead"), [])
            self.assertEqual(worker.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
