# SPDX-License-Identifier: Apache-2.0
"""kill -9, fifty times in a row, while suspects run alone: nobody is convicted by that."""
import random
import sys
import time
import unittest

sys.dont_write_bytecode = True
from crash_case import CrashCase  # noqa: E402
from harness import until  # noqa: E402

KILLS = 50


class Killed(CrashCase):
    timeout = "4s"

    def two_crashes(self):
        """The bad one and those beside it are suspects."""
        for _ in range(2):
            self.start().wait()
        self.assertGreater(sum(times >= 2 for times in self.reports().values()), 5)

    def kill_once(self, chance):
        """At any moment of a worker's life; what it did alone until then."""
        worker = self.start()
        end = time.monotonic() + chance.uniform(0.05, 1.1)
        until("it is time", lambda: time.monotonic() >= end, every=0.01)
        worker.kill()
        self.assertEqual(worker.lines("crashed"), [], "it was to be killed before it crashes")
        return bool(worker.lines("suspect_alone"))

    def test_1_fifty_times(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        self.poison("bad", "answered", "null")
        self.good("beside", 12)
        self.two_crashes()
        before = self.reports()
        self.stage.fault("delay", ms=3000, count=-1)  # each call of one that is alone outlives it
        alone = sum(self.kill_once(chance) for _ in range(KILLS))
        print(f"seed {seed}: {KILLS} killed, {alone} of them while a suspect was alone", flush=True)
        self.assertGreater(alone, KILLS / 10)
        self.assertEqual({**before, **self.reports()}, before, "a kill was counted")
        self.assertEqual(self.letters(), {})
        self.stage.clear_faults()
        worker, ended = self.supervise(self.over, 2)
        self.assertEqual([crashed.said("crashed")["alone"] for crashed in ended], [1, 1])
        self.finish(worker)


if __name__ == "__main__":
    unittest.main(verbosity=2)
