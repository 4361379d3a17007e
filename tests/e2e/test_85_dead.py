# SPDX-License-Identifier: Apache-2.0
"""Dead letters as an operator meets them: listed, looked at, redriven, dropped."""
import json
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
import kafka_wire  # noqa: E402
from bodies import interview, theme  # noqa: E402
from harness import DEAD, INTERVIEWS, ROOT, Case, Stage, until  # noqa: E402

CREATE = "/rest/api/3/issue"
RETRY = "hearback.retry.ticket-filer"
REFUSAL = '{"errorMessages":[],"errors":{"summary":"Not like this."}}'


class DeadCase(Case):
    @classmethod
    def setUpClass(cls):
        # What is refused here is the item's fault, however many they are.
        cls.stage = Stage(retry={"cap": "200ms"}, breaker={"refusals": 1000})
        cls.stage.start_door().ready()
        cls.worker = cls.stage.worker().ready()

    def tearDown(self):
        self.stage.clear_faults()
        self.dead("drop", "--all", "--yes")

    def dead(self, *args, status=0):
        done = self.stage.run("hearback", "dead", *args, "--config", self.stage.config(),
                              check=False)
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
        return done

    def list(self, *args):
        return [json.loads(line) for line in
                self.dead("list", "--json", *args).stdout.splitlines()]

    def listed(self, count, *args):
        return until(f"{count} letters", lambda: (
            len(found := self.list(*args)) == count and (found or ["none"])))

    def records(self, topic):
        """The topic's records with their headers, oldest first in each partition."""
        lines = self.stage.kcat("-C", "-t", topic, "-e", "-o", "beginning", "-J").splitlines()
        return [{**one, "headers": dict(zip(one["headers"][::2], one["headers"][1::2]))
                 if "headers" in one else {}} for one in map(json.loads, lines)]

    def refuse(self):
        self.stage.fault("status", CREATE, "POST", status=400, count=-1, body=REFUSAL)

    def creates(self, label):
        return [row for row in self.stage.ask_sandbox("/journal?bodies=1")
                if row["method"] == "POST" and row["path"].endswith("/issue") and
                row["status"] == 201 and label in json.dumps(row)]

    def a_letter(self, who, theme_id, **more):
        """Publishes an interview that Jira refuses; returns the letter of it."""
        self.refuse()
        self.stage.publish(interview(who, [theme(theme_id)], **more))
        (letter,) = self.listed(1, "--effect", f"koji/{who}~{theme_id}")
        return letter

    def expire(self, topic=INTERVIEWS):
        kafka_wire.delete_records(self.stage.address["kafka"], topic, self.stage.ends(topic))


