#!/usr/bin/env python3
"""What every file in the repository keeps to, whatever it is about."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Built so that this file does not find itself.
RULES = [
    ("a path of somebody's machine", r"(?<![\w.])/(?:wo" r"rk|ho" r"me/\w+|Us" r"ers/\w+|tmp/d" r"s)/"),
    ("a package registry or mirror by name",
     r"\b(?:registry\.npm" r"js\.org|repo\.maven\.apa" r"che\.org|repo1\.mav" r"en\.org|py" r"pi\.org/simple|"
     r"proxy\.gol" r"ang\.org|deb\.deb" r"ian\.org|static\.crates\.i" r"o)\b"),
    ("work left for later", r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b"),
    ("a conflict marker", r"^(?:<{7}|>{7}) "),
]
# A lock file is npm's own and names where each package came from; a fuzzer's seeds are any bytes.
EXEMPT = re.compile(r"(^|/)package-lock\.json$|^tests/corpora/")


def files():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file() and not EXEMPT.search(name):
            yield name, (ROOT / name).read_bytes()


def text_files():
    return ((name, raw.decode("utf-8")) for name, raw in files() if b"\0" not in raw)


def offences(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in RULES:
            if re.search(pattern, line):
                yield f"{name}:{number}: {what}: {line.strip()[:80]}"


class Manners(unittest.TestCase):
    def test_no_file_names_a_machine_or_leaves_work(self):
        found = [each for name, text in text_files() for each in offences(name, text)]
        self.assertEqual([], found, "\n" + "\n".join(found))

    def test_headers_are_included_once(self):
        bare = [n for n, text in text_files() if n.endswith(".h") and "#pragma once\n" not in text]
        self.assertEqual([], bare)

    def test_text_ends_in_one_newline_and_lines_in_no_blanks(self):
        wrong = [n for n, text in text_files()
                 if text and (not text.endswith("\n") or text.endswith("\n\n")
                              or re.search(r"[ \t\r]$", text, re.MULTILINE))]
        self.assertEqual([], wrong)

    def test_scripts_are_executable_and_nothing_big_is_kept(self):
        for name, raw in files():
            with self.subTest(name):
                if raw.startswith(b"#!"):
                    self.assertTrue((ROOT / name).stat().st_mode & 0o100, "chmod +x")
                self.assertLess(len(raw), 512 * 1024)

    def test_the_rules_bite(self):
        for planted in ("see /wo" "rk/x", "// TO" "DO: later", "registry.npm" "js.org/preact",
                        "/ho" "me/ann/src"):
            with self.subTest(planted):
                self.assertEqual(1, len(list(offences("planted", "fine\n" + planted))))
        for fine in ("workers/x", "src/home/page", "https://example.org/work/", "a todo list"):
            with self.subTest(fine):
                self.assertEqual([], list(offences("fine", fine)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
