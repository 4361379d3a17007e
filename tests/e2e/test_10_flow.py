# SPDX-License-Identifier: Apache-2.0
"""What Hearback is for: interviews arrive, themes become tickets, what is heard again a comment."""
import sys
import unittest

sys.dont_write_bytecode = True
from bodies import faults_of, interview, theme, told  # noqa: E402
from harness import INTERVIEWS, Case, Stage, until  # noqa: E402


class Flow(Case):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.stage.start_door().ready()
        cls.worker = cls.stage.worker().ready()

    def issue(self, theme_id, seconds=20):
        """The theme's ticket, as soon as there is one."""
        label = f"koji-theme-{theme_id}"
        found = until(f"a ticket labelled {label}",
                      lambda: [i for i in self.stage.issues() if label in i["labels"]], seconds)
        self.assertEqual(len(found), 1)
        return found[0]

    def publish(self, *bodies, items=1):
        """Publishes and waits until all their items are settled."""
        before = self.worker.metric("hearback_items_total")
        self.stage.publish(*bodies)
        self.worker.reaches("hearback_items_total", before + items * len(bodies))

    def test_0_it_knows_how_long_its_topic_keeps_records(self):
        fit = self.worker.said("topics_fit")
        self.assertEqual((fit["topic"], fit["retention_ms"]), (INTERVIEWS, 30 * 24 * 3600 * 1000))

    def test_0_the_changelog_has_partitions_of_its_own(self):
        self.assertIn('topic "hearback.changelog" with 2 partitions', self.stage.kcat("-L"))

    def test_1_an_interview_becomes_a_ticket(self):
        self.publish(interview("f1", [theme("t-flow", name="Export loses columns")]))
        issue = self.issue("t-flow")
        self.assertEqual(issue["summary"], "[Research] Export loses columns")
        self.assertEqual(issue["issuetype"], "Task")
        self.assertEqual(issue["labels"], ["koji-research", "koji-theme-t-flow", "export"])
        self.assertEqual([issue["description"][key] for key in ("type", "version")], ["doc", 1])
        text = str(issue["description"])
        for part in ("It is so.", "I said so.", "-0.7", "4 of 5", "1 interview",
                     "https://koji.example/t/f1", "https://koji.example/s/1"):
            self.assertIn(part, text)
        self.assertEqual(told(issue), (["koji/f1"], []))

    def test_2_heard_again_is_a_comment(self):
        quotes = [{"text": "Still broken.", "url": "https://koji.example/t/f2#t=9"}]
        self.publish(interview("f2", [theme("t-flow", quotes=quotes)]))
        issue = self.issue("t-flow")
        self.assertEqual(told(issue), (["koji/f1"], ["koji/f2"]))
        self.assertIn("Still broken.", str(issue["comments"][0]["body"]))
        self.assertIn("https://koji.example/t/f2#t=9", str(issue["comments"][0]["body"]))

    def test_3_praise_is_a_win_and_not_a_ticket(self):
        before = len(self.stage.issues())
        self.publish(interview("f3", [theme("t-win", severity=None, sentiment=0.8)]))
        self.assertEqual(len(self.stage.issues()), before)
        self.assertEqual(self.worker.metric('hearback_items_total{outcome="win"}'), 1)

    def test_4_a_preference_is_watched(self):
        before = len(self.stage.issues())
        for i in range(4):
            liked = theme("t-pref", severity="preference", sentiment=-0.9)
            self.publish(interview(f"f4{i}", [liked]))
        self.assertEqual(len(self.stage.issues()), before)
        self.assertEqual(self.worker.metric('hearback_items_total{outcome="watched"}'), 4)

    def test_5_low_quality_is_left_out(self):
        before = len(self.stage.issues())
        self.publish(interview("f5", [theme("t-poor")], quality_score=2))
        self.assertEqual(len(self.stage.issues()), before)
        self.assertEqual(
            self.worker.metric('hearback_items_total{outcome="ignored_low_quality"}'), 1)

    def test_6_the_third_of_a_mild_theme_files_it_with_all_three(self):
        mild = theme("t-mild", severity=None, sentiment=-0.1, tags=[])
        for i in (1, 2):
            quote = [{"text": f"Mild words {i}."}]
            self.publish(interview(f"f6{i}", [dict(mild, quotes=quote)]))
        self.assertFalse([i for i in self.stage.issues() if "koji-theme-t-mild" in i["labels"]])
        self.publish(interview("f63", [dict(mild, quotes=[{"text": "Mild words 3."}])]))
        issue = self.issue("t-mild")
        self.assertEqual(faults_of([issue], {"t-mild": {"f61", "f62", "f63"}}), [])
        self.assertEqual(told(issue)[1], [])
        for i in (1, 2, 3):
            self.assertIn(f"Mild words {i}.", str(issue["description"]))
        self.assertIn("3 interviews", str(issue["description"]))

    def test_7_praise_of_a_theme_with_a_ticket_is_a_comment(self):
        self.publish(interview("f7", [theme("t-flow", severity=None, sentiment=0.9)]))
        self.assertEqual(told(self.issue("t-flow")), (["koji/f1"], ["koji/f2", "koji/f7"]))

    def test_8_several_themes_of_one_interview(self):
        self.publish(interview("f8", [theme(f"t-many{i}") for i in range(5)]), items=5)
        wanted = {f"t-many{i}": {"f8"} for i in range(5)}
        self.assertEqual(faults_of(self.stage.issues(), wanted), [])

    def test_9_the_check_on_saving_the_webhook(self):
        before = self.stage.ends()
        check = {"type": "url_verification", "challenge": "abc-1"}
        self.assertEqual(self.stage.post(check, headers={}), (200, '{"challenge":"abc-1"}'))
        self.assertEqual(self.stage.post(b"", headers={})[0], 200)
        self.assertEqual(self.stage.post(b"", headers={}, method="GET")[0], 200)
        self.assertEqual(self.stage.ends(), before)
        self.assertEqual(self.stage.door.metric("hearback_door_handshakes_total"), 3)

    def test_a_an_event_nobody_asked_for_is_counted_and_passed(self):
        name = 'hearback_records_without_items_total{reason="event_not_wanted"}'
        before = sum(self.stage.ends())
        self.stage.publish(interview("fa", [theme("t-not")], event="interview.started"))
        self.worker.reaches(name, 1)
        self.assertEqual(sum(self.stage.ends()), before + 1)
        self.publish(interview("fa", [theme("t-after")]))
        self.issue("t-after")
        self.assertEqual(self.worker.metric("hearback_items_open"), 0)
        self.assertEqual(self.worker.metric("hearback_dead_letters_total"), 0)

    def test_b_both_end_well(self):
        self.assertEqual(self.worker.stop(), 0)
        self.assertEqual(self.stage.door.stop(), 0)
        bad = [line for p in self.stage.programs for line in p.lines()
               if line.get("level") == "error"]
        self.assertEqual(bad, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
