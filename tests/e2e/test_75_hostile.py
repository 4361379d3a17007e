# SPDX-License-Identifier: Apache-2.0
"""A Jira that means harm: whatever it answers, a verdict, bounded memory, and each told once."""
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import faults_of, interview, theme  # noqa: E402
from harness import DEAD, Case, Stage, until  # noqa: E402
from hostile_peer import BROKE, KINDS, HostilePeer, reasons  # noqa: E402

TARGETS = ("search", "create", "comment")
EVENTS = {"search": "item_retry", "create": "effect_in_doubt", "comment": "effect_in_doubt"}
STAGES = {"search": "find", "create": "create", "comment": "comment"}
MEMORY_MB = 128  # the worker's own 20, 32 calls of worker.reply_max = 1 MiB, and one such as JSON


class Hostile(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(breaker={"failures": 1000})
        cls.peer = HostilePeer(cls.stage.sandbox_at)
        cls.stage.start_door().ready()

    @classmethod
    def tearDownClass(cls):
        cls.peer.close()
        super().tearDownClass()

    def tearDown(self):
        self.stage.clear_faults()
        for program in self.stage.programs:
            if program.name == "worker":
                program.kill()

    def worker(self, **settings):
        return self.stage.worker({"jira": {"url": self.peer.url + "/jira"}, **settings}).ready()

    def modest(self, worker):
        """The most memory it ever had, in MB."""
        with open(f"/proc/{worker.process.pid}/status", encoding="ascii") as status:
            most = int(status.read().split("VmHWM:")[1].split()[0]) / 1024
        if "asan" not in str(worker.process.args[0]):
            self.assertLess(most, MEMORY_MB)
        return most

    def test_1_each_kind_once_at_each_place(self):
        """A ticket and a comment for each kind and place; one of the three requests is harmed."""
        wanted = {f"t-{target}-{kind}": {f"a-{target}-{kind}", f"b-{target}-{kind}"}
                  for target in TARGETS for kind in KINDS}
        for target in TARGETS:
            for kind in KINDS:
                word = f"koji/b-{target}-{kind}" if target == "comment" else \
                    f"koji-theme-t-{target}-{kind}"
                self.peer.harm(target, word, kind)
        for name in ("a", "b"):
            for theme_id in wanted:
                self.stage.publish(interview(f"{name}{theme_id[1:]}", [theme(theme_id)],
                                             study=f"std_{theme_id}"))
        worker = self.worker(worker={"lease": "10s"}, jira={
            "url": self.peer.url + "/jira", "timeout": "4s"})
        self.stage.told(wanted, 120)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        self.assertEqual(self.peer.plans, {}, "not every harm was done")
        self.outcomes(worker)
        self.assertFalse(self.peer.visited_elsewhere(), "a redirect was followed")
        self.assertEqual(self.stage.records(DEAD), [])
        print(f"{len(self.peer.done)} hostile replies, at most {self.modest(worker):.0f} MB",
              flush=True)
        self.assertEqual(worker.stop(), 0)

    def outcomes(self, worker):
        said = {}
        for event in ("item_retry", "effect_in_doubt"):
            for line in worker.lines(event):
                said.setdefault((event, line["effect"].split("~")[1], line["stage"]),
                                set()).add(line["found"])
        wrong = []
        for target in TARGETS:
            for kind in KINDS:
                found = said.get((EVENTS[target], f"t-{target}-{kind}", STAGES[target]), set())
                if not found & reasons(kind, target):
                    wrong.append(f"{target} {kind}: found {found}, expected one of "
                                 f"{reasons(kind, target)}")
        self.assertEqual(wrong, [])

    def test_2_many_at_a_time(self):
        """Every call is answered without bound, or with much to keep: memory is not."""
        for kind in ("huge", "endless", "wide", "headers_flood"):
            wanted = {f"t-{kind}-many{i}": {f"m{kind}{i}"} for i in range(150)}
            self.peer.always = kind
            for i in range(150):
                self.stage.publish(interview(f"m{kind}{i}", [theme(f"t-{kind}-many{i}")],
                                             study=f"std_{i}"))
            worker = self.worker(worker={"lease": "10s"}, jira={
                "url": self.peer.url + "/jira", "timeout": "4s"})
            worker.reaches("hearback_calls_total", 50 if kind == "wide" else 200, 60)
            self.peer.always = None
            self.stage.told(wanted, 60)
            print(f"many {kind}: at most {self.modest(worker):.0f} MB", flush=True)
            self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.stage.records(DEAD), [])

    def test_3_nothing_but_harm(self):
        """The breaker opens whatever the harm is, nothing dies of it, and all is told later."""
        for kind in ("not_json", "nothing", "redirect", "drip", "status_999", "headers_flood"):
            wanted = {f"t-{kind}-all{i}": {f"n{kind}{i}"} for i in range(8)}
            self.peer.always = kind
            for i in range(8):
                self.stage.publish(interview(f"n{kind}{i}", [theme(f"t-{kind}-all{i}")]))
            worker = self.worker(breaker={"failures": 5}, jira={
                "url": self.peer.url + "/jira", "timeout": "1s"})
            line = worker.said("breaker_open", 60)
            self.assertIn(line["found"], reasons(kind, "search") | reasons(kind, "create") |
                          {"timed_out"})  # a machine that is slow
            worker.reaches("hearback_breaker_open", 1)
            self.peer.always = None
            self.stage.told(wanted, 60)
            until("it is closed", lambda: worker.metric("hearback_breaker_open") == 0)
            self.assertEqual(worker.stop(), 0)
        self.assertFalse(self.peer.visited_elsewhere(), "a redirect was followed")
        self.assertEqual(self.stage.records(DEAD), [])

    def test_4_kept_connections_close(self):
        """Unannounced, as the next request goes out or when it has arrived: none is sent twice."""
        wanted = {f"t-kept{i}": {f"k{i}-{n}" for n in range(15)} for i in range(10)}
        self.stage.fault("drop_after", method="POST", every=6, count=-1)
        self.stage.fault("close_idle", ms=1, every=2, count=-1)
        for n in range(15):
            for i in range(10):
                self.stage.publish(interview(f"k{i}-{n}", [theme(f"t-kept{i}")], study=f"std_{i}"))
        before = self.requests()
        worker = self.stage.worker().ready()
        self.stage.told(wanted, 90)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        calls, arrived = worker.metric("hearback_calls_total"), self.requests() - before
        late = sum(line["found"] in BROKE for event in ("effect_in_doubt", "item_retry")
                   for line in worker.lines(event))
        self.assertGreater(late, 10)
        self.assertLessEqual(arrived, calls, "requests arrived that the worker knows nothing of")
        print(f"{calls:.0f} calls, {arrived} arrived, {late} broke off", flush=True)
        self.assertEqual(worker.stop(), 0)

    def requests(self):
        return len(self.stage.ask_sandbox("/journal"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
