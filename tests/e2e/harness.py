# SPDX-License-Identifier: Apache-2.0
"""Runs the real programs for a test: a Kafka, a Redis and the sandbox of its own, a door, workers.

A Stage is one folder with all of it. Nothing waits for a time to pass: until() asks a question ten
or more times a second and fails, with the logs' ends, when its deadline has passed. Every process
is started by pid and ended by pid.
"""
import atexit
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

import kafka_wire
from bodies import SECRET, faults_of, flow, merge, sign
from program import Late, Program, until

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("HEARBACK_BIN", ROOT / "build/dev/bin"))
TOKEN = "an e2e token"
USER = "bot@jira.example"
INTERVIEWS, CHANGELOG, DEAD = "hearback.interviews", "hearback.changelog", "hearback.dead"
GROUP = "hearback.ticket-filer"

SETTINGS = {
    "log": {"level": "info"},
    "kafka": {"replication": 1, "partitions": 3, "changelog_partitions": 2,
              "session_timeout": "6s"},
    "redis": {"timeout": "2s"},
    "ingest": {"listen": "127.0.0.1:0", "ops": "127.0.0.1:0"},
    "sources": {"koji": {"kind": "koji"}},
    "worker": {"ops": "127.0.0.1:0", "lease": "6s", "drain_deadline": "10s"},
    "retry": {"base": "20ms", "cap": "500ms", "give_up_after": "10m"},
    "breaker": {"open": "100ms", "open_max": "500ms"},
    "limits": {"tickets_per_hour": 0},
    "jira": {"user": USER, "project": "PROD", "timeout": "1s", "settle": "1s"},
}


# A run that is told to end ends what was started: unittest lets this pass, and atexit runs.
signal.signal(signal.SIGTERM, signal.default_int_handler)


