#!/usr/bin/env python3
"""Plants small faults, one after the other, and lists those that no test notices.

    tools/mutate.py                  every fault; some minutes to build, seconds each
    tools/mutate.py --room sink,web  those of some rooms; --only 12,40 by their numbers
    tools/mutate.py --check          only whether each still fits the sources; part of `make test`
    tools/mutate.py --list           their numbers and words

The faults stand in tests/mutation/faults.toml. All of them are compiled into one build of a copy of
the tree (in build/mutants), each behind a switch that DATASTORM_PLANTED turns on: a build for each
would take hours. The product's own sources know nothing of it. Before the faults every test that is
to notice them has to pass without any. Exit code 1 when a fault survives.
"""

import argparse
import collections
import fcntl
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = "build/release"  # of the copy
TABLE = ROOT / "tests/mutation/faults.toml"
LEAST, LEAST_A_ROOM = 60, 4
ROOMS = ("base net record kafka/wire kafka/client kafka/broker ledger storm sink pipeline observe "
         "web cli").split()
PATIENCE_S = 180  # a test that hangs has noticed
SWITCH = "ds_planted"
# What a fault leaves unused is no reason to stop. A pragma, since with other flags everything that
# holds no fault would have to be compiled anew as well.
DECLARED = f'extern "C" bool {SWITCH}(int);\n' + "".join(
    f'#pragma GCC diagnostic ignored "-W{name}"\n'
    for name in ("unused-variable", "unused-parameter", "unused-but-set-variable", "unused-function",
                 "unused-value", "empty-body", "return-type", "dangling-else", "maybe-uninitialized",
                 "parentheses", "sign-compare"))


def own_folder():
    """Of the copy: two that run at once have one each. The lock lasts as long as the process."""
    for number in range(1, 10):
        folder = ROOT / f"build/mutants/{number}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "lock", "w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return folder / "tree", lock
    sys.exit("nine of these are running")


class Fault:
    def __init__(self, number, row):
        self.number = number
        self.room, self.file, self.what = row["room"], row["file"], row["what"]
        self.old, self.new, self.tests = row["old"], row["new"], row["tests"]
        self.within = row.get("within", self.old)
        self.count = row.get("count", 1)

    def misfit(self, text):
        """Why it cannot be planted, or nothing."""
        if not self.file.startswith(f"src/{self.room}/"):
            return f"{self.file} is not in {self.room}"
        found = text.count(self.within)
        if found != self.count:
            return f"its text stands {found} times in {self.file}, not {self.count}"
        if self.within.count(self.old) != 1:
            return "its old text does not stand once in the text around it"
        if self.old.rstrip() == self.new.rstrip() or not self.tests:
            return "it changes nothing, or names no test"
        return None

    def plant(self, text):
        """The text with both ways, behind the switch."""
        if self.old.endswith((";", "}")):
            both = f"{{ if ({SWITCH}({self.number})) {{ {self.new} }} else {{ {self.old} }} }}"
        else:
            both = f"({SWITCH}({self.number}) ? ({self.new}) : ({self.old}))"
        return text.replace(self.within, self.within.replace(self.old, both))


def read_table():
    with open(TABLE, "rb") as table:
        return [Fault(n, row) for n, row in enumerate(tomllib.load(table)["fault"], 1)]


def check(faults):
    """Whether each can be planted where it is meant to be."""
    wrong = []
    for fault in faults:
        path = ROOT / fault.file
        misfit = fault.misfit(path.read_text()) if path.is_file() else f"{fault.file} is gone"
        if misfit:
            wrong.append(f"fault {fault.number} ({fault.what}): {misfit}")
    rooms = collections.Counter(fault.room for fault in faults)
    wrong += [f"only {rooms[room]} faults are planted in {room}, not {LEAST_A_ROOM}"
              for room in ROOMS if rooms[room] < LEAST_A_ROOM]
    if len(faults) < LEAST:
        wrong.append(f"only {len(faults)} faults, not {LEAST}")
    for line in wrong:
        print(line)
    print(f"{len(faults)} faults in {len(rooms)} rooms, {len(wrong)} misfits")
    return not wrong


