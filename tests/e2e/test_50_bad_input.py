# SPDX-License-Identifier: Apache-2.0
"""What is wrong is refused, set aside with its reason, or waited out: nothing is lost."""
import json
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import SECRET, interview, sign, theme, told  # noqa: E402
from harness import BIN, DEAD, INTERVIEWS, Case, Stage, until  # noqa: E402

CREATE = "/rest/api/3/issue"


class AtTheDoor(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(sources={"koji": {"body_max": "64KiB"}})
        cls.stage.start_door().ready()

    def refused(self, status, body, headers=None, **more):
        before = self.stage.ends()
        found, text = self.stage.post(body, headers, **more)
        self.assertEqual(found, status, text)
        self.assertTrue(json.loads(text)["error"])
        self.assertEqual(self.stage.ends(), before)

    def test_1_without_a_proof(self):
        body = json.dumps(interview("x1", [theme("t-x")])).encode()
        self.refused(401, body, {})
        self.refused(401, body, {"X-Koji-Signature": ""})
        self.refused(401, body, {"X-Koji-Signature": sign(body, "another secret")})
        self.refused(401, body, {"X-Koji-Signature": sign(body + b" ")})
        self.refused(401, body, {"X-Koji-Signature": sign(body)[:-1]})
        self.refused(401, body, {"X-Koji-Signature": "sha256=" + "z" * 64})
        self.refused(401, b'{"type":"ping","interview_id":"x"}', {})

    def test_2_too_large(self):
        body = json.dumps(interview("x2", [theme("t-x", summary="long " * 20000)])).encode()
        self.refused(413, body)

    def test_3_not_json(self):
        for body in (b"{", b"interview=1", b'{"a":1}}', b"\xff\xfe", b'{"a":"\xc3"}'):
            self.refused(400, body)

    def test_4_another_place_or_method(self):
        body = json.dumps(interview("x4", [])).encode()
        self.refused(404, body, path="/hooks/nobody")
        self.refused(404, body, path="/")
        self.refused(405, body, method="PUT")

    def test_5_it_goes_on_and_counts(self):
        self.stage.publish(interview("x5", []))
        self.assertGreaterEqual(self.stage.door.metric("hearback_door_refused_total"), 14)
        self.assertNotIn(SECRET, self.stage.door.log.read_text())


class ToTheWorker(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(worker={"reply_max": "64KiB"}, retry={"cap": "200ms"})
        cls.stage.start_door().ready()

    def setUp(self):
        self.letters_before = self.letters()
        self.worker = None

    def tearDown(self):
        self.stage.clear_faults()
        if self.worker:
            self.assertEqual(self.worker.stop(), 0)

    def letters(self):
        """Dead letters by their place: (headers, body). Copies of records are none."""
        lines = self.stage.kcat("-C", "-t", DEAD, "-e", "-o", "beginning", "-J").splitlines()
        found = {(one["partition"], one["offset"]):
                 (dict(zip(one["headers"][::2], one["headers"][1::2])), one["payload"])
                 for one in map(json.loads, lines)}
        return {at: letter for at, letter in found.items() if letter[0]["kind"] != "record"}

    def new_letters(self, count):
        found = self.letters()
        if count:
            found = until(f"{count} dead letters", lambda: (
                len(self.letters()) >= len(self.letters_before) + count and self.letters()))
        return [found[at] for at in sorted(found) if at not in self.letters_before]

    def creates(self, label):
        journal = self.stage.ask_sandbox("/journal?bodies=1")
        return [row for row in journal if row["method"] == "POST" and
                row["path"].endswith("/issue") and label in json.dumps(row)]

    def test_1_what_the_field_map_cannot_read(self):
        self.worker = self.stage.worker().ready()
        bad = [({"interview_id": "b1", "study_id": "std_1", "quality_score": 4}, "event"),
               ({"event": "interview.analysis_ready", "study_id": "std_1", "quality_score": 4,
                 "themes": [theme("t-bad")]}, "interview"),
               (interview("b3", "themes, as words"), "theme"),
               (interview("b4", [theme("t-bad")], quality_score="good"), "quality"),
               ([1, 2], "event")]
        before = sum(self.stage.ends())
        self.stage.publish(*(body for body, _ in bad))
        self.stage.publish(interview("b5", [theme("t-good")]))
        self.stage.told({"t-good": {"b5"}})
        self.assertEqual(sum(self.stage.ends()), before + len(bad) + 1)
        letters = self.new_letters(len(bad))
        self.assertEqual(len(letters), len(bad))
        found = {json.dumps(json.loads(body)): headers for headers, body in letters}
        for body, word in bad:
            headers = found[json.dumps(body)]
            self.assertEqual(headers["worker"], "ticket-filer")
            self.assertEqual(headers["reason"], "record_unreadable")
            self.assertIn(word, headers["detail"])
            self.assertEqual(headers["topic"], INTERVIEWS)
            self.assertTrue(headers["partition"].isdigit() and headers["offset"].isdigit())
        self.assertEqual([i for i in self.stage.issues() if "koji-theme-t-bad" in i["labels"]], [])

    def test_2_what_jira_refuses(self):
        self.worker = self.stage.worker({"jira": {"issue_type": "Nonsense"}}).ready()
        self.stage.publish(interview("j1", [theme("t-refused")]))
        ((headers, body),) = self.new_letters(1)
        self.assertEqual((headers["reason"], headers["stage"]), ("http_400", "create"))
        self.assertIn("issue type", headers["detail"])
        self.assertEqual(headers["effect"], "koji/j1~t-refused")
        self.assertEqual(json.loads(body), {"interview": "koji/j1", "theme": "t-refused"})
        self.worker.quiet()
        self.assertEqual(len(self.creates("t-refused")), 1, "it was tried again")

    def test_3_jira_says_401(self):
        self.worker = self.stage.worker().ready()
        self.stage.fault("status", status=401, count=-1)
        wanted = {f"t-401-{i}": {f"k{i}"} for i in range(5)}
        self.stage.publish(*(interview(f"k{i}", [theme(f"t-401-{i}")]) for i in range(5)))
        self.worker.said("breaker_open")
        gauge = 'hearback_breaker_open{destination="jira"}'
        self.assertEqual(self.worker.metric(gauge), 1)
        calls = self.worker.metric("hearback_calls_total")
        self.worker.reaches("hearback_calls_total", calls + 3)  # it is probed
        self.assertLess(self.worker.metric("hearback_calls_total"), calls + 30)
        lines = self.worker.lines("breaker_open")
        self.assertEqual(len(lines), 1)
        self.assertEqual((lines[0]["destination"], lines[0]["found"]), ("jira", "http_401"))
        self.assertEqual(self.new_letters(0), [])
        self.stage.clear_faults()
        self.stage.told(wanted)
        self.worker.said("breaker_closed")
        self.assertEqual(self.new_letters(0), [])

    def test_4_a_wrong_token_is_an_empty_search(self):
        wrong = self.stage.worker(HEARBACK_JIRA_TOKEN="not the token").ready()
        self.stage.publish(interview("l1", [theme("t-token")]))
        line = wrong.said("breaker_open")
        self.assertEqual(line["found"], "login_not_proven")
        self.assertEqual(self.creates("t-token"), [])
        self.assertEqual(wrong.stop(), 0)
        self.assertNotIn("not the token", wrong.log.read_text())
        self.worker = self.stage.worker().ready()
        self.stage.told({"t-token": {"l1"}})
        self.assertEqual(self.new_letters(0), [])

    def test_5_answers_that_cannot_be_read(self):
        self.worker = self.stage.worker().ready()
        for kind in ("garbage", "truncate", "endless", "drop_after", "drop_before"):
            for path in (CREATE, "*/comment", "*/search/jql"):
                name = path.split("/")[-1]
                with self.subTest(kind=kind, path=name):
                    self.stage.fault(kind, path, "POST")
                    theme_id = f"t-{kind}-{name}".replace("_", "-")
                    who = [f"{theme_id}-{i}" for i in range(3)]
                    self.stage.publish(*(interview(i, [theme(theme_id)]) for i in who))
                    self.stage.told({theme_id: set(who)})
                    self.stage.clear_faults()
        self.worker.quiet()
        self.assertLess(self.worker.memory_mb(), 40)
        self.assertEqual(self.new_letters(0), [])

    def test_6_429_says_when(self):
        self.worker = self.stage.worker().ready()
        self.stage.fault("status", CREATE, status=429, headers={"Retry-After": "1"})
        self.stage.publish(interview("m1", [theme("t-429")]))
        self.stage.told({"t-429": {"m1"}})
        first, second = self.creates("t-429")
        self.assertEqual((first["status"], second["status"]), (429, 201))
        self.assertEqual(told([i for i in self.stage.issues()
                               if "koji-theme-t-429" in i["labels"]][0]), (["koji/m1"], []))


WRONG = """\
kafka:
  bootstrap: kafka
  replication: 0
redis: {address: "redis:6379"}
sources: {koji: {kind: koji, body_max: 1}}
jira: {url: "http://jira.example.com", user: bot@jira.example, project: PROD, timeout: 1s}
rules:
  quality_min: 6
"""


class Configuration(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(up=())

    def test_all_faults_are_said_at_once(self):
        path = self.stage.dir / "wrong.yaml"
        path.write_text(WRONG, encoding="ascii")
        expected = [(2, "kafka.bootstrap"), (3, "kafka.replication"), (5, "sources.koji.body_max"),
                    (6, "jira.url"), (8, "rules.quality_min")]
        for program in (("hearback-ingest",), ("hearback-worker", "ticket-filer"),
                        ("hearback", "check")):
            with self.subTest(program=program[0]):
                done = self.stage.run(*program, "--config", path, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                lines = [line for line in done.stderr.splitlines() if "wrong.yaml:" in line]
                found = [line.split("wrong.yaml:")[1].split(": ")[:2] for line in lines]
                self.assertEqual([(int(n), row) for n, row in found], expected)
                self.assertTrue(all("expected" in line for line in lines), lines)

    def test_no_usable_secret_no_start(self):
        good = self.stage.config()
        import subprocess  # noqa: E402
        for program in (["hearback-ingest"], ["hearback-worker", "ticket-filer"]):
            done = subprocess.run([BIN / program[0], *program[1:], "--config", good], timeout=20,
                                  env={}, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("HEARBACK_", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