class Stage:
    """A folder with a Kafka, a Redis, the sandbox and whatever a test starts there."""

    def __init__(self, up=("redis", "kafka"), **settings):
        self.dir = Path(tempfile.mkdtemp(prefix="hearback-e2e."))
        self.programs, self.started, self.door, self.address = [], 0, None, {}
        self.settings = merge(SETTINGS, settings)
        atexit.register(self.close)
        self.sandbox_start()
        self.ports()
        for what in up:
            self.dev("up.sh", "--only", what)
        self.read_addresses()
        if "kafka" in up:
            self.topics()

    # ---- what it stands on

    def dev(self, script, *args):
        done = subprocess.run([ROOT / "deploy/dev" / script, *args], capture_output=True, text=True,
                              env={**os.environ, "HEARBACK_DEV_DIR": str(self.dir / "dev")},
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"{script} {args}: {done.stdout}{done.stderr}")
        return done.stdout

    def ports(self):
        """Addresses are chosen before anything runs, so that a program can start before them."""
        for name, count in (("kafka", "2"), ("redis", "1")):
            (self.dir / "dev" / name).mkdir(parents=True)
            ports = subprocess.check_output(["python3", ROOT / "deploy/dev/ports.py", count])
            (self.dir / "dev" / name / "ports").write_bytes(ports)
        self.read_addresses()

    def read_addresses(self):
        for name in ("kafka", "redis"):
            port = (self.dir / "dev" / name / "ports").read_text(encoding="ascii").split()[0]
            self.address[name] = f"127.0.0.1:{port}"

    def topics(self):
        self.run("hearback", "topics", "--config", self.config(), "--create")

    @staticmethod
    def secrets():
        return {**os.environ, "HEARBACK_JIRA_TOKEN": TOKEN, "HEARBACK_SOURCE_KOJI_SECRET": SECRET}

    def run(self, *args, check=True):
        done = subprocess.run([BIN / args[0], *args[1:]], capture_output=True, text=True,
                              check=False, timeout=60, env=self.secrets())
        if check and done.returncode != 0:
            raise AssertionError(f"{args}: {done.returncode} {done.stdout}{done.stderr}")
        return done

    def redis(self, *args):
        port = self.address["redis"].split(":")[1]
        return subprocess.check_output(["redis-cli", "-p", port, *args], text=True)

    def kcat(self, *args):
        return subprocess.check_output(["kcat", "-q", "-b", self.address["kafka"], "-X",
                                        "fetch.wait.max.ms=10", *args], text=True)

    def ends(self, topic=INTERVIEWS):
        setting = "changelog_partitions" if topic == CHANGELOG else "partitions"
        count = 1 if topic.startswith("hearback.retry.") else self.settings["kafka"][setting]
        return until(f"the ends of {topic}", lambda: kafka_wire.ends(
            self.address["kafka"], topic, count))

    def committed(self, group=GROUP):
        """Where the group goes on in each partition of the interviews; -1: it never was there."""
        return until(f"the offsets of {group}", lambda: kafka_wire.committed(
            self.address["kafka"], group, INTERVIEWS, self.settings["kafka"]["partitions"]))

    def all_committed(self):
        """The worker's group is at the end of every partition that has records."""
        until("all is committed",
              lambda: [max(offset, 0) for offset in self.committed()] == self.ends())

    def records(self, topic, form="%o\n"):
        """Every record of a topic, formatted by kcat."""
        lines = self.kcat("-C", "-t", topic, "-e", "-o", "beginning", "-f", form)
        return lines.splitlines()

    # ---- the programs

    def config(self, settings=None, name="hearback.yaml"):
        settings = merge(self.settings, settings or {})
        settings = merge({"kafka": {"bootstrap": self.address["kafka"]},
                          "redis": {"address": self.address["redis"]},
                          "jira": {"url": self.sandbox}}, settings)
        path = self.dir / f"{self.started}.{name}"
        path.write_text(flow(settings), encoding="utf-8")
        return path

    def sandbox_start(self):
        port_file = self.dir / "sandbox.port"
        self.sandbox_program = Program(
            self, "sandbox", [BIN / "hearback-sandbox", "--port", "0", "--jira-user", USER,
                              "--jira-token", TOKEN, "--port-file", port_file], {})
        until("the sandbox listens", port_file.exists)
        self.sandbox_at = f"http://127.0.0.1:{port_file.read_text(encoding='ascii').strip()}"
        self.sandbox = self.sandbox_at + "/jira"

    def start_door(self, settings=None):
        self.door = Program(self, "door", [BIN / "hearback-ingest", "--config",
                                           self.config(settings)], {})
        return self.door

    def worker(self, settings=None, program="hearback-worker", **env):
        return Program(self, "worker", [BIN / program, "ticket-filer", "--config",
                                        self.config(settings)], env)

    def post(self, body, headers=None, path="/hooks/koji", method="POST"):
        """Posts bytes, or an object as JSON, signed unless headers are given. (status, body)"""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        port = self.door.said("listening")["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, body, {"X-Koji-Signature": sign(body)}
                               if headers is None else headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def publish(self, *bodies):
        for body in bodies:
            status, text = self.post(body)
            if status != 200:
                raise AssertionError(f"the door said {status} {text}")

    # ---- the sandbox

    def ask_sandbox(self, path, method="GET", body=None):
        request = urllib.request.Request(self.sandbox_at + "/sandbox" + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def fault(self, fault, path=None, method=None, **more):
        match = {k: v for k, v in (("path", path), ("method", method)) if v}
        return self.ask_sandbox("/faults", "POST",
                                {"vendor": "jira", "fault": fault, "match": match, **more})

    def clear_faults(self):
        self.ask_sandbox("/faults", "DELETE")

    def issues(self):
        return self.ask_sandbox("/state")["jira"]["issues"]

    def told(self, wanted, seconds=60):
        """Waits until each interview is told once: wanted is {theme id: interview ids}."""
        try:
            until("everything is told once", lambda: not faults_of(self.issues(), wanted), seconds)
        except Late as late:
            raise Late(f"{late}: {faults_of(self.issues(), wanted)[:10]}\n"
                       f"{self.state_of_workers()}") from None

    # ---- the end

    def state_of_workers(self):
        """What each says of itself, in few words: why it does not do what was waited for."""
        return "\n".join(p.state() for p in self.programs if p.name == "worker")

    def logs(self):
        return "\n".join(f"---- {p.log.name}\n" + "\n".join(
            p.log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
            for p in self.programs if p.log.exists())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if "--logs" in sys.argv:
            print(self.logs())
        self.close()

    def close(self):
        atexit.unregister(self.close)
        for program in self.programs:
            program.kill()
        self.dev("down.sh", "--wipe")
        shutil.rmtree(self.dir, ignore_errors=True)


class Case(unittest.TestCase):
    """Tests on one stage, which a class sets in setUpClass; its logs are shown on failure."""

    stage = None

    @classmethod
    def tearDownClass(cls):
        if cls.stage is not None:
            cls.stage.close()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before and self.stage:
            print(f"==== logs of {self.id()}\n{self.stage.logs()}", flush=True)
        return result
