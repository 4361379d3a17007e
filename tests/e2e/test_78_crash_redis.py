# SPDX-License-Identifier: Apache-2.0
"""Crashes that Redis does not hear of, or hears of only with a password."""
import json
import os
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True
from crash_case import CrashCase  # noqa: E402
from harness import until  # noqa: E402

PASSWORD = "an e2e password"


class RedisAway(CrashCase):
    """Nobody hears of the crash: nobody is suspected, and the end is hardly put off."""

    timeout = "3s"
    password = None

    def redis(self, *args):
        more = ("--no-auth-warning", "-a", self.password) if self.password else ()
        return self.stage.redis(*more, *args)

    def crash(self, name, way):
        """Jira's answer to the bad one crashes the worker; way(Redis's pid) is called while Jira
        thinks of it. Behind a lost Redis nothing more is asked."""
        self.stage.fault("delay", ms=1500, count=-1)
        worker = self.start()
        pid = int(self.redis("INFO", "server").split("process_id:")[1].split()[0])
        until("Jira is asked", lambda: any(
            row["status"] == 0 and f"t-{name}" in json.dumps(row)
            for row in self.stage.ask_sandbox("/journal?bodies=1")))
        way(pid)
        worker.said("crashed")
        began = time.monotonic()
        self.assertEqual(worker.wait(), -signal.SIGSEGV)
        self.assertEqual(len(worker.lines("crash_unreported")), 1)
        self.stage.clear_faults()
        return time.monotonic() - began, pid

    def test_1_gone(self):
        self.poison("gone", "answered", "null")
        self.good("beside", 6)
        for _ in range(2):
            seconds, _ = self.crash("gone", lambda _pid: self.redis("SHUTDOWN"))
            self.assertLess(seconds, 1)
            self.stage.dev("up.sh", "--only", "redis")
            self.assertEqual(self.reports(), {})
        worker, ended = self.supervise(self.over, 4)
        self.assertEqual([c.said("crashed")["alone"] for c in ended], [0, 0, 1, 1])
        self.finish(worker)

    def test_2_it_does_not_answer(self):
        self.poison("mute", "answered", "null")
        seconds, pid = self.crash("mute", lambda pid: os.kill(pid, signal.SIGSTOP))
        os.kill(pid, signal.SIGCONT)
        print(f"ended {seconds:.1f} s after the crash", flush=True)
        self.assertLess(seconds, 2)
        worker, ended = self.supervise(self.over, 4)
        self.finish(worker)

    def test_3_behind_a_password(self):
        """The report's own connection is let in; the stage's last test, as it stays locked."""
        self.stage.redis("CONFIG", "SET", "requirepass", PASSWORD)
        RedisAway.password = PASSWORD
        self.poison("bad", "ask", "abort")
        self.good("locked", 6)
        worker, ended = self.supervise(self.over, 4, HEARBACK_REDIS_PASSWORD=PASSWORD)
        self.assertEqual(len(ended), 4)
        self.finish(worker)


if __name__ == "__main__":
    unittest.main(verbosity=2)
