#!/usr/bin/env python3
"""The table of what the fault checks found: table.py ROWS [-- COMMAND...]

Without a command, all rows that are kept. With one (ctest), its output is passed on as it comes; the
rows that were written meanwhile are put before ctest's summary, so that this stays last, and into
ROWS/table.txt. Exits as the command did.
"""
import json
import pathlib
import re
import subprocess
import sys
import time

COLUMNS = ("promise", "check", "seed", "size", "faults", "counted", "seconds", "verdict")
RIGHT = ("seed", "faults", "seconds")


def rows(folder, since=0.0):
    found = []
    for path in pathlib.Path(folder).glob("*.json"):
        if path.stat().st_mtime >= since:
            found.append(json.loads(path.read_text()))
    return sorted(found, key=lambda row: (int(row["promise"][1:]), row["check"]))


def cells(row):
    counted = [f"{count:,} {name.replace('_', ' ')}" if isinstance(count, int) else f"{name} {count}"
               for name, count in row["counts"].items()]
    verdict = row["verdict"] + (f": {row['why']}" if row["why"] else "")
    return (row["promise"], row["check"], str(row["seed"]), row["size"], f"{row['faults']:,}", ", ".join(counted),
            f"{row['seconds']:.1f}", verdict)


def table(found):
    lines = [COLUMNS] + [cells(row) for row in found]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    said = []
    for line in lines:
        padded = [each.rjust(width) if name in RIGHT else each.ljust(width)
                  for name, each, width in zip(COLUMNS, line, widths)]
        said.append(" | ".join(padded).rstrip())
    said.insert(1, "-+-".join("-" * width for width in widths))
    return "\n".join(said)


def main():
    folder, command = sys.argv[1], sys.argv[3:]
    if not command:
        print(table(rows(folder)))
        return 0
    began = time.time()
    printed = False

    def show():
        if found := rows(folder, began):
            text = table(found)
            (pathlib.Path(folder) / "table.txt").write_text(text + "\n")
            print(f"\n{text}\n", flush=True)

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as child:
        for line in child.stdout:
            if not printed and re.match(r"\d+% tests passed", line):
                printed = True
                show()
            print(line, end="", flush=True)
    if not printed:
        show()
    return child.returncode


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[2:3] not in ([], ["--"]):
        sys.exit(__doc__)
    sys.exit(main())
