#!/usr/bin/env python3
"""`datastorm up` as people use it: live, agreeing with itself, and whole again after kill -9."""
import pathlib
import signal
import time

import storm

RATE = 20_000
TOTAL = storm.size(100_000, 2_000_000)


class TheWhole(storm.Case):
    limit = 600 if storm.FULL else 240

    def database_of(self, data_dir):
        """The one SQLite file below the data folder that has tweets."""
        found = []
        for path in filter(pathlib.Path.is_file, data_dir.rglob("*")):
            with path.open("rb") as file:
                is_database = file.read(15) == b"SQLite format 3"
            if is_database and self.select(path, "select 1 from sqlite_master where name = 'tweets'"):
                found.append(path)
        self.assertEqual(1, len(found), found)
        return found[0]

    def rows(self, data_dir):
        """{(partition, offset)} in the store; that no row is doubled is checked on the way."""
        rows = self.select(self.database_of(data_dir), "select partition, offset from tweets where topic = 'tweets'")
        self.assertEqual(len(rows), len(set(rows)), "doubled rows")
        return set(rows)

    def wait_for(self, up, condition, limit, what):
        def reached():
            try:
                return condition(up.status())
            except OSError:
                return False
        up.wait_until(reached, limit, what)
        return up.status()

    def stop(self, up):
        self.assertEqual(storm.INTERRUPTED, up.stop(signal.SIGINT, limit=30), storm.tail(up.log))

    def test_the_counts_agree(self):
        """status, SQLite and kcat agree on a finished run; the page is served; Ctrl-C drains with exit 130"""
        self.need("kcat")
        data_dir = self.folder / "up"
        up = self.up("--total", str(TOTAL), "--rate", str(RATE * 5), data_dir=data_dir)
        status = self.wait_for(up, lambda s: counters(s)["acknowledged"] == TOTAL and lag(s) == 0, 120, "drained")
        self.assertIn("DataStorm", up.page())
        deadline = time.monotonic() + 10  # lag 0 may be shown a moment before the last commit
        while len(self.rows(data_dir)) < TOTAL and time.monotonic() < deadline:
            time.sleep(0.1)
        self.same("live", asked=TOTAL, acknowledged=counters(status)["acknowledged"],
                  rows=len(self.rows(data_dir)), kcat=len(self.kcat_offsets(up.address, "tweets")))
        self.stop(up)
        self.same("after Ctrl-C", asked=TOTAL, rows=len(self.rows(data_dir)))

    def test_kill_in_mid_run(self):
        """kill -9 in mid-run, three times: nothing acknowledged is lost, nothing stored twice"""
        self.need("kcat")
        data_dir = self.folder / "up"
        acknowledged, stored = 0, set()
        for turn in range(3):
            up = self.up("--rate", str(RATE), "--total", "0", data_dir=data_dir)
            print(f"  start {turn + 1}: live after {up.ready_after:.2f} s", flush=True)
            before = counters(self.wait_for(up, lambda s: True, 10, "answering"))["acknowledged"]
            status = self.wait_for(up, lambda s: counters(s)["acknowledged"] >= before + RATE * 2, 30, "in mid-run")
            acknowledged += counters(status)["acknowledged"] - before
            up.kill()
            now = self.rows(data_dir)
            self.assertLessEqual(stored, now, "rows went away")
            stored = now
        logged, stored = self.caught_up(data_dir)
        print(f"  acknowledged at least {acknowledged:,}, logged {len(logged):,}, stored {len(stored):,}", flush=True)
        self.assertGreaterEqual(len(logged), acknowledged)

    def caught_up(self, data_dir):
        """One more start, left until its store holds what its log does: (logged, stored)."""
        up = self.up("--rate", str(RATE), "--total", str(RATE), data_dir=data_dir)
        print(f"  last start: live after {up.ready_after:.2f} s", flush=True)
        self.wait_for(up, lambda s: counters(s)["acknowledged"] >= RATE and lag(s) == 0, 60, "caught up")
        deadline = time.monotonic() + 20
        while True:
            seen = self.kcat_offsets(up.address, "tweets")
            logged, stored = set(seen), self.rows(data_dir)
            if logged == stored or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.same("caught up", logged=len(seen), places=len(logged), stored=len(stored), both=len(logged & stored))
        return logged, stored


def counters(status):
    """The seven counters, wherever in the status object they lie."""
    return status if "acknowledged" in status else status["counters"]


def lag(status):
    value = status["lag"]
    return value["records"] if isinstance(value, dict) else value


if __name__ == "__main__":
    storm.main()
