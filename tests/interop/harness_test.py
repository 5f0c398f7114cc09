#!/usr/bin/env python3
"""The harness keeps its word: what it starts ends, what is missing is said, what hangs is cut."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import storm

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(2, signal.SIG_IGN); "
            "print('up', flush=True); time.sleep(600)"]


class Processes(unittest.TestCase):
    def setUp(self):
        patience = mock.patch.object(storm, "PATIENCE", 1)
        patience.start()
        self.addCleanup(patience.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name) / "log"

    def start(self, arguments):
        process = storm.Process(arguments, self.log)
        self.addCleanup(process.kill)
        process.wait_until(lambda: "up" in storm.tail(self.log), 20, "up")
        return process

    def test_kill_ends_what_ignores_signals(self):
        process = self.start(STUBBORN)
        self.assertEqual(-signal.SIGKILL, process.kill())
        self.assertEqual(-signal.SIGKILL, process.kill(), "a second time is no error")

    def test_stop_that_takes_too_long_fails_and_kills(self):
        process = self.start(STUBBORN)
        with self.assertRaisesRegex(AssertionError, "went on for 0.2 s after SIGINT"):
            process.stop(limit=0.2)
        self.assertIsNotNone(process.popen.poll())

    def test_stop_tells_the_exit_code(self):
        self.assertEqual(-signal.SIGTERM, self.start(SLEEPER).stop(signal.SIGTERM))

    def test_only_what_it_told_itself_counts(self):
        self.log.write_text("ready at old:1\n")  # by a process before it, into the same log
        process = storm.Process([sys.executable, "-c", "import time; print('ready at new:2, so', flush=True); "
                                 "time.sleep(600)"], self.log)
        self.addCleanup(process.kill)
        self.assertEqual("new:2", process.told(r"ready at ([^\s,]+)"))

    def test_waiting_ends_when_the_process_does(self):
        process = storm.Process([sys.executable, "-c", "print('no port'); raise SystemExit(3)"], self.log)
        with self.assertRaisesRegex(AssertionError, "ended with 3 before ready:\nno port"):
            process.wait_until(lambda: False, 20, "ready")

    def test_waiting_has_a_limit(self):
        with self.assertRaisesRegex(AssertionError, "not ready within 0.1 s"):
            self.start(SLEEPER).wait_until(lambda: False, 0.1, "ready")


class Cases(unittest.TestCase):
    """Runs a case of its own in a process of its own, and looks at what is left."""

    def run_case(self, body, **env):
        script = ("import os, sys, time\n"
                  f"sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})\nimport storm\n"
                  "class It(storm.Case):\n    limit = 1\n    def test(self):\n"
                  + "".join(f"        {line}\n" for line in body) + "storm.main()\n")
        clean = {key: value for key, value in os.environ.items() if key != "CI"}
        return subprocess.run([sys.executable, "-c", script], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60,
                              env=clean | {"DATASTORM": sys.executable, "DATASTORM_TEST_PATIENCE": "1"} | env)

    def test_what_is_missing_is_said_and_fails_in_ci(self):
        body = ["self.need('no-such-program')"]
        here = self.run_case(body)
        self.assertEqual(77, here.returncode, here.stdout)
        self.assertIn("SKIP __main__.It.test: no-such-program is not there", here.stdout)
        in_ci = self.run_case(body, CI="true")
        self.assertEqual(1, in_ci.returncode, in_ci.stdout)

    def test_counts_that_differ_fail_and_are_printed(self):
        done = self.run_case(["self.same('records', sent=5, stored=4)"])
        self.assertEqual(1, done.returncode)
        self.assertIn("records: sent 5, stored 4", done.stdout)

    def test_a_limit_cuts_and_tidies(self):
        began = time.monotonic()
        done = self.run_case(["p = self.keep(storm.Process(['sleep', '600'], self.folder / 'log'))",
                              "print('\\nleft', p.popen.pid, self.folder, flush=True)", "time.sleep(600)"])
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(1, done.returncode)
        self.assertIn("the test's time is up", done.stdout)
        _, pid, folder = next(line for line in done.stdout.splitlines() if line.startswith("left")).split()
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.assertFalse(os.path.exists(folder))

    def test_tables_of_kafkas_tools_are_understood(self):
        kafka = object.__new__(storm.Kafka)
        with mock.patch.object(kafka, "tool", create=True, return_value="a:b:0:17\nt:0:5\nt:1:0\n"):
            self.assertEqual({0: 5, 1: 0}, kafka.end_offsets("t"))
        described = ("\nGROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID\n"
                     "g t 0 12 12 0 - - -\ng t 1 - 3 - - - -\n")
        with mock.patch.object(kafka, "tool", create=True, return_value=described):
            self.assertEqual({0: 12}, kafka.committed("g", "t"))


class Packages(unittest.TestCase):
    def test_they_run_on_debians_node(self):
        """what npm fetches says that it runs on Debian 12's Node 18, whichever Node is here"""
        for lock in (storm.ROOT / "dashboard/package-lock.json", storm.ROOT / "tests/clients/kafkajs/package-lock.json"):
            for name, package in json.loads(lock.read_text())["packages"].items():
                wanted = package.get("engines", {}).get("node", "*")
                least = min(int(version) for version in re.findall(r"(\d+)(?:[.\d]*)", wanted) or ["0"])
                self.assertLessEqual(least, 18, f"{name} of {lock} wants Node {wanted}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
