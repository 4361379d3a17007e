# SPDX-License-Identifier: Apache-2.0
"""Redis is a view: emptied, killed, rolled back or away, nothing is filed or told twice."""
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import faults_of, interview, theme, told  # noqa: E402
from harness import CHANGELOG, GROUP, INTERVIEWS, Case, Stage, until  # noqa: E402


class RedisCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.start_door().ready()

    def tearDown(self):
        self.stage.clear_faults()
        for program in self.stage.programs:
            if program.name == "worker":
                program.kill()

    def kafka(self, tool, *args):
        return self.stage.dev("kafka.sh", tool, "--bootstrap-server", self.stage.address["kafka"],
                              *args)

    def back_to_the_beginning(self):
        """The group reads everything again; its worker must have ended."""
        self.kafka("consumer-groups", "--group", GROUP, "--topic", INTERVIEWS, "--reset-offsets",
                   "--to-earliest", "--execute")

    def forget_the_changelog(self):
        self.kafka("topics", "--delete", "--topic", CHANGELOG)
        until("the changelog is gone", lambda: CHANGELOG not in self.stage.kcat("-L"))
        self.stage.topics()

    def everything_read_again(self, worker):
        """Until the worker came to the end of all partitions."""
        count = sum(self.stage.ends())
        worker.reaches("hearback_records_total", count, 40)
        worker.quiet()

    def publish_many(self, name, themes, rounds, middle=None):
        """`rounds` interviews of each theme; `middle` is called when half are in."""
        wanted = {f"{name}{i}": set() for i in range(themes)}
        for n in range(rounds):
            if n == rounds // 2 and middle:
                middle()
            for theme_id in wanted:
                who = f"{name}-{theme_id}-{n}"
                wanted[theme_id].add(who)
                self.stage.publish(interview(who, [theme(theme_id)], study=f"std_{n}"))
        return wanted



class Emptied(RedisCase):
    def test_1_emptied_while_the_worker_runs(self):
        worker = self.stage.worker().ready()
        wanted = self.publish_many("t-flush", 20, 10,
                                   lambda: (until("tickets", self.stage.issues),
                                            self.stage.redis("FLUSHALL")))
        self.stage.told(wanted)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        self.assertGreaterEqual(worker.metric("hearback_restores_total"), 1)

    def test_2_emptied_again_and_again(self):
        worker = self.stage.worker().ready()
        self.stage.fault("delay", ms=100, count=-1)
        wanted = {f"t-again{i}": {f"a{i}-{n}" for n in range(3)} for i in range(10)}
        for n in range(3):
            for i in range(10):
                self.stage.publish(interview(f"a{i}-{n}", [theme(f"t-again{i}")], study=f"std_{i}"))
            self.stage.redis("FLUSHALL")
        self.stage.clear_faults()
        self.stage.told(wanted)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])

    def test_3_killed_and_started_again(self):
        worker = self.stage.worker().ready()
        wanted = self.publish_many("t-crash", 20, 4,
                                   lambda: self.stage.dev("restart.sh", "redis", "--kill"))
        self.stage.told(wanted)
        worker.quiet()
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])

    def test_4_two_workers_and_one_emptied_redis(self):
        workers = [self.stage.worker().ready() for _ in range(2)]
        until("both have partitions",
              lambda: all(w.partitions() > 0 for w in workers), 40)
        wanted = self.publish_many("t-both", 10, 6, lambda: self.stage.redis("FLUSHALL"))
        self.stage.told(wanted)
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        for worker in workers:
            self.assertEqual(worker.stop(), 0)


