"""What the checks of tests/fault share: a promise, its seed, its counts, and one row of the table.

    with promise.Check("B1", "kill -9 of the broker", faults=60) as check:
        broker = check.broker()                     # gone when the check ends, however it ends
        for _ in range(check.scaled(60)):
            ...
            check.fault()                           # only once it was seen to have happened
        check.note(records=sent)                    # figures
        check.zero(lost=lost, doubled=doubled)      # what the promise says there is none of

Every check is one command with --seed N (else DATASTORM_SEED, else drawn and printed) and --scale N
(1 is the stated size). It prints its row, keeps it as a file in DATASTORM_FAULT_ROWS for table.py,
and exits 0 when the promise held, 1 when not, 77 when all of it was skipped. docs/faults.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
import storm  # noqa: E402

BUILD = pathlib.Path(storm.PROGRAM).resolve().parent
ROWS = pathlib.Path(os.environ.get("DATASTORM_FAULT_ROWS") or BUILD / "fault")


class Skipped(Exception):
    pass


class Check:
    """One check of one promise; `faults` is how many of them the stated size has."""

    def __init__(self, name, what, faults, limit=240):
        parser = argparse.ArgumentParser(description=f"{name}: {what}")
        parser.add_argument("--seed", type=int, default=os.environ.get("DATASTORM_SEED") or None)
        parser.add_argument("--scale", type=float, default=os.environ.get("DATASTORM_FAULT_SCALE") or 1.0)
        given = parser.parse_args()
        self.scale = float(given.scale)
        self.seed = int(given.seed if given.seed is not None else random.SystemRandom().randrange(10**9))
        self.random = random.Random(self.seed)
        self.limit = int(limit * max(1.0, self.scale))
        self.row = {"promise": name, "check": what, "seed": self.seed, "size": "", "faults": 0,
                    "faults_stated": self.scaled(faults), "counts": {}, "seconds": 0.0, "verdict": "", "why": ""}
        self.wrong = []

    def scaled(self, stated):
        return max(1, round(stated * self.scale)) if stated else 0

    # -- what happened

    def size(self, text):
        """The size in words, for the table: '3 topics x 4 partitions, 120,000 records'."""
        self.row["size"] = text

    def fault(self, count=1):
        self.row["faults"] += count

    def note(self, **counts):
        self.row["counts"].update(counts)

    def zero(self, **counts):
        """Counts that the promise says are zero."""
        self.note(**counts)
        self.wrong += [f"{name} {count:,}" for name, count in counts.items() if count != 0]

    def same(self, what, **counts):
        """All of them are the same number, which is noted once."""
        values = set(counts.values())
        self.note(**{what: next(iter(counts.values()))})
        if len(values) > 1:
            self.wrong.append(f"{what}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))

    def that(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)
        return holds

    def skip(self, why):
        """Ends the check; where CI is set that is a failure."""
        raise Skipped(why)

    def need(self, program, hint="run: setup/install.sh up test"):
        if shutil.which(str(program)) is None:
            self.skip(f"{program} is not there; {hint}")

    # -- things that run

    def keep(self, process):
        self.stack.callback(process.kill)
        return process

    def broker(self, *more, data_dir=None, address="127.0.0.1:0"):
        """`datastorm broker` on a free port, or on one that an earlier one had."""
        return self.keep(storm.Broker(data_dir or self.folder / "broker", self.folder / "broker.log", *more,
                                      address=address))

    def run(self, *arguments, **named):
        """A helper program that must succeed; returns its output."""
        return storm.checked(arguments, named.pop("limit", 120), **named)

    # -- its life

    def __enter__(self):
        print(f"{self.row['promise']}: {self.row['check']}\n  SEED={self.seed} scale {self.scale:g}", flush=True)
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="datastorm-fault-"))
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, _ended)
        signal.signal(signal.SIGALRM, _out_of_time)
        signal.alarm(self.limit)
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, error, trace):
        signal.alarm(0)
        self.row["seconds"] = round(time.monotonic() - self.began, 1)
        row = self.row
        if kind is Skipped and not os.environ.get("CI"):
            row["verdict"], row["why"] = "SKIP", str(error)
            print(f"SKIP {row['promise']} {row['check']}: {error}", flush=True)
        else:
            if kind is Skipped:
                self.wrong.append(f"{error} (CI is set, so this is a failure)")
            elif error is not None:
                traceback.print_exception(kind, error, trace)
                self.wrong.append(f"{kind.__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            elif row["faults"] < row["faults_stated"]:
                self.wrong.append(f"only {row['faults']:,} of {row['faults_stated']:,} faults were injected")
            row["verdict"], row["why"] = ("BROKEN", "; ".join(self.wrong)) if self.wrong else ("holds", "")
        if row["verdict"] == "BROKEN":
            print(f"  broker's last words:\n{storm.tail(self.folder / 'broker.log')}", flush=True)
            if os.environ.get("DATASTORM_KEEP"):
                kept = shutil.copytree(self.folder, tempfile.mkdtemp(prefix="datastorm-kept-"), dirs_exist_ok=True)
                print(f"  kept: {kept}", flush=True)
        self.stack.close()
        keep_row(row)
        print(describe(row), flush=True)
        if kind is None or issubclass(kind, Exception):
            sys.exit({"holds": 0, "SKIP": 77}.get(row["verdict"], 1))


def keep_row(row):
    """One file a check, replaced as a whole, so that checks may run at the same time."""
    ROWS.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in f"{row['promise']} {row['check']}")
    beside = ROWS / f"{name}.{os.getpid()}"
    beside.write_text(json.dumps(row) + "\n")
    beside.replace(ROWS / f"{name}.json")


def describe(row):
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" if isinstance(count, int) else f"{name} {count}"
                       for name, count in row["counts"].items())
    return (f"{row['promise']}: {row['check']}, seed {row['seed']}, {row['size']}, faults {row['faults']:,} of "
            f"{row['faults_stated']:,}, {counts}, {row['seconds']:.1f} s: {row['verdict']}"
            + (f" ({row['why']})" if row["why"] else ""))


def _out_of_time(_signal, _frame):
    raise AssertionError("the check's time is up")


def _ended(_signal, _frame):
    raise SystemExit("ended by SIGTERM")
