#!/usr/bin/env python3
"""With InfluxDB 2.7 as the sink the dashboard's past comes from there, by Flux: a machine that starts with an empty
data folder shows what was stored before it."""
import contextlib
import json
import os
import pathlib
import sys
import urllib.parse
import urllib.request

import storm

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))
import stores  # noqa: E402

TOTAL = 20_000


class InfluxHistory(storm.Case):
    def setUp(self):
        super().setUp()
        self.store = stores.of_case(self, stores.Influx2, storm.missing)

    def history(self, address, **parameters):
        with urllib.request.urlopen(f"{address}/api/history?{urllib.parse.urlencode(parameters)}", timeout=60) as reply:
            return json.load(reply)

    def test_a_new_machine_shows_the_past(self):
        """stored by one, shown by another: every second's sums are those of the store"""
        address = self.broker().address
        env = stores.environment([self.store])
        for brand, total in (("SuperCoffee", TOTAL), ("TeaHouse", 5_000)):
            self.run_json("produce", "--brokers", address, "--topic", "tweets", "--total", total, "--rate", "10k",
                          "--batch-size", 1000, "--brands", brand, "--positive", 50, "--negative", 30, "--neutral", 20)
        with storm_environment(env):
            self.run_json("consume", "--brokers", address, "--topic", "tweets", "--group", "g", "--sink", self.store.sink,
                          *stores.BUCKET, "--until-end")
            up = storm.Up(self.folder / "new", self.folder / "up.log", "--sink", self.store.sink, *stores.BUCKET,
                          "--topic", "later", "--total", 1, "--batch-size", 1)
        self.addCleanup(up.kill)
        up.wait_until(lambda: up.status()["stored"] >= 1, 60, "stored its one record")
        past = {}

        def all_shown():
            past.update(self.history(up.dashboard, range="30m"))
            return sum(past["stored"]) >= TOTAL + 5_001
        up.wait_until(all_shown, 20, "showing what it has stored itself, too")
        self.same("stored", asked=TOTAL + 5_001, shown=sum(past["stored"]))
        self.assertGreater(len(past["t"]), 2, "seconds of the past")
        for kind, share in (("positive", 50), ("negative", 30), ("neutral", 20)):
            self.assertLessEqual(abs(sum(past[kind]) - share * (TOTAL + 5_000) // 100), 1, kind)
        self.same("of one brand", asked=5_000, shown=sum(self.history(up.dashboard, range="30m", brand="TeaHouse")["stored"]))
        # By the store's own word, second by second.
        wanted = {}
        for row in self.store.rows('select "count" from tweets'):
            second = int(row[0]) // 10**9 * 1000
            wanted[second] = wanted.get(second, 0) + int(row[1])
        self.assertEqual(wanted, {t: n for t, n in zip(past["t"], past["stored"]) if n})
        # A store that is away is no reason to show nothing.
        self.store.kill()
        self.assertIn("stepMs", self.history(up.dashboard, range="30m"))


@contextlib.contextmanager
def storm_environment(env):
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    storm.main()
