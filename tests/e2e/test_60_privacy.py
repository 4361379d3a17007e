# SPDX-License-Identifier: Apache-2.0
"""A person's address is in the interview as it came, and in nothing that Hearback makes of it."""
import json
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import interview, merge, theme  # noqa: E402
from harness import CHANGELOG, DEAD, INTERVIEWS, Case, Stage  # noqa: E402

# Every address below holds the mark, and nothing else does.
MARK = "zq7"
ADDRESSES = ["{m}jane@{m}mail.example", "{m}Jane.Doe+{m}@{m}mail.example", "<{m}j@{m}.example>",
             "mailto:{m}j@{m}mail.example", "{m}o'neil@{m}mail.co.example",
             '"{m} doe"@{m}mail.example',
             "{m}_x-y@{m}sub.{m}mail.example", "{m}jane%40{m}mail.example", "{m}J@{m}MAIL.EXAMPLE",
             "{m}j\u00f6rg@{m}mail.example"]
FIELDS = ["quote", "quote object", "quote link", "summary", "name", "tag", "transcript",
          "study link", "theme id", "interview id", "study id", "sentiment", "severity",
          "respondent id", "respondent name"]


def planted(number, field, address):
    """An interview with the address in one field; its respondent is who the address is of."""
    words = f"Write to {address}, please."
    one, more = theme(f"t-priv{number}"), {"respondent_email": f"{MARK}jane@{MARK}mail.example"}
    link = f"https://koji.example/t/1?who={address}"
    if field == "quote":
        one["quotes"] = [words]
    elif field == "quote object":
        one["quotes"] = [{"text": words, "url": "https://koji.example/t/1"}]
    elif field == "quote link":
        one["quotes"] = [{"text": "Fine.", "url": link}]
    elif field == "tag":
        one["tags"] = [address, words]
    elif field in ("summary", "name", "severity", "sentiment"):
        one[field] = words
    elif field == "theme id":
        one["theme_id"] = f"{address}-{number}"
    elif field == "transcript":
        more["transcript_url"] = link
    elif field == "study link":
        more["study_url"] = link
    elif field == "interview id":
        more["interview_id"] = f"{address}-{number}"
    elif field == "study id":
        more["study_id"] = address
    elif field == "respondent id":
        more["respondent_id"] = address
        one["summary"] = words
    elif field == "respondent name":
        more["respondent_name"] = f"{MARK}ane Doe"
        one["summary"] = f"{MARK}ane Doe said so."
    return interview(f"p{number}", [one], **more) if "interview_id" not in more else merge(
        interview("", [one]), more)


class Privacy(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(log={"level": "debug"})
        cls.stage.start_door().ready()
        cls.worker = cls.stage.worker().ready()
        cls.publish()

    @classmethod
    def publish(cls):
        bodies = [planted(number, field, address.format(m=MARK)) for number, (field, address) in
                  enumerate((field, address) for field in FIELDS for address in ADDRESSES)]
        cls.stage.publish(*bodies)
        cls.stage.publish(*bodies[::3])  # heard of before
        cls.stage.publish(*(merge(body, {"interview_id": f"again{n}"})
                            for n, body in enumerate(bodies[::3])))  # and comments
        address = ADDRESSES[0].format(m=MARK)
        cls.poison = [interview(address, f"themes of {address}"), {"event": address, "id": address},
                      {"event": "interview.analysis_ready", "note": address},
                      interview("p", [theme("x")], quality_score=address)]
        cls.stage.publish(*cls.poison)
        cls.refused(address)
        cls.items = len(bodies) + 2 * len(bodies[::3])
        cls.worker.reaches("hearback_items_total", cls.items + len(cls.poison) - 1, 60)
        cls.stage.fault("status", "/rest/api/3/issue", "POST", status=400, count=3,
                        body='{"errorMessages":["No."],"errors":{}}')
        cls.stage.publish(*(
            merge(planted(900 + n, field, address), {"interview_id": f"{n} {address}"})
            for n, field in enumerate(("theme id", "name", "study id"))))
        cls.worker.reaches("hearback_dead_letters_total", len(cls.poison) - 1 + 3)

    @classmethod
    def refused(cls, address):
        body = json.dumps(interview(address, [theme("x")])).encode()
        plain = address.replace("@", "%40")
        for headers, path in (({}, "/hooks/koji"), ({"X-Koji-Signature": address}, "/hooks/koji"),
                              ({}, f"/hooks/{plain}"), ({}, f"/hooks/koji?who={plain}")):
            cls.stage.post(body, headers, path)
        cls.stage.post(b"{" + body, None)

    def clean(self, what, text):
        text = text if isinstance(text, str) else text.decode("utf-8", "replace")
        at = text.lower().find(MARK)
        self.assertEqual(at, -1, f"{what}: …{text[max(0, at - 300):at + 100]}…")

    def test_1_what_was_done(self):
        self.assertGreater(len(self.stage.issues()), 100)
        self.assertGreater(sum(len(issue["comments"]) for issue in self.stage.issues()), 20)
        self.assertGreaterEqual(len(self.stage.records(DEAD)), 6)
        self.assertGreater(json.dumps(self.stage.issues()).count("[e-mail]"), 50)
        self.assertGreater("".join(self.stage.records(INTERVIEWS, "%s\n")).count(MARK), 500)

    def test_2_jira(self):
        for row in self.stage.ask_sandbox("/journal?bodies=1"):
            self.clean("the journal", json.dumps(row, ensure_ascii=False))
        self.clean("the state", json.dumps(self.stage.issues(), ensure_ascii=False))

    def test_3_logs(self):
        for program in self.stage.programs:
            self.clean(program.log.name, program.log.read_bytes())

    def test_4_metrics(self):
        self.clean("the worker's metrics", self.worker.get("/metrics")[1])
        self.clean("the door's metrics", self.stage.door.get("/metrics")[1])

    def test_5_redis(self):
        keys = self.stage.redis("--scan").splitlines()
        self.assertGreater(len(keys), 200)
        for key in keys:
            kind = self.stage.redis("TYPE", key).strip()
            if kind == "string" and ":seen:" in key:
                continue  # bits
            self.clean("Redis", key + " " + self.stage.redis(
                *{"string": ("GET", key), "hash": ("HGETALL", key)}[kind]))

    def test_6_changelog(self):
        self.clean("the changelog", "\n".join(self.stage.records(CHANGELOG, "%h %k %s\n")))

    def test_7_headers_of_dead_letters(self):
        self.clean("dead letters' headers", "\n".join(self.stage.records(DEAD, "%h\n")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
