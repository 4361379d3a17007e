# SPDX-License-Identifier: Apache-2.0
"""What the tests of crashes share: bad records, a supervisor, and what became of everything.

hearback-worker-poison has the fault that a record names, in the worker's code. The supervisor
starts it again after each crash, as Kubernetes would.
"""
import kafka_wire
from bodies import faults_of, interview, theme
from harness import DEAD, GROUP, Case, Stage, until

REPORTS = "hearback:crash:{ticket-filer}"


class CrashCase(Case):
    """Whoever takes over a call of a dead worker waits for jira.timeout, each suspect for itself."""

    timeout = "1s"

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(worker={"turn_max": "1s", "lease": "10s"},
                          jira={"timeout": cls.timeout, "settle": "0s"})
        cls.stage.start_door().ready()
        cls.stage.worker().ready().stop()  # the view is made
        cls.wanted, cls.bad = {}, set()

    def tearDown(self):
        self.stage.clear_faults()
        for program in self.stage.programs:
            if program.name == "worker":
                program.kill()

    # ---- what is published

    def good(self, name, count, themes=10):
        for n in range(count):
            theme_id = f"{name}{n % themes}"
            self.wanted.setdefault(theme_id, set()).add(f"{name}-{n}")
            self.stage.publish(interview(f"{name}-{n}", [theme(theme_id)], study=f"std_{n}"))

    def boom(self, name, place, fault, theme_id):
        self.stage.publish(interview(name, [theme(theme_id)], study=f"std_{name}",
                                     boom=f"boom-{place}-{fault}"))

    def poison(self, name, place, fault):
        """Its theme is its own, so that what it does before it crashes is nobody else's matter."""
        self.bad.add(name)
        self.boom(name, place, fault, f"t-{name}")

    # ---- the supervisor

    def start(self, **env):
        """A worker, in a group without the dead and with their leases run out."""
        kafka_wire.evict(self.stage.address["kafka"], GROUP)
        for lease in self.redis("--scan", "--pattern", "hearback:order:*").split():
            self.redis("DEL", lease)
        return self.stage.worker(program="hearback-worker-poison", **env)

    def redis(self, *args):
        return self.stage.redis(*args)

    def supervise(self, done, crashes_max, seconds=120, **env):
        """Starts the worker until done(worker) holds; how the others ended."""
        ended = []
        while True:
            worker = self.start(**env)
            def settled():
                if worker.process.poll() is not None:
                    return "ended"
                return done(worker) and "done"
            if until("it has crashed, or all is done", settled, seconds) == "done":
                return worker, ended
            ended.append(worker)
            self.assertLessEqual(len(ended), crashes_max, "it crashes again and again")

    def letters(self):
        """{interview: reason}; the copies of a letter have one key."""
        found, keys = {}, {}
        for line in self.stage.records(DEAD, "%k\t%h\t%s\n"):
            key, headers, body = line.split("\t", 2)
            reason = dict(h.split("=", 1) for h in headers.split(",") if "=" in h)["reason"]
            for name in self.bad | {i for who in self.wanted.values() for i in who}:
                if f'"interview_id": "{name}"' in body:
                    self.assertEqual(keys.setdefault(name, key), key, "two letters of one record")
                    found[name] = reason
        return found

    def all_told(self, _worker=None):
        return not faults_of(self.stage.issues(), self.wanted)

    def over(self, worker):
        return (self.all_told() and worker.metric("hearback_items_open") == 0 and
                len(self.letters()) == len(self.bad))

    def reports(self):
        lines = self.redis("HGETALL", REPORTS).split()
        return dict(zip(lines[::2], map(int, lines[1::2])))

    def finish(self, worker):
        self.assertEqual(self.letters(), {name: "crashed_alone" for name in self.bad})
        until("nothing is kept of what was settled", lambda: not self.reports())
        self.assertEqual(faults_of(self.stage.issues(), self.wanted), [])
        self.assertEqual(worker.metric("hearback_dead_letters_total"),
                         worker.metric("hearback_crash_convicted_total"))
        self.assertEqual(worker.stop(), 0)
