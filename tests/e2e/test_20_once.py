# SPDX-License-Identifier: Apache-2.0
"""Once: the same webhook again, and two workers that hear of one theme at the same time."""
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import faults_of, interview, theme  # noqa: E402
from harness import INTERVIEWS, Case, Stage, until  # noqa: E402

THEMES = 30


class Once(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.start_door().ready()
        cls.workers = [cls.stage.worker() for _ in range(2)]
        for worker in cls.workers:
            worker.ready()
        until("both have partitions",
              lambda: all(w.partitions() > 0 for w in cls.workers), 40)

    def wait_for(self, items, outcome=""):
        name = "hearback_items_total" + outcome
        until(f"{items} items are settled",
              lambda: sum(worker.metric(name) for worker in self.workers) >= items, 60)

    def test_1_the_same_webhook_three_times_has_one_effect(self):
        body = interview("o1", [theme("t-once")])
        again = interview("o2", [theme("t-once")])
        self.stage.publish(body, body, body, again, again, again)
        self.wait_for(6)
        self.assertEqual(faults_of(self.stage.issues(), {"t-once": {"o1", "o2"}}), [])
        self.wait_for(4, '{outcome="settled_before"}')

    def studies(self):
        """A study for each partition: what is published for it says where it went."""
        found = {}
        for i in range(40):
            if len(found) == 3:
                break
            study = f"std_p{i}"
            self.stage.publish(interview("x", [], study, event="interview.started"))
            for line in self.stage.records(INTERVIEWS, "%p %k\n"):
                partition, key = line.split(" ")
                if key == study:
                    found.setdefault(partition, study)
        self.assertEqual(len(found), 3)
        return list(found.values())

    def test_2_two_workers_and_one_theme_in_several_partitions(self):
        studies = self.studies()
        before = [w.metric("hearback_items_total") for w in self.workers]
        wanted = {f"t-two{i}": set() for i in range(THEMES)}
        bodies = []
        for n in range(3):
            for theme_id in wanted:
                for study in studies:
                    name = f"o-{theme_id}-{study}-{n}"
                    wanted[theme_id].add(name)
                    bodies.append(interview(name, [theme(theme_id)], study=study))
        self.stage.publish(*bodies)
        self.wait_for(sum(before) + len(bodies))
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        for worker, had in zip(self.workers, before):
            self.assertGreater(worker.metric("hearback_items_total"), had, "one worker did it all")

    def test_3_a_worker_leaves_and_the_other_has_it_all(self):
        wanted = {f"t-leave{i}": set() for i in range(10)}
        for n in range(6):
            for theme_id in wanted:
                name = f"o-{theme_id}-{n}"
                wanted[theme_id].add(name)
                self.stage.publish(interview(name, [theme(theme_id)], study=f"std_p{n}"))
            if n == 2:
                self.assertEqual(self.workers[0].stop(), 0)
        self.stage.told(wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