class Redriven(DeadCase):
    def test_1_refused_mended_redriven(self):
        letter = self.a_letter("a1", "t-a")
        self.assertEqual((letter["worker"], letter["reason"], letter["stage"], letter["kind"]),
                         ("ticket-filer", "http_400", "create", "item"))
        self.assertEqual((letter["effect"], letter["order"]), ("koji/a1~t-a", "koji/t-a"))
        self.assertIn("Not like this.", letter["detail"])
        table = self.dead("list").stdout
        self.assertIn("koji/a1~t-a", table)
        self.assertIn("1 letter: http_400 1\n", table)
        self.assertEqual(self.list("--reason", "gave_up"), [])
        self.assertEqual(self.list("--since", "0s"), [])
        self.assertEqual(len(self.list("--since", "1h", "--worker", "ticket-filer", "--key",
                                       "koji/t-a")), 1)
        self.assertEqual(self.list("--until", "1h"), [])
        line = self.worker.lines("dead_letter")[-1]
        self.assertEqual((line["topic"], line["offset"]), (INTERVIEWS, letter["offset"]))
        self.assertIn("hearback dead show", line["do"])

        shown = self.dead("show", "--effect", "koji/a1~t-a").stdout
        self.assertIn(f"{INTERVIEWS}/{letter['partition']}/{letter['offset']}, still there", shown)
        self.assertIn('{"interview":"koji/a1","theme":"t-a"}', shown)
        self.assertNotIn("I said so.", shown)
        with_body = self.dead("show", "--effect", "koji/a1~t-a", "--body")
        self.assertIn("I said so.", with_body.stdout)
        self.assertIn("may hold a person", with_body.stderr)

        self.stage.clear_faults()
        before = sum(self.stage.ends(RETRY))
        self.assertIn("would redrive: ticket-filer koji/a1~t-a",
                      self.dead("redrive", "--all", "--dry-run").stdout)
        self.assertEqual((len(self.list()), sum(self.stage.ends(RETRY))), (1, before))
        self.assertIn("1 letter redriven in 1 record, 0 kept",
                      self.dead("redrive", "--effect", "koji/a1~t-a").stdout)
        self.stage.told({"t-a": {"a1"}})
        self.assertEqual(self.dead("list").stdout, "no letters\n")
        self.assertIn("0 letters redriven", self.dead("redrive", "--all").stdout)
        self.worker.quiet()
        self.assertEqual(len(self.creates("t-a")), 1)
        self.assertEqual(sum(self.stage.ends(RETRY)), before + 1)

    def test_2_what_is_sent(self):
        letter = self.a_letter("b1", "t-b", study="std_b")
        self.stage.clear_faults()
        self.dead("redrive", "--effect", "koji/b1~t-b")
        (source,) = [one for one in self.records(INTERVIEWS) if '"b1"' in one["payload"]]
        (sent,) = [one for one in self.records(RETRY) if '"b1"' in one["payload"]]
        self.assertEqual((sent["payload"], sent["key"]), (source["payload"], "std_b"))
        ours = {k: v for k, v in sent["headers"].items() if k.startswith("hearback_")}
        self.assertEqual({k: v for k, v in sent["headers"].items() if k not in ours},
                         source["headers"])
        digest = 0xcbf29ce484222325
        for byte in b"koji/b1~t-b":
            digest = (digest ^ byte) * 0x100000001b3 % 2**64
        self.assertEqual(ours, {"hearback_source_topic": INTERVIEWS,
                                "hearback_source_partition": str(letter["partition"]),
                                "hearback_source_offset": str(letter["offset"]),
                                "hearback_only": f"{digest:016x}", "hearback_again": "dead"})
        self.stage.told({"t-b": {"b1"}})

    def test_3_it_fails_again(self):
        first = self.a_letter("c1", "t-c")
        for round_ in range(3):
            letters = self.worker.metric("hearback_dead_letters_total")
            self.dead("redrive", "--effect", "koji/c1~t-c")
            self.worker.reaches("hearback_dead_letters_total", letters + 1)
            (again,) = self.listed(1)
            self.assertEqual([again[k] for k in ("topic", "partition", "offset", "effect")],
                             [first[k] for k in ("topic", "partition", "offset", "effect")])
            self.assertNotEqual(again["letter_key"], first["letter_key"], round_)
        self.stage.clear_faults()
        self.dead("redrive", "--effect", "koji/c1~t-c")
        self.stage.told({"t-c": {"c1"}})
        self.assertEqual(self.list(), [])

    def test_4_the_others_of_the_record_stay_done(self):
        """Three themes, one of them refused: only that one runs again."""
        self.stage.fault("status", CREATE, "POST", status=400, count=1, body=REFUSAL)
        self.stage.publish(interview("d1", [theme(f"t-d{i}") for i in range(3)]))
        self.listed(1)
        self.worker.quiet()
        calls = self.worker.metric("hearback_calls_total")
        self.dead("redrive", "--all")
        self.stage.told({f"t-d{i}": {"d1"} for i in range(3)})
        self.worker.quiet()
        self.assertLessEqual(self.worker.metric("hearback_calls_total") - calls, 4)

    def test_5_a_page_is_one_record_each_way(self):
        many = [f"t-e{i}" for i in range(60)]
        self.refuse()
        copies = sum(1 for one in self.records(DEAD) if one["headers"].get("kind") == "record")
        bytes_before = sum(len(one["payload"] or "") for one in self.records(DEAD))
        self.stage.publish(interview("e1", [theme(one) for one in many], transcript="x" * 100000))
        self.listed(60, "--since", "5m")
        found = self.records(DEAD)
        self.assertEqual(sum(1 for one in found if one["headers"].get("kind") == "record"),
                         copies + 1)
        self.assertLess(sum(len(one["payload"] or "") for one in found) - bytes_before, 160000)
        self.stage.clear_faults()
        before = sum(self.stage.ends(RETRY))
        self.assertIn("10 letters redriven in 1 record, 0 kept",
                      self.dead("redrive", "--all", "--limit", "10").stdout)
        self.assertEqual(len(self.list()), 50)
        self.assertIn("50 letters redriven in 1 record, 0 kept",
                      self.dead("redrive", "--worker", "ticket-filer").stdout)
        self.assertEqual(sum(self.stage.ends(RETRY)), before + 2)
        self.stage.told({one: {"e1"} for one in many})
        self.assertEqual(self.list(), [])

    def test_6_the_letter_outlived_its_retry(self):
        """The console died behind the retry, before the letter's end: it is redriven twice.

        What stands there again is in another partition than its key's: kcat has another hash, as
        after partitions were added.
        """
        letter = self.a_letter("f1", "t-f")
        (record,) = [one for one in self.records(DEAD) if one["key"] == letter["letter_key"]
                     and one["payload"]]
        self.stage.clear_faults()
        self.dead("redrive", "--all")
        self.stage.told({"t-f": {"f1"}})
        self.worker.quiet()
        self.produce(DEAD, record["payload"], record["key"], record["headers"])
        self.produce(DEAD, record["payload"], record["key"] + "@0/7", record["headers"])
        self.listed(1)  # of one effect, the newest; both go
        records = self.worker.metric("hearback_records_total")
        self.dead("redrive", "--all")
        self.worker.reaches("hearback_records_total", records + 1)
        self.worker.quiet()
        self.assertEqual(self.list(), [])
        self.assertEqual(len(self.creates("t-f")), 1)

    def produce(self, topic, value, key, headers):
        args = [f"-H{name}={text}" for name, text in headers.items()]
        subprocess.run(["kcat", "-q", "-P", "-b", self.stage.address["kafka"], "-t", topic, "-k",
                        key, *args], input=value, text=True, check=True)

    def test_7_what_others_wrote(self):
        letter = self.a_letter("g1", "t-g")
        (record,) = [one for one in self.records(DEAD) if one["key"] == letter["letter_key"]
                     and one["payload"]]
        good = record["headers"]
        self.produce(DEAD, "x", "junk", {})
        self.produce(DEAD, "x", "\x1b[2Jjunk", {**good, "offset": "-1"})
        self.produce(DEAD, "{}", "forged-1", {**good, "worker": "nobody", "effect": "forged-1"})
        self.produce(DEAD, "{}", "forged-2", {**good, "topic": "__consumer_offsets",
                                              "effect": "forged-2\x1b[2J"})
        self.produce(DEAD, "{}", "forged-3", {**good, "digest": "0" * 16, "effect": "forged-3"})
        listed = self.dead("list")
        self.assertIn("2 records of hearback.dead are no letters", listed.stderr)
        self.assertNotIn("\x1b", listed.stdout)
        self.assertEqual(len(self.list()), 4)
        self.stage.clear_faults()
        topics = self.stage.kcat("-L").count("hearback.retry")
        done = self.dead("redrive", "--all", status=1)
        self.assertIn("kept: nobody forged-1: its worker's retry topic is missing", done.stdout)
        self.assertIn("forged-2?[2J: its record is neither", done.stdout)
        self.assertIn("forged-3: its record is neither", done.stdout)
        self.assertIn("1 letter redriven in 1 record, 3 kept", done.stdout)
        self.assertEqual(self.stage.kcat("-L").count("hearback.retry"), topics)
        self.stage.told({"t-g": {"g1"}})
        self.assertEqual(len(self.list()), 3)

    def test_8_its_theme_waits_again(self):
        """Nobody files it now: the next interview is judged by the rules as if nobody had begun."""
        self.a_letter("q1", "t-q")
        kept = json.loads(self.stage.redis("GET", "hearback:theme:{koji/t-q}"))
        self.assertEqual(kept["status"], "watching")
        self.assertNotIn("owner", kept)
        self.stage.clear_faults()
        watched = 'hearback_items_total{outcome="watched"}'
        before = self.worker.metric(watched)
        self.stage.publish(interview("q2", [theme("t-q", severity=None, sentiment=-0.1)]))
        self.worker.reaches(watched, before + 1)
        self.assertEqual(self.creates("t-q"), [])
        self.stage.publish(interview("q3", [theme("t-q")]))
        self.stage.told({"t-q": {"q1", "q2", "q3"}})
        self.assertEqual(len(self.creates("t-q")), 1)


