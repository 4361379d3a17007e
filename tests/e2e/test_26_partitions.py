# SPDX-License-Identifier: Apache-2.0
"""Partitions are added to the interviews' topic under load: it is said, and each is told once.

A door that runs knows of the old partitions for a while, one that is started of all of them: what
is said of one theme comes from two partitions, and so to two workers.
"""
import sys
import unittest

sys.dont_write_bytecode = True
import kafka_wire  # noqa: E402
from bodies import faults_of, interview, merge, theme  # noqa: E402
from harness import DEAD, INTERVIEWS, Case, Stage, until  # noqa: E402

BEFORE, AFTER, THEMES = 3, 8, 12


class Added(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(kafka={"partitions": BEFORE})
        cls.stage.start_door().ready()
        cls.wanted, cls.posted = {}, 0

    def file(self, count, door):
        """So many more interviews, each theme from one study: of one key, until keys move."""
        self.stage.door = door
        for _ in range(count):
            n, name = self.posted % THEMES, f"i{self.posted}"
            self.wanted.setdefault(f"p{n}", set()).add(name)
            self.stage.publish(interview(name, [theme(f"p{n}")], study=f"std_{n}"))
            type(self).posted = self.posted + 1

    def share(self, workers, count):
        def shared():
            found = [worker.partitions() for worker in workers]
            return sum(found) == count and all(found)
        until(f"{len(workers)} share {count} partitions", shared, 40)

    def moved(self):
        """Studies that have records in an old partition and in an added one."""
        found = {}
        for line in self.stage.records(INTERVIEWS, "%p %k\n"):
            partition, study = line.split(" ")
            found.setdefault(study, set()).add(int(partition) >= BEFORE)
        return [study for study, where in found.items() if len(where) == 2]

    def test_added_under_load(self):
        old = self.stage.door
        workers = [self.stage.worker() for _ in range(2)]
        self.share(workers, BEFORE)
        self.stage.fault("delay", ms=60, count=-1)  # so that there is always something under way
        self.file(2 * THEMES, old)
        for worker in workers:
            worker.reaches("hearback_items_open", 1)
        kafka_wire.add_partitions(self.stage.address["kafka"], INTERVIEWS, AFTER)
        self.stage.settings = merge(self.stage.settings, {"kafka": {"partitions": AFTER}})
        self.file(THEMES, old)
        new = self.stage.start_door().ready()
        for _ in range(2):
            self.file(THEMES, new)
            self.file(THEMES, old)
        self.assertTrue(self.moved())
        third = self.stage.worker()  # that it joins makes the group look at its topics again
        self.file(2 * THEMES, new)
        self.share([*workers, third], AFTER)
        self.file(2 * THEMES, new)
        self.stage.told(self.wanted)
        self.said_by(workers)
        self.assertEqual(third.lines("partitions_added"), [])
        self.settled([*workers, third])

    def said_by(self, workers):
        """By who has an added one: loudly, and how many there were when it joined."""
        lines = [line for worker in workers for line in worker.lines("partitions_added")]
        self.assertTrue(lines)
        for line in lines:
            self.assertEqual((line["level"], line["topic"]), ("warn", INTERVIEWS))
            self.assertGreater(line["found"], line["expected"])
            self.assertGreaterEqual(line["expected"], BEFORE)
            self.assertIn("keys have moved", line["do"])

    def settled(self, workers):
        for worker in workers:
            worker.quiet()
        self.stage.all_committed()
        self.assertEqual(faults_of(self.stage.issues(), self.wanted), [])
        self.assertEqual(self.stage.records(DEAD), [])
        for worker in workers:
            self.assertEqual(worker.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
