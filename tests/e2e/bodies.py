# SPDX-License-Identifier: Apache-2.0
"""What is sent to the door and written in hearback.yaml, and how what came of it is judged."""
import hashlib
import hmac
import json

SECRET = "an e2e secret"


def merge(base, extra):
    out = dict(base)
    for key, value in extra.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merge(out[key], value) if both else value
    return out


def sign(body, secret=SECRET):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def theme(theme_id, **more):
    return merge({"theme_id": theme_id, "name": f"Theme {theme_id}", "summary": "It is so.",
                  "severity": "bug", "sentiment": -0.7, "tags": ["export"],
                  "quotes": [{"text": "I said so.", "url": "https://koji.example/t/1#t=2"}]}, more)


def interview(interview_id, themes, study="std_1", **more):
    return merge({"event": "interview.analysis_ready", "interview_id": interview_id,
                  "study_id": study, "quality_score": 4, "sentiment": -0.5,
                  "transcript_url": f"https://koji.example/t/{interview_id}",
                  "study_url": "https://koji.example/s/1", "respondent_email": None,
                  "themes": themes}, more)


def flow(value):
    """As YAML in one line: like JSON, but words of a list of choices and units need no quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    if isinstance(value, str) and not value.replace("_", "").replace("-", "").isalnum():
        return json.dumps(value)
    return str(value)


def told(issue):
    """The interviews that a ticket tells of: those of its description, those of its comments."""
    described = issue["properties"].get("hearback", {}).get("told", [])
    commented = [c["properties"].get("hearback", {}).get("interview") for c in issue["comments"]]
    return described, commented


def faults_of(issues, wanted):
    """What is wrong: `wanted` is {theme id: interview ids}, each to be told once. Lines of text."""
    found = []
    for theme_id, interviews in wanted.items():
        label = f"koji-theme-{theme_id}"
        tickets = [issue for issue in issues if label in issue["labels"]]
        if len(tickets) != 1:
            found.append(f"{theme_id}: {len(tickets)} tickets: {[t['key'] for t in tickets]}")
            continue
        described, commented = told(tickets[0])
        count = {f"koji/{i}": 0 for i in interviews}
        for reference in described + commented:
            count[reference] = count.get(reference, 0) + 1
        for reference, times in count.items():
            if times != 1 or reference.split("/", 1)[1] not in interviews:
                found.append(f"{theme_id}: {reference} told {times} times; description "
                             f"{described}, comments {commented}")
    return found
