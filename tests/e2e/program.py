# SPDX-License-Identifier: Apache-2.0
"""One process: its log, its metrics, its end. And until(), the only way in which a test waits."""
import http.client
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path


class Late(AssertionError):
    """What was waited for did not come."""


def until(what, ask, seconds=20, every=0.05):
    """The first true answer of ask(). Transport errors count as: not yet."""
    end = time.monotonic() + seconds
    answer = None
    while time.monotonic() < end:
        try:
            answer = ask()
            if answer:
                return answer
        except (OSError, http.client.HTTPException) as err:
            answer = err
        time.sleep(every)
    raise Late(f"not within {seconds} s: {what}; last answer: {str(answer)[:2000]}")


class Program:
    """One process, its log, and the ports it said it has."""

    def __init__(self, stage, name, args, env):
        stage.started += 1
        self.log = stage.dir / f"{name}.{stage.started}.log"
        self.name = name
        self.env = {**stage.secrets(), **env}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.env)
        stage.programs.append(self)

    def lines(self, event=None):
        """The log's lines of JSON, or those of one event."""
        found = []
        for line in self.log.read_bytes().splitlines():
            try:
                line = json.loads(line)
            except ValueError:
                continue
            if isinstance(line, dict) and (event is None or line.get("event") == event):
                found.append(line)
        return found

    def said(self, event, seconds=20):
        def ask():
            lines = self.lines(event)
            if not lines and self.process.poll() is not None:
                raise Late(f"{self.name} ended ({self.process.returncode}) before: {event}")
            return lines
        return until(f"{self.name} says {event}", ask, seconds)[0]

    def get(self, path):
        port = self.said("ops_listening")["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as err:
            return err.code, err.read().decode()

    def ready(self, seconds=30):
        until(f"{self.name} is ready", lambda: self.get("/readyz")[0] == 200, seconds)
        return self

    def metric(self, name):
        """The sum of a metric's series, or of the one series named with its labels."""
        lines = [line.rsplit(" ", 1) for line in self.get("/metrics")[1].splitlines()]
        return sum(float(number) for series, number in lines
                   if series == name or series.startswith(name + "{"))

    def partitions(self, topic="hearback.interviews"):
        return self.metric(f'hearback_partitions{{topic="{topic}"}}')

    def reaches(self, name, number, seconds=20):
        """The metric is at least the number."""
        try:
            return until(f"{name} of {self.name} reaches {number}",
                         lambda: self.metric(name) >= number, seconds, every=0.02)
        except Late as late:
            raise Late(f"{late}\n{self.state()}") from None

    def state(self):
        """Its readiness, its metrics that are not 0, and its last lines; for a test that failed."""
        if self.process.poll() is not None:
            return f"{self.log.name} ended with {self.process.returncode}"
        try:
            ready = self.get("/readyz")
            metrics = [line for line in self.get("/metrics")[1].splitlines()
                       if line.startswith("hearback_") and "_bucket" not in line
                       and not line.endswith(" 0")]
        except (OSError, http.client.HTTPException, Late) as err:
            ready, metrics = f"no answer: {err}", []
        last = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        return "\n".join([f"{self.log.name}: {ready}", *metrics, *last])

    def quiet(self, seconds=40):
        until("nothing is under way", lambda: self.metric("hearback_items_open") == 0, seconds)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self, seconds=30):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Late(f"{self.name} (pid {self.process.pid}) does not end") from None

    def stop(self, seconds=30):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        self.process.wait()

    def memory_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
