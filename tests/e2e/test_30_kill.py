# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every place between two steps: one ticket a theme, each interview told once.

hearback-worker-failpoint kills itself where it is told to. For each place and each time it is
reached, a scenario of five interviews and two new themes is posted, and a worker dies of it there;
the next one begins with the next scenario. At the end a worker that nobody kills reads everything.
"""
import random
import sys
import unittest
from collections import Counter

sys.dont_write_bytecode = True
import kafka_wire  # noqa: E402
from bodies import faults_of, interview, theme  # noqa: E402
from harness import DEAD, GROUP, INTERVIEWS, Case, Stage, until  # noqa: E402

PARTITIONS = 3
ITEMS = 5
MILD = {"severity": None, "sentiment": -0.1}
PLACES = {"claim", "ask", "slot", "intend", "send", "record", "weigh", "find", "create", "keep", "comment",
          "sending", "sent", "answered", "journaled_before", "journaled_after", "script_sending",
          "script_ran"}


class KillCase(Case):
    @classmethod
    def begin(cls, **settings):
        cls.stage = Stage(**settings)
        cls.stage.start_door().ready()
        cls.scenarios = 0
        cls.wanted = {}
        cls.stage.worker().ready().stop()  # the view is made

    def scenario(self):
        """A theme that is filed and commented, one that is watched until its third interview."""
        self.scenarios = type(self).scenarios = self.scenarios + 1
        filed, watched = f"filed{self.scenarios}", f"watched{self.scenarios}"
        for who, theme_id, more in (("f1", filed, {}), ("w1", watched, MILD), ("f2", filed, {}),
                                    ("w2", watched, MILD), ("w3", watched, MILD)):
            name = f"{who}.{self.scenarios}"
            self.wanted.setdefault(theme_id, set()).add(name)
            self.stage.publish(interview(name, [theme(theme_id, **more)], study=f"std_{who}"))

    def seek(self, offsets):
        """The group goes on elsewhere."""
        def gone():  # somebody who was just killed may still be joining
            kafka_wire.evict(self.stage.address["kafka"], GROUP)
            try:
                kafka_wire.seek(self.stage.address["kafka"], GROUP, INTERVIEWS, offsets)
            except AssertionError as error:
                return "OffsetCommit: 25" not in str(error)
            return True
        until("the group is without members", gone)

    def to_the_end(self):
        self.seek(self.stage.ends())

    def die(self, point, count, seconds=3):
        """Starts a worker that is to die there. True when it did; it is dead in any case."""
        worker = self.stage.worker(program="hearback-worker-failpoint",
                                   HEARBACK_FAILPOINT=f"{point}:{count}")
        def ended():
            if worker.process.poll() is not None:
                return "died"
            return worker.metric("hearback_items_total") >= ITEMS and "settled"
        try:
            until("it dies", ended, seconds, every=0.01)
            until("it dies after its last item", lambda: worker.process.poll() is not None, 0.3)
        except AssertionError:
            pass
        status = worker.process.poll()
        worker.kill()
        kafka_wire.evict(self.stage.address["kafka"], GROUP)
        self.assertIn(status, (None, -9), f"{point}:{count}: {worker.log.read_text()[-3000:]}")
        if status == -9:
            worker.log.unlink()
            self.stage.programs.remove(worker)
        return status == -9

    def list_places(self):
        """How often each place is reached by a scenario that is left alone."""
        self.scenario()  # one before, so that the search need not settle any more
        worker = self.stage.worker()
        worker.reaches("hearback_items_total", ITEMS)
        worker.stop()
        log = self.stage.dir / "places"
        self.scenario()
        worker = self.stage.worker(program="hearback-worker-failpoint", HEARBACK_FAILPOINT="list",
                                   HEARBACK_FAILPOINT_LOG=str(log))
        worker.reaches("hearback_items_total", ITEMS)
        worker.kill()
        self.to_the_end()
        return Counter(log.read_text(encoding="ascii").split())

    def finish(self, seconds=90):
        """Everything again, from the beginning, by a worker that nobody kills."""
        ends = self.stage.ends()
        self.seek([0] * PARTITIONS)
        worker = self.stage.worker().ready()
        until("every record is read and settled",
              lambda: (worker.metric("hearback_records_total") >= sum(ends) and
                       worker.metric("hearback_items_open") == 0), seconds)
        faults = faults_of(self.stage.issues(), self.wanted)
        self.assertEqual(faults, [], f"{len(faults)} of {len(self.wanted)} themes")
        self.assertEqual(worker.metric("hearback_dead_letters_total"), 0)
        self.assertEqual(worker.stop(), 0)


class Everywhere(KillCase):
    @classmethod
    def setUpClass(cls):
        cls.begin()

    def test_1_killed_at_every_place(self):
        places = self.list_places()
        self.assertLessEqual(PLACES, set(places), "places that the scenario does not reach")
        missed = []
        for point, hits in sorted(places.items()):
            for count in range(1, hits + 1):
                self.scenario()
                if not self.die(point, count):
                    missed.append(f"{point}:{count}")
                self.to_the_end()
        print(f"killed at {sum(places.values()) - len(missed)} places, not reached: {missed}",
              flush=True)
        self.assertLess(len(missed), sum(places.values()) / 20)
        self.finish()

    def test_2_killed_while_taking_over(self):
        seed = random.randrange(1 << 30)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        for _ in range(5):
            self.scenario()
        for _ in range(10):
            self.die(chance.choice(sorted(PLACES | {"comments"})), chance.randrange(1, 12), 4)
            for lease in self.stage.redis("--scan", "--pattern", "hearback:order:*").split():
                self.stage.redis("DEL", lease)  # as when its time to live has passed
        self.finish()

    def test_3_killed_at_a_dead_letter(self):
        self.stage.fault("status", "/rest/api/3/issue", "POST", status=400, count=-1,
                         body='{"errorMessages":[],"errors":{"summary":"No."}}')
        self.stage.publish(interview("dead", [theme("t-dead")]))
        self.assertTrue(self.die("letter", 1))
        self.assertTrue(self.die("letter", 2, 20))  # the copy is written, the letter is not
        self.stage.publish(interview("dead2", [theme("t-dead2")]))
        self.assertTrue(self.die("record", 1))
        self.finish_letters()
        self.stage.clear_faults()

    def finish_letters(self):
        worker = self.stage.worker().ready()
        until("both are dead letters",
              lambda: {"t-dead", "t-dead2"} <= {line.split("~")[1] for line in
                                               self.stage.records(DEAD, "%h\n") for line in
                                               line.split(",") if line.startswith("effect=")}, 40)
        worker.quiet()
        self.assertEqual(worker.stop(), 0)


class Overtaken(KillCase):
    """Killed while it waits to create anew; another interview files the theme; then it goes on."""

    @classmethod
    def setUpClass(cls):
        cls.begin()

    def test_1_refused_then_overtaken(self):
        self.stage.fault("status", "/rest/api/3/issue", "POST", status=429,
                         headers={"Retry-After": "15"})  # nobody sends meanwhile
        self.stage.publish(interview("late", [theme("t-over")]))
        first = self.stage.worker()
        until("its creation was refused", lambda: first.lines("item_retry"))
        until("the ledger knows", lambda: '"s":"intended"' not in self.stage.redis(
            "GET", "hearback:effect:{ticket-filer/koji/t-over}:koji/late~t-over"))
        first.kill()
        self.to_the_end()
        self.stage.publish(interview("quick", [theme("t-over")]))
        second = self.stage.worker()
        second.reaches("hearback_items_total", 1, 60)
        second.stop()
        self.wanted["t-over"] = {"late", "quick"}
        self.finish()


class WithFaults(KillCase):
    """The same where Jira misbehaves: lost answers, 503, a search that is behind."""

    @classmethod
    def setUpClass(cls):
        cls.begin(jira={"settle": "4s"})

    def test_1_killed_and_let_down(self):
        places = self.list_places()
        self.stage.fault("stale", seconds=3, count=-1)
        self.stage.fault("drop_after", "/rest/api/3/issue*", "POST", every=3, count=-1)
        self.stage.fault("status", status=503, every=7, count=-1)
        for point in ("answered", "sending", "sent", "intend", "keep", "script_ran"):
            for count in range(1, places[point] + 1, 3 if point == "script_ran" else 1):
                self.scenario()
                self.die(point, count, 0.7)
                self.to_the_end()
        self.finish(150)


if __name__ == "__main__":
    unittest.main(verbosity=2)