class Dropped(DeadCase):
    def test_1_drop(self):
        self.a_letter("h1", "t-h1")
        self.a_letter("h2", "t-h2")
        said = self.dead("drop", "--key", "koji/t-h1").stdout
        self.assertIn("koji/h1~t-h1", said)
        self.assertIn("1 letter would be dropped; --yes does it", said)
        self.assertEqual(len(self.list()), 2)
        self.assertIn("1 letter dropped", self.dead("drop", "--key", "koji/t-h1", "--yes").stdout)
        (left,) = self.list()
        self.assertEqual(left["effect"], "koji/h2~t-h2")
        self.stage.clear_faults()
        self.dead("redrive", "--all")
        self.stage.told({"t-h2": {"h2"}})
        self.assertEqual(self.creates("t-h1"), [])

    def test_2_how_it_is_called(self):
        for args in ((), ("redrive",), ("drop", "--yes"), ("nonsense",), ("list", "--body"),
                     ("list", "--all"), ("show", "--yes"), ("drop", "--body", "--all"),
                     ("list", "--since", "yesterday"), ("list", "--limit", "0"), ("list", "more")):
            with self.subTest(args=args):
                done = self.dead(*args, status=2)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr)
        self.assertIn("would", self.dead("--help").stdout)
        self.assertIn("no letter matches", self.dead("show", "--effect", "x", status=1).stderr)
        self.a_letter("i1", "t-i1")
        self.a_letter("i2", "t-i2")
        self.assertIn("2 letters match", self.dead("show", status=1).stderr)

    def test_3_kafka_is_away(self):
        config = self.stage.config({"kafka": {"bootstrap": "127.0.0.1:1"}})
        for args in (("list",), ("redrive", "--all"), ("drop", "--all", "--yes"), ("show",)):
            done = self.stage.run("hearback", "dead", *args, "--config", config, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("Kafka at 127.0.0.1:1: Kafka does not answer", done.stderr)


class Gone(DeadCase):
    """The records' topic has let them go: the copies among the letters are what is left."""

    def test_1_an_item(self):
        letter = self.a_letter("k1", "t-k", study="std_k")
        self.expire()
        shown = self.dead("show", "--effect", "koji/k1~t-k", "--body").stdout
        self.assertIn("gone there; a copy is at hearback.dead/", shown)
        self.assertIn("I said so.", shown)
        self.stage.clear_faults()
        self.assertIn("its record from hearback.dead", self.dead("redrive", "--all").stdout)
        self.stage.told({"t-k": {"k1"}})
        self.assertEqual(self.list(), [])
        (sent,) = [one for one in self.records(RETRY) if '"k1"' in one["payload"]]
        self.assertEqual(sent["headers"]["ce_source"], "/hooks/koji")
        self.assertEqual(sent["headers"]["hearback_source_offset"], str(letter["offset"]))
        self.assertNotIn("kind", sent["headers"])

    def test_2_nothing_is_left(self):
        letter = self.a_letter("l1", "t-l")
        key = f"record:{INTERVIEWS}/{letter['partition']}/{letter['offset']}"
        (copy,) = [one for one in self.records(DEAD) if one["key"] == key]
        self.expire()
        self.assertIn("a copy is at", self.dead("show", "--effect", "koji/l1~t-l").stdout)
        subprocess.run(["kcat", "-q", "-P", "-b", self.stage.address["kafka"], "-t", DEAD, "-Z",
                        "-p", str(copy["partition"]), "-K", "\t"], input=f"{key}\t\n", text=True,
                       check=True)
        self.assertIn("cannot be redriven", self.dead("show", "--effect", "koji/l1~t-l").stdout)
        done = self.dead("redrive", "--all", status=1)
        self.assertIn("kept: ticket-filer koji/l1~t-l: its record is neither", done.stdout)
        self.assertEqual(len(self.list()), 1)

    def test_3_the_topic_was_made_anew(self):
        """Another record stands at the place; its digest says so."""
        letter = self.a_letter("m1", "t-m")
        kafka = ROOT / "deploy/dev/kafka.sh"
        env = {**os.environ, "HEARBACK_DEV_DIR": str(self.stage.dir / "dev")}
        self.worker.stop()
        subprocess.run([kafka, "topics", "--bootstrap-server", self.stage.address["kafka"],
                        "--delete", "--topic", INTERVIEWS], env=env, check=True,
                       capture_output=True)
        until("it is deleted", lambda: INTERVIEWS not in self.stage.kcat("-L"))
        self.stage.topics()
        for _ in range(letter["offset"] + 1):
            self.stage.publish(interview("other", []))
        self.assertIn("a copy is at", self.dead("show", "--effect", "koji/m1~t-m").stdout)
        self.stage.clear_faults()
        self.assertIn("its record from hearback.dead", self.dead("redrive", "--all").stdout)
        (sent,) = [one for one in self.records(RETRY) if '"m1"' in one["payload"]]
        self.assertEqual(sent["headers"]["hearback_source_offset"], str(letter["offset"]))


class Refused(DeadCase):
    """Kafka does not take the retry: the letters stay."""

    def test_1_the_retry_is_too_large(self):
        self.a_letter("p1", "t-p", transcript=os.urandom(25000).hex())
        self.stage.clear_faults()
        self.limit(20000)
        done = self.dead("redrive", "--all", status=1)
        self.assertIn("kept: ticket-filer koji/p1~t-p: Kafka did not take its retry", done.stdout)
        self.assertIn("0 letters redriven", done.stdout)
        self.assertIn("Message size too large", done.stderr)
        self.assertEqual(len(self.list()), 1)
        self.assertEqual(self.records(RETRY), [])
        self.limit(2000000)
        self.dead("redrive", "--all")
        self.stage.told({"t-p": {"p1"}})
        self.assertEqual(self.list(), [])

    def limit(self, size):
        kafka_wire.alter_topic(self.stage.address["kafka"], RETRY, "max.message.bytes", str(size))


class Unreadable(DeadCase):
    @classmethod
    def setUpClass(cls):
        # What is refused here is the item's fault, however many they are.
        cls.stage = Stage(retry={"cap": "200ms"}, breaker={"refusals": 1000})
        cls.stage.start_door().ready()

    def read_wrongly(self, *bodies):
        """By a worker whose field map is wrong; it is stopped, and one that is right started."""
        wrong = self.stage.worker({"fields": {"interview_id": "/nowhere"}}).ready()
        self.stage.publish(*bodies)
        self.listed(len(bodies))
        self.assertEqual(wrong.stop(), 0)
        type(self).worker = self.stage.worker().ready()

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.worker.stop(), 0)

    def test_1_the_field_map_is_mended(self):
        self.read_wrongly(interview("m1", [theme("t-m1"), theme("t-m2")]))
        (letter,) = self.list()
        self.assertEqual((letter["kind"], letter["reason"]), ("whole", "record_unreadable"))
        self.assertIn("record:" + INTERVIEWS, self.dead("list").stdout)
        self.assertIn("still there", self.dead("show").stdout)
        self.assertIn("1 letter redriven in 1 record", self.dead("redrive", "--reason",
                                                                 "record_unreadable").stdout)
        self.stage.told({"t-m1": {"m1"}, "t-m2": {"m1"}})
        self.assertEqual(self.list(), [])
        (sent,) = self.records(RETRY)
        self.assertNotIn("hearback_only", sent["headers"])

    def test_2_and_its_topic_has_let_it_go(self):
        self.read_wrongly(interview("n1", [theme("t-n1")]), interview("n2", [theme("t-n2")]))
        self.expire()
        self.assertIn("this letter holds it",
                      self.dead("show", "--key", self.list()[0]["letter_key"]).stdout)
        self.assertIn("2 letters redriven in 2 records",
                      self.dead("redrive", "--all").stdout)
        self.stage.told({"t-n1": {"n1"}, "t-n2": {"n2"}})
        self.assertEqual(self.list(), [])

    def test_3_it_cannot_be_read_still(self):
        self.read_wrongly(interview("o1", []))
        self.assertEqual(self.worker.stop(), 0)
        again = self.stage.worker({"fields": {"interview_id": "/nowhere"}}).ready()
        (first,) = self.list()
        self.dead("redrive", "--all")
        again.reaches("hearback_dead_letters_total", 1)
        (second,) = self.listed(1)
        self.assertEqual((second["topic"], second["offset"]), (INTERVIEWS, first["offset"]))
        self.assertEqual(again.stop(), 0)
        type(self).worker = self.stage.worker().ready()


if __name__ == "__main__":
    unittest.main(verbosity=2)
