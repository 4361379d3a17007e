# SPDX-License-Identifier: Apache-2.0
"""Records that crash the worker: found by being run alone, and dead letters then; nobody else is."""
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True
from crash_case import CrashCase  # noqa: E402
from harness import until  # noqa: E402

SIGNALS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS}


class Poison(CrashCase):
    def test_1_one_among_a_hundred(self):
        self.good("before", 50)
        self.poison("bad", "answered", "null")
        self.good("behind", 50)
        worker, ended = self.supervise(self.over, 4)
        self.assertEqual(len(ended), 4)
        for crashed in ended:
            self.assertEqual(crashed.wait(), -signal.SIGSEGV)
            self.assertEqual(crashed.said("crashed")["found"], "SIGSEGV")
        self.assertEqual([c.said("crashed")["alone"] for c in ended], [0, 0, 1, 1])
        suspects = ended[2].lines("suspect_alone") + ended[3].lines("suspect_alone")
        self.assertGreater(len({(s["partition"], s["offset"]) for s in suspects}), 1,
                           "an innocent one that was in flight is run alone too")
        self.good("after", 3)
        until("its partition goes on", self.all_told)
        self.finish(worker)

    def test_2_every_fault_in_every_place(self):
        for n, (place, fault) in enumerate((
                ("itemise", "null"), ("itemise", "loop"), ("itemise", "stack"), ("ask", "abort"),
                ("ask", "check"), ("ask", "bus"), ("ask", "loop"), ("answered", "stack"),
                ("answered", "divide"), ("answered", "illegal"), ("answered", "loop"))):
            self.poison(f"bad{n}", place, fault)
            self.good(f"among{n}", 3)
        count = len(self.bad) - 1  # one is of the test before
        worker, ended = self.supervise(self.over, 4 * count)  # each counts for the one at fault
        print(f"{count} convicted by {len(ended)} crashes", flush=True)
        for crashed in ended:
            self.assertIn(-crashed.wait(), SIGNALS)
            self.assertEqual(crashed.lines("crash_unreported"), [])
        self.finish(worker)

    def test_3_what_others_make_of_it(self):
        """One crashes but once: it is in doubt, finds its ticket, and is innocent enough. The other
        began to file a theme: whoever comes next of that theme goes on, and tells it, too."""
        self.boom("once", "create", "null", "t-once")
        self.wanted["t-once"] = {"once"}
        self.bad.add("shared")
        self.boom("shared", "find", "null", "beside0")
        worker, ended = self.supervise(self.over, 5)
        self.assertEqual({crashed.wait() for crashed in ended}, {-signal.SIGSEGV})
        self.good("beside", 3, themes=1)
        self.wanted["beside0"].add("shared")
        until("its theme is filed", self.all_told)
        self.finish(worker)

    def test_4_a_signal_from_outside(self):
        self.stage.fault("delay", ms=300, count=-1)
        for n, number in enumerate((signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS) * 2):
            self.good(f"outside{n}", 6)
            worker = self.start()
            worker.reaches("hearback_calls_total", 1)
            worker.signal(number)
            self.assertEqual(worker.wait(), -number)
            self.assertEqual(self.reports(), {})
        self.stage.clear_faults()
        worker, ended = self.supervise(self.all_told, 0)
        worker.quiet()
        self.assertEqual(ended, [])
        self.assertEqual(worker.metric("hearback_crash_suspects_total"), 0)
        self.finish(worker)

    def test_5_stopped_and_starved(self):
        """A turn that lasts because the process does not run is none that the watchdog ends."""
        self.stage.fault("delay", ms=200, count=-1)
        self.good("held", 6)
        worker = self.start()
        worker.reaches("hearback_calls_total", 1)
        worker.signal(signal.SIGSTOP)
        began = time.monotonic()
        until("twice turn_max has passed", lambda: time.monotonic() - began > 2.5)
        worker.signal(signal.SIGCONT)
        until("it goes on", self.all_told)
        self.finish(worker)


if __name__ == "__main__":
    unittest.main(verbosity=2)
