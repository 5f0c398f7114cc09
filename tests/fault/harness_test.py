#!/usr/bin/env python3
"""The harness held to its word: too few faults, a count that is not zero and an error all fail."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def ran(body, *arguments, **environment):
    """A check with this body in a process of its own: (exit code, output, its row)."""
    with tempfile.TemporaryDirectory() as rows:
        script = ("import promise\nwith promise.Check('B0', 'the harness', faults=3) as check:\n"
                  + "".join(f"    {line}\n" for line in body.splitlines()))
        env = {**os.environ, "DATASTORM_FAULT_ROWS": rows, "PYTHONPATH": str(HERE), **environment}
        if "CI" not in environment:
            env.pop("CI", None)
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True,
                              timeout=20, env=env)
        row = json.loads((pathlib.Path(rows) / "B0-the-harness.json").read_text())
        return done.returncode, done.stdout, row


class Harness(unittest.TestCase):
    def test_verdicts(self):
        cases = (
            ("all is well", "check.fault(3)\ncheck.zero(lost=0)", 0, "holds", ""),
            ("too few faults", "check.fault(2)", 1, "BROKEN", "only 2 of 3 faults"),
            ("one was lost", "check.fault(3)\ncheck.zero(lost=1)", 1, "BROKEN", "lost 1"),
            ("counts disagree", "check.fault(3)\ncheck.same('records', sent=5, read=4)", 1, "BROKEN", "read 4"),
            ("it breaks down", "check.fault(3)\nraise ValueError('oh')", 1, "BROKEN", "ValueError: oh"),
            ("a child fails", "check.fault(3)\ncheck.run('false')", 1, "BROKEN", "AssertionError"),
            ("something is missing", "check.need('no-such-program')", 77, "SKIP", "no-such-program"),
        )
        for what, body, code, verdict, why in cases:
            with self.subTest(what):
                got, output, row = ran(body)
                self.assertEqual((code, verdict), (got, row["verdict"]), output)
                self.assertIn(why, row["why"])

    def test_what_is_missing_fails_where_ci_is_set(self):
        code, _, row = ran("check.need('no-such-program')", CI="true")
        self.assertEqual((1, "BROKEN"), (code, row["verdict"]))

    def test_scale_asks_for_more_faults(self):
        code, output, row = ran("check.fault(3)", "--scale", "2", "--seed", "7")
        self.assertEqual((1, 6, 7), (code, row["faults_stated"], row["seed"]))
        self.assertIn("SEED=7", output)

    def test_the_table_comes_before_ctests_summary(self):
        with tempfile.TemporaryDirectory() as rows:
            row = {"promise": "B0", "check": "the harness", "seed": 1, "size": "small", "faults": 3,
                   "faults_stated": 3, "counts": {"lost": 0}, "seconds": 0.1, "verdict": "holds", "why": ""}
            write = f"import json; json.dump({row!r}, open({rows + '/B0.json'!r}, 'w'))"
            child = write + "; print('1/1 Test'); print('100% tests passed, 0 tests failed out of 1'); exit(3)"
            done = subprocess.run([sys.executable, str(HERE / "table.py"), rows, "--", sys.executable, "-c", child],
                                  capture_output=True, text=True, timeout=20)
            self.assertEqual(3, done.returncode)
            self.assertRegex(done.stdout, re.compile(r"Test.*\nB0 .*0 lost.*holds\n.*\n100% tests passed[^\n]*\n$", re.S))


if __name__ == "__main__":
    unittest.main()
