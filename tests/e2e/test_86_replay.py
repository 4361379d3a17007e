# SPDX-License-Identifier: Apache-2.0
"""Reading records again: what is done stays done, what a mended rule lets through is done, and a dry
run says so beforehand and changes nothing. It takes its share of a vendor's rate, and commits no
offsets. And a worker that only observes."""
import json
import sys
import time
import unittest
from datetime import datetime

sys.dont_write_bytecode = True
import kafka_wire  # noqa: E402
from bodies import faults_of, interview, theme  # noqa: E402
from harness import GROUP, INTERVIEWS, Case, Stage, until  # noqa: E402

CREATE = "/rest/api/3/issue"
LENIENT = {"rules": {"quality_min": 1}}


class Replays(Case):
    @classmethod
    def metric(cls, outcome):
        return cls.worker.metric(f'hearback_items_total{{outcome="{outcome}"}}')

    def replay(self, *args, settings=None, status=0):
        done = self.stage.run("hearback", "replay", "ticket-filer", *args, "--config",
                              self.stage.config(settings), check=False)
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
        return done.stdout

    def dry(self, *args, settings=None):
        """{effect: (stage, what)} of a dry run, which must change nothing at all."""
        before = self.all_there_is()
        lines = self.replay(*args, "--dry-run", settings=settings).splitlines()
        self.assertEqual(self.all_there_is(), before)
        items = [line.split("  ") for line in lines if not line.startswith("hearback_")]
        return {effect: (stage, what) for _, effect, stage, what in items}

    def all_there_is(self):
        """Jira's tickets, every key of the ledger, and how far the topics and the group are."""
        digest = ("local all = {} local keys = redis.call('KEYS', 'hearback:*') table.sort(keys) "
                  "for _, key in ipairs(keys) do if not string.find(key, 'mark') "
                  "and not string.find(key, 'hearback:budget:') then " # a dry run asks Jira, too
                  "table.insert(all, key .. redis.call('DUMP', key)) end end "
                  "return redis.sha1hex(table.concat(all))")
        topics = [self.stage.ends(t) for t in ("hearback.changelog", "hearback.dead",
                                               "hearback.retry.ticket-filer")]
        return (json.dumps(self.stage.issues(), sort_keys=True),
                self.stage.redis("EVAL", digest, "0"), topics, self.stage.committed())

    def number(self, text, name):
        return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith(name))


