# SPDX-License-Identifier: Apache-2.0
"""Ended while at work, or held up while another takes over: nothing lost, nothing twice."""
import http.client
import json
import signal
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
from bodies import faults_of, interview, sign, theme  # noqa: E402
from harness import Case, Stage, until  # noqa: E402


class Drain(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.start_door().ready()

    def tearDown(self):
        self.stage.clear_faults()
        for program in self.stage.programs:
            if program.name == "worker":
                program.kill()

    def load(self, name, themes=10, rounds=8):
        """Publishes; says who is to be told where."""
        wanted = {f"{name}{i}": {f"{name}-{i}-{n}" for n in range(rounds)} for i in range(themes)}
        for n in range(rounds):
            for i in range(themes):
                self.stage.publish(interview(f"{name}-{i}-{n}", [theme(f"{name}{i}")],
                                             study=f"std_{n}"))
        return wanted

    def settled(self, worker, wanted):
        self.stage.told(wanted)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])

    def end(self, worker, seconds):
        began = time.monotonic()
        self.assertEqual(worker.stop(seconds), 0)
        self.assertEqual(len(worker.lines("drained")), 1)
        return time.monotonic() - began

    def test_1_the_worker_is_ended_under_load(self):
        self.stage.fault("delay", ms=100, count=-1)
        wanted = self.load("t-term")
        for calls in (3, 10, 20):
            worker = self.stage.worker()
            worker.reaches("hearback_calls_total", calls)
            self.assertLess(self.end(worker, 12), 11)
            self.assertEqual(worker.lines("drained")[0]["abandoned"], 0)
        self.settled(self.stage.worker(), wanted)

    def test_2_jira_hangs_and_the_deadline_comes(self):
        wanted = self.load("t-hang", rounds=2)
        worker = self.stage.worker({"jira": {"timeout": "5s"},
                                    "worker": {"drain_deadline": "500ms", "lease": "10s"}})
        self.stage.fault("delay", ms=3000, count=-1)
        until("calls are under way", lambda: len(self.stage.ask_sandbox("/journal")) and
              worker.metric("hearback_items_open") >= 10)
        until("a call is under way", lambda: any(row["status"] == 0 for row in
                                                 self.stage.ask_sandbox("/journal")))
        self.assertLess(self.end(worker, 5), 4)
        self.assertEqual(worker.lines("drained")[0]["abandoned"], 1)
        self.stage.clear_faults()
        self.settled(self.stage.worker(), wanted)

    def test_3_stopped_past_its_lease_and_woken(self):
        first = self.stage.worker().ready()
        until("it has all", lambda: first.partitions() == 3)
        self.stage.fault("delay", ms=700, count=-1)
        wanted = self.load("t-stop", rounds=3)
        first.reaches("hearback_calls_total", 5)
        first.signal(signal.SIGSTOP)
        second = self.stage.worker().ready()
        self.stage.told(wanted, 90)
        first.signal(signal.SIGCONT)
        more = self.load("t-stop", rounds=4)
        self.settled(second, more)
        first.quiet()
        self.assertEqual(faults_of(self.stage.issues(), more), [])
        self.assertEqual((first.stop(), second.stop()), (0, 0))

    def test_4_the_door_is_ended_under_load(self):
        door, port = self.stage.door, self.stage.door.said("listening")["port"]
        accepted, answers = [], []

        def post(lane):
            for n in range(100000):
                name = f"d{lane}-{n}"
                body = json.dumps(interview(name, [theme(f"t-door{lane}")])).encode()
                headers = {"X-Koji-Signature": sign(body)}
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                try:
                    connection.request("POST", "/hooks/koji", body, headers)
                    status = connection.getresponse().status
                except (OSError, http.client.HTTPException):
                    return
                finally:
                    connection.close()
                answers.append(status)
                if status == 200:
                    accepted.append((lane, name))

        before = sum(self.stage.ends())
        lanes = [threading.Thread(target=post, args=(lane,)) for lane in range(6)]
        for lane in lanes:
            lane.start()
        until("it is at work", lambda: len(accepted) > 100)
        self.assertEqual(door.stop(15), 0)
        for lane in lanes:
            lane.join()
        self.assertLessEqual(set(answers), {200, 503})
        self.assertGreaterEqual(sum(self.stage.ends()) - before, len(accepted))
        wanted = {}
        for lane, name in accepted:
            wanted.setdefault(f"t-door{lane}", set()).add(name)
        worker = self.stage.worker().ready()
        until("all that was accepted is told", lambda: not [
            fault for fault in faults_of(self.stage.issues(), wanted) if "told 0" in fault or
            "told 2" in fault or "tickets" in fault], 60)
        self.assertEqual(worker.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