def copy_tree(to):
    """The tree as it is now, with every fault; files that do not change keep their times."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()
    by_file = collections.defaultdict(list)
    for fault in read_table():
        by_file[fault.file].append(fault)
    wanted = {f"src/base/{SWITCH}.cc": (
        f'#include <cstdlib>\n\nextern "C" bool {SWITCH}(int number) {{\n'
        '  static const char* const on = std::getenv("DATASTORM_PLANTED");\n'
        "  static const int which = on ? std::atoi(on) : 0;\n  return which == number;\n}\n"
    ).encode()}
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            wanted[name] = (ROOT / name).read_bytes()
    for name, planted in by_file.items():
        text = wanted[name].decode()
        for fault in planted:
            text = fault.plant(text)
        declared = DECLARED
        front, pragma, rest = text.partition("#pragma once\n")
        text = front + pragma + declared + rest if pragma else declared + text
        wanted[name] = text.encode()
    for name, content in wanted.items():
        path = to / name
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if (ROOT / name).is_file():
            shutil.copymode(ROOT / name, path)


def build(tree, faults, jobs):
    copy_tree(tree)
    targets = {test.split()[0] for fault in faults for test in fault.tests}
    targets = {"datastorm" if target.endswith(".py") else target for target in targets}
    subprocess.run(["cmake", "--preset", "release", "-DDATASTORM_TESTS=ON"], cwd=tree, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", tree / BUILD, "-j", str(jobs), "--target", *sorted(targets)],
                   check=True)


def passes(tree, test, planted):
    """Whether it passes with that fault on; 0 is none."""
    program, *arguments = test.split()
    if program.endswith(".py"):
        command = [sys.executable, str(tree / "tests/fault" / program), *arguments]
    else:
        arguments = [each if each.startswith("-") or each[0].isdigit() else f"--gtest_filter={each}"
                     for each in arguments]
        command = [str(tree / BUILD / program), *arguments]
    environment = {**os.environ, "DATASTORM_PLANTED": str(planted), "DATASTORM_SEED": "1",
                   "DATASTORM": str(tree / BUILD / "datastorm"),
                   "DATASTORM_FAULT_ROWS": str(tree / BUILD / "fault")}
    try:
        done = subprocess.run(command, env=environment, timeout=PATIENCE_S, cwd=tree,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode != 0 and not planted:
        print(done.stdout.decode(errors="replace")[-4000:])
    if b"[==========] Running 0 tests" in done.stdout:
        sys.exit(f"{test} names no test")
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description="plants faults and lists those nobody notices")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-build", action="store_true", help="of an earlier build")
    parser.add_argument("--room")
    parser.add_argument("--only", help="numbers, as 3,17")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    faults = read_table()
    if options.list:
        for fault in faults:
            print(f"{fault.number:3} {fault.room:13} {fault.what}")
        return 0
    if not check(faults):
        return 1
    if options.check:
        return 0
    if options.room:
        faults = [fault for fault in faults if fault.room in options.room.split(",")]
    if options.only:
        numbers = {int(number) for number in options.only.split(",")}
        faults = [fault for fault in faults if fault.number in numbers]
    tree, _lock = own_folder()
    if not options.no_build:
        build(tree, faults, options.jobs)
    for test in sorted({test for fault in faults for test in fault.tests}):
        if not passes(tree, test, 0):
            sys.exit(f"{test} fails without a fault")
    survivors = []
    for fault in faults:
        by = next((test for test in fault.tests if not passes(tree, test, fault.number)), None)
        print(f"{fault.number:3} {fault.room:13} {fault.what}: {by or 'SURVIVES'}", flush=True)
        if by is None:
            survivors.append(fault)
    print(f"{len(faults)} faults, {len(faults) - len(survivors)} noticed, "
          f"{len(survivors)} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
