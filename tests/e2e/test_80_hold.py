#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""More tickets in an hour than are believed to be meant: held, also when Redis is emptied, until an
operator lets them go. The real worker, the real command."""
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import interview, theme  # noqa: E402
from harness import Case, Stage, until  # noqa: E402

MOST, THEMES = 3, 8


class Hold(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(limits={"tickets_per_hour": MOST})

    def tickets(self):
        return len(self.stage.issues())

    def hold(self, *args, check=True):
        return self.stage.run("hearback", "hold", *args, "--config", self.stage.config(),
                              check=check)

    def reaches(self, count):
        until(f"{count} tickets", lambda: self.tickets() >= count, 30)

    def test_held_until_released(self):
        stage = self.stage
        stage.start_door().ready()
        self.assertEqual(self.hold("list").stdout, "nothing is held\n")
        stage.publish(*(interview(f"int_{n}", [theme(f"t{n}")]) for n in range(THEMES)))
        worker = stage.worker().ready()
        worker.reaches("hearback_held", 1, 30)
        self.reaches(MOST)
        self.assertRegex(self.hold("list").stdout, r"^tickets  held since 2\S+, after 3 in an hour")
        # An emptied Redis is restored, with the hold.
        stage.redis("FLUSHALL")
        until("the view is restored", lambda: stage.redis("EXISTS", "hearback:epoch") == "1\n", 30)
        worker.ready()
        self.assertRegex(self.hold("list").stdout, r"^tickets  held")
        self.assertEqual(self.tickets(), MOST)
        # Released it goes on, as far as the next hold.
        self.assertEqual(self.hold("release", "tickets").stdout,
                         "tickets  released; it counts anew\n")
        self.reaches(2 * MOST)
        until("held again", lambda: "tickets  held" in self.hold("list").stdout, 20)
        self.assertEqual(self.tickets(), 2 * MOST)
        self.hold("release", "tickets")
        self.reaches(THEMES)
        worker.quiet()
        stage.told({f"t{n}": {f"int_{n}"} for n in range(THEMES)})
        # The release outlives Redis as the hold did.
        stage.redis("FLUSHALL")
        until("the view is restored", lambda: stage.redis("EXISTS", "hearback:epoch") == "1\n", 30)
        self.assertEqual(self.hold("list").stdout, "nothing is held\n")

    def test_misused(self):
        for args in (["release"], ["release", "a", "b"], ["lift", "tickets"], []):
            self.assertEqual(self.hold(*args, check=False).returncode, 2)
        wrong = self.hold("release", "birds", check=False)
        self.assertEqual((wrong.returncode, wrong.stdout), (1, "birds  is not held\n"))
        self.assertEqual(self.hold("release", "{x", check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main()