class ReplayCase(Replays):
    """Two interviews that were filed, one that was left out for its quality, one dead letter."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(jira={"settle": "500ms"})
        cls.stage.start_door().ready()
        cls.worker = cls.stage.worker().ready()
        cls.stage.publish(interview("good1", [theme("one")]),
                          interview("good2", [theme("one"), theme("two")], study="std_2"),
                          interview("poor1", [theme("three")], quality_score=2))
        cls.stage.told({"one": ["good1", "good2"], "two": ["good2"]})
        cls.stage.fault("status", CREATE, "POST", status=400, count=-1,
                        body='{"errorMessages":[],"errors":{"summary":"No."}}')
        cls.stage.publish(interview("dead1", [theme("four")], study="std_3"))
        until("the dead letter", lambda: cls.metric("dead_letter") == 1)
        until("what was left out", lambda: cls.metric("ignored_low_quality") == 1)
        cls.stage.clear_faults()
        cls.stage.all_committed()

    # ---- what is settled

    def test_1_all_of_it_is_passed_over(self):
        text = self.replay("--from", "0")
        self.assertEqual(self.number(text, "hearback_records_skipped_total"), 4)
        self.assertEqual(self.number(text, "hearback_items_total"), 0)

    def test_2_looked_into_it_is_settled_before(self):
        found = self.dry("--from", "0", "--again", "skipped")
        self.assertEqual(found["koji/good1~one"][1], "nothing: settled before")
        self.assertEqual(found["koji/good2~two"][1], "nothing: settled before")
        self.assertEqual(found["koji/poor1~three"][1], "skip: ignored_low_quality")
        self.assertEqual(found["koji/dead1~four"][1], "nothing: settled before")
        text = self.replay("--from", "0", "--again", "skipped")
        self.assertEqual(self.number(text, 'hearback_items_total{outcome="settled_before"}'), 4)
        self.assertEqual(faults_of(self.stage.issues(), {"one": ["good1", "good2"],
                                                         "two": ["good2"]}), [])

    def test_3_from_to_partition_and_key(self):
        later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        self.assertEqual(self.dry("--from", later, "--again", "skipped"), {})
        self.assertEqual(len(self.dry("--from", "1h", "--again", "skipped")), 5)
        self.assertEqual(len(self.dry("--from", "0", "--to", "1h", "--again", "skipped")), 0)
        self.assertEqual(set(self.dry("--from", "0", "--key", "std_2", "--again", "skipped")),
                         {"koji/good2~one", "koji/good2~two"})
        self.assertEqual(set(self.dry("--from", "0", "--key", "koji/one", "--again", "skipped")),
                         {"koji/good1~one", "koji/good2~one"})
        each = [len(self.dry("--from", "0", "--partition", str(p), "--again", "skipped"))
                for p in range(self.stage.settings["kafka"]["partitions"])]
        self.assertEqual(sum(each), 5)

    def test_4_offsets_of_one_partition(self):
        """The items of the records from the one offset to before the other, and no others."""
        partition = next(line.split(" ")[0] for line in self.stage.records(INTERVIEWS, "%p %k\n")
                         if line.endswith(" std_1"))
        effects = self.effects(partition)
        self.assertGreaterEqual(len(effects), 2)
        where = ("--partition", partition, "--again", "skipped")
        for edge in range(1, len(effects) + 1):
            at = str(edge)
            self.assertEqual(set(self.dry(*where, "--from", at)), set().union(*effects[edge:]))
            self.assertEqual(set(self.dry(*where, "--from", "0", "--to", at)),
                             set().union(*effects[:edge]))
            self.assertEqual(set(self.dry(*where, "--from", str(edge - 1), "--to", at)),
                             effects[edge - 1])

    def effects(self, partition):
        """What each record of the partition is to do."""
        lines = self.stage.kcat("-C", "-t", INTERVIEWS, "-p", partition, "-e", "-o", "beginning",
                                "-f", "%s\n").splitlines()
        return [{f"koji/{body['interview_id']}~{one['theme_id']}" for one in body["themes"]}
                for body in map(json.loads, lines)]

    def test_5_times(self):
        """Before the dead one is what was filed, from its own time on only that one."""
        lines = self.stage.records(INTERVIEWS, "%T %k\n")
        ((dead_ms, _),) = [one for one in map(str.split, lines) if one[1] == "std_3"]
        ms = int(dead_ms)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03}Z"
        self.assertEqual(set(self.dry("--from", at, "--again", "skipped")), {"koji/dead1~four"})
        self.assertEqual(set(self.dry("--from", "0", "--to", at, "--again", "skipped")),
                         {"koji/good1~one", "koji/good2~one", "koji/good2~two",
                          "koji/poor1~three"})

    def test_6_a_redo_repeats_no_create_and_no_comment(self):
        before = json.dumps(self.stage.issues(), sort_keys=True)
        text = self.replay("--from", "0", "--redo")
        self.assertEqual(json.dumps(self.stage.issues(), sort_keys=True), before)
        self.assertEqual(self.number(text, 'hearback_items_total{outcome="redone"}'), 3)
        self.assertEqual(self.number(text, 'hearback_items_total{outcome="redo_not_done"}'), 1)

    def test_7_usage(self):
        for args in (["--to", "3"], ["--from", "yesterday"], ["--from", "0", "--again", "more"],
                     ["--from", "0", "--redo", "--again", "dead"], ["--from", "0", "--partition", "x"]):
            self.replay(*args, status=2)
        self.replay("--from", "0", "--partition", "99", status=1)

    # ---- what is mended

    def test_8_a_mended_rule_and_the_dead_letter(self):
        found = self.dry("--from", "0", settings=LENIENT)
        self.assertEqual(found["koji/poor1~three"], ("create", "send POST"))
        self.assertEqual(found["koji/good1~one"][1], "nothing: settled before")
        self.replay("--from", "0", settings=LENIENT)
        wanted = {"one": ["good1", "good2"], "two": ["good2"], "three": ["poor1"]}
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])
        found = self.dry("--from", "0", "--again", "dead")
        self.assertEqual(found["koji/dead1~four"], ("create", "send POST"))
        self.replay("--from", "0", "--again", "dead")
        self.assertEqual(faults_of(self.stage.issues(), {**wanted, "four": ["dead1"]}), [])
        self.replay("--from", "0", "--again", "dead")
        self.assertEqual(faults_of(self.stage.issues(), {**wanted, "four": ["dead1"]}), [])

    def test_9_beside_the_worker(self):
        """A replay of everything while the worker has new ones to file: each is told once."""
        who = [f"new{i}" for i in range(20)]
        self.stage.publish(*[interview(i, [theme("crowd")], study=f"std_{n % 5}")
                             for n, i in enumerate(who)])
        self.replay("--from", "0", settings={"rules": {"quality_min": 0}})
        self.stage.told({"crowd": who})


class Modest(Replays):
    """What a replay leaves to the others."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(jira={"settle": "0s"})
        cls.stage.start_door().ready()
        cls.worker = cls.stage.worker().ready()

    def left_out(self, who):
        """Interviews that the worker leaves out for their quality, each of a theme of its own."""
        before = self.metric("ignored_low_quality")
        self.stage.publish(*[interview(i, [theme(i)], study=f"std_{i}", quality_score=2)
                             for i in who])
        until("they are left out",
              lambda: self.metric("ignored_low_quality") == before + len(who))
        self.stage.all_committed()

    def test_1_its_share_of_a_rate(self):
        """A tenth of twenty calls a second: half a second lies between two."""
        who = [f"slow{i}" for i in range(4)]
        self.left_out(who)
        self.replay("--from", "0", settings={**LENIENT, "jira": {"post_per_s": 20},
                                             "budgets": {"replay": 10}})
        self.assertEqual(faults_of(self.stage.issues(), {i: {i} for i in who}), [])
        times = sorted(datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()
                       for row in self.stage.ask_sandbox("/journal") if row["method"] == "POST")
        self.assertGreaterEqual(len(times), 2 * len(who))  # each is searched for, then created
        # In all its time, at its beginning and at its end; the first of them may have been late.
        for first, last in ((0, len(times) - 1), (0, 3), (len(times) - 4, len(times) - 1)):
            self.assertGreater(times[last] - times[first], (last - first - 1) * 0.5 - 0.1)

    def test_2_it_commits_nothing(self):
        """Nor where nobody would refuse it: the worker's group has no members, and is behind."""
        self.left_out([f"quiet{i}" for i in range(6)])
        self.assertEqual(self.worker.stop(), 0)
        ends = self.stage.ends()
        behind = [end // 2 for end in ends]
        self.assertNotEqual(behind, ends)
        kafka_wire.seek(self.stage.address["kafka"], GROUP, INTERVIEWS, behind)
        text = self.replay("--from", "0", "--again", "skipped")
        self.assertEqual(self.number(text, "hearback_records_total"), sum(ends))
        self.assertEqual(self.stage.committed(), behind)
        self.assertEqual(self.stage.committed(GROUP + ".replay"), [-1] * len(ends))


class ObserveCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(jira={"settle": "500ms"})
        cls.stage.start_door().ready()

    def test_observes_then_works(self):
        observer = self.stage.worker({"worker": {"mode": "observe"}}).ready()
        self.stage.publish(interview("a", [theme("one")]), interview("b", [theme("one")]),
                           interview("c", [theme("two")]))
        observer.reaches('hearback_items_total{outcome="would_send"}', 3)
        self.assertEqual({(line["effect"], line["stage"], line["what"])
                          for line in observer.lines("item_would")},
                         {(f"koji/{i}", "create", "send POST")
                          for i in ("a~one", "b~one", "c~two")})
        self.assertEqual(self.stage.issues(), [])
        self.assertEqual(sum(self.stage.ends("hearback.dead")), 0)
        self.assertEqual(self.stage.redis("KEYS", "hearback:effect:*").strip(), "")
        self.assertEqual(self.stage.redis("KEYS", "hearback:seen:*").strip(), "")
        self.assertEqual(observer.stop(), 0)
        self.stage.worker().ready()
        self.stage.told({"one": ["a", "b"], "two": ["c"]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