class Replayed(RedisCase):
    """Three interviews folded into one ticket, one comment; then all of it is read again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mild = theme("t-fold", severity=None, sentiment=-0.1)
        worker = cls.stage.worker().ready()
        for i in (1, 2, 3, 4):
            cls.stage.publish(interview(f"r{i}", [mild], study=f"std_{i}"))
            worker.reaches("hearback_items_total", i)
        cls.stage.publish(interview("r5", [theme("t-one")]), interview("r6", [theme("t-one")]))
        worker.reaches("hearback_items_total", 6)
        worker.stop()
        cls.before = cls.stage.issues()

    def replay(self):
        self.back_to_the_beginning()
        worker = self.stage.worker().ready()
        self.everything_read_again(worker)
        self.assertEqual(self.stage.issues(), self.before, "the replay changed something in Jira")
        self.assertEqual(worker.stop(), 0)
        return worker

    def test_0_what_there_is(self):
        by_label = {i["labels"][1]: tuple(map(set, told(i))) for i in self.before}
        self.assertEqual(by_label, {
            "koji-theme-t-fold": ({"koji/r1", "koji/r2", "koji/r3"}, {"koji/r4"}),
            "koji-theme-t-one": ({"koji/r5"}, {"koji/r6"})})

    def test_1_the_group_reset(self):
        self.replay()

    def test_2_redis_emptied_and_the_group_reset(self):
        self.stage.redis("FLUSHALL")
        self.replay()

    def test_3_the_ledger_lost_altogether(self):
        self.stage.redis("FLUSHALL")
        self.forget_the_changelog()
        self.replay()

    def test_4_the_ledger_lost_and_the_interviews_in_another_order(self):
        self.stage.redis("FLUSHALL")
        self.forget_the_changelog()
        self.kafka("consumer-groups", "--group", GROUP, "--topic", INTERVIEWS, "--reset-offsets",
                   "--to-latest", "--execute")
        worker = self.stage.worker().ready()
        mild = theme("t-fold", severity=None, sentiment=-0.1)
        for i in (4, 2, 3, 1):
            self.stage.publish(interview(f"r{i}", [mild]))
        self.stage.publish(interview("r6", [theme("t-one")]), interview("r5", [theme("t-one")]))
        worker.reaches("hearback_items_total", 6)
        self.assertEqual(self.stage.issues(), self.before, "the replay changed something in Jira")


class Away(RedisCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(up=())

    def not_ready_once(self, program, event):
        """Not ready, alive, and says so in one line."""
        until("it says so", lambda: program.lines(event))
        until("it is not ready", lambda: program.get("/readyz")[0] == 503)
        self.assertEqual(program.get("/healthz")[0], 200)
        self.said = len(program.lines(event))
        self.assertEqual(self.said, 1)

    def test_1_kafka_and_redis_come_later(self):
        door = self.stage.start_door()
        worker = self.stage.worker()
        self.not_ready_once(door, "kafka_away")
        self.not_ready_once(worker, "kafka_away")
        self.assertEqual(self.stage.post(interview("w0", [theme("t-away")]))[0], 503)
        self.stage.dev("up.sh", "--only", "kafka")
        until("the topics can be made", lambda: not self.stage.topics())
        door.ready()
        self.not_ready_once(worker, "redis_away")
        self.stage.publish(interview("w1", [theme("t-away")]))
        self.stage.dev("up.sh", "--only", "redis")
        worker.ready()
        self.stage.told({"t-away": {"w1"}})
        for program, events in ((door, ["kafka_away"]), (worker, ["kafka_away", "redis_away"])):
            for event in events:
                self.assertEqual(len(program.lines(event)), 1, event)

    def test_2_redis_away_for_a_while(self):
        worker = self.stage.worker().ready()
        self.stage.dev("restart.sh", "redis")
        self.stage.publish(interview("w2", [theme("t-away")]))
        self.stage.told({"t-away": {"w1", "w2"}})
        self.assertEqual(worker.stop(), 0)

    def test_3_kafka_away_for_a_while(self):
        worker = self.stage.worker().ready()
        until("it has its partitions", lambda: worker.partitions() == 3)
        self.stage.dev("restart.sh", "kafka", "--kill")
        until("the door takes it again",
              lambda: self.stage.post(interview("w3", [theme("t-away")]))[0] == 200, 40)
        self.stage.told({"t-away": {"w1", "w2", "w3"}})
        self.assertEqual(worker.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
