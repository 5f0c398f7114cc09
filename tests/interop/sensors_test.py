#!/usr/bin/env python3
"""The second pipeline, end to end: sensors, webhook, broker, store; and scenarios.

What the old system's tests asked: numbers keep their distribution, and 1,000 numbered messages a second
keep that rate at every stage, without a loss; here at 100,000 a second too.
"""
import collections
import os
import pathlib
import statistics
import sys
import urllib.error
import urllib.request

import storm

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))
import hooks  # noqa: E402


class Sensors(storm.Case):
    def pipeline(self, *sensors, hook=True):
        """Runs sensors, then consume; returns the account and all rows."""
        broker = self.broker()
        via, env = "kafka", dict(os.environ, HOOK_SECRET="sensors")
        if hook:
            gateway = self.keep(hooks.Gateway(broker.address, self.folder / "gateway.log", secret="sensors"))
            via = "http://" + gateway.url
        database = self.folder / "store.db"
        consume = self.keep(storm.Process(
            [storm.PROGRAM, "consume", "--brokers", broker.address, "--topic", "readings", "--sink",
             f"sqlite:{database}", "--data-dir", self.folder / "consume", "--flush-ms", "20"],
            self.folder / "consume.log"))
        os.environ.update(env)
        account = self.run_json("sensors", "--brokers", broker.address, "--via", via, *sensors)
        wanted = account["acknowledged"]
        count = "select count(*) from readings"
        consume.wait_until(lambda: database.exists() and self.tables(database)
                           and self.select(database, count)[0][0] >= wanted, 60, "everything stored")
        consume.stop()
        rows = self.select(database, "select producer_id, sequence, data, timestamp_producer, timestamp_kafka, "
                                     "timestamp_db from readings")
        self.same("readings", scheduled=account["scheduled"], acknowledged=wanted, stored=len(rows),
                  distinct=len({row[:2] for row in rows}))
        by_producer = {}
        for producer, sequence, *_ in rows:
            by_producer.setdefault(producer, []).append(sequence)
        for producer, sequences in by_producer.items():
            self.assertEqual(sorted(sequences), list(range(len(sequences))), f"gaps of producer {producer}")
        return account, rows

    def tables(self, database):
        return self.select(database, "select 1 from sqlite_master where name = 'readings'")

    def rates(self, rows, wanted):
        """Readings a second by the three times of the rows. The sensors' own are exact, whatever the machine
        does; when each reached the topic and the store is the machine's affair, and printed."""
        made = collections.Counter(row[3] // 1000 for row in rows)
        whole = [made[second] for second in range(min(made) + 1, max(made))]
        print(f"  made, by whole second: {whole}", flush=True)
        self.assertTrue(whole and all(abs(each - wanted) <= wanted * 0.002 + 1 for each in whole), "the plan's rate")
        for name, column in (("in the topic", 4), ("in the store", 5)):
            by_second = collections.Counter(row[column] // 1000 for row in rows)
            span = max(row[column] for row in rows) - min(row[column] for row in rows) + 1
            print(f"  {name}: {1000 * len(rows) / span:.0f}/s of {wanted}, by second {sorted(by_second.values())}",
                  flush=True)
            self.assertEqual(len(rows), sum(by_second.values()))
            self.assertTrue(all(row[3] <= row[column] for row in rows), f"{name} before it was made")

    def test_a_thousand_a_second_through_the_webhook(self):
        """1,000/s numbered, one signed request each: no loss, the rate at every stage, the distribution."""
        account, rows = self.pipeline("--duration", "8s", "--distribution", "normal:20,5")
        self.assertEqual(account["scheduled"], 8000)
        self.rates(rows, 1000)
        bell = statistics.NormalDist(20, 5)
        values = sorted(row[2] for row in rows)
        distance = max(max(bell.cdf(x) - i / len(values), (i + 1) / len(values) - bell.cdf(x))
                       for i, x in enumerate(values))
        bound = 1.95 / len(values) ** 0.5  # Kolmogorov and Smirnov, 1 in 1,000
        print(f"  distance from normal:20,5 {distance:.4f}, allowed {bound:.4f}", flush=True)
        self.assertLess(distance, bound)

    def test_a_hundred_thousand_a_second_by_lines(self):
        """100,000/s as NDJSON through the webhook, uniform."""
        _, rows = self.pipeline("--duration", "4s", "--rate", "100k", "--lines", "500", "--distribution",
                                "uniform:0,16")
        self.rates(rows, 100_000)
        cells = [0] * 16
        for row in rows:
            cells[int(row[2])] += 1
        expected = len(rows) / 16
        chi_square = sum((cell - expected) ** 2 / expected for cell in cells)
        print(f"  chi-square {chi_square:.1f} of 16 cells, allowed 37.7", flush=True)  # 15 degrees, 1 in 1,000
        self.assertLess(chi_square, 37.7)

    def test_a_hundred_thousand_a_second_into_kafka(self):
        """100,000/s straight into the broker."""
        _, rows = self.pipeline("--duration", "4s", "--rate", "100k", hook=False)
        self.rates(rows, 100_000)

    def test_exit_codes(self):
        os.environ["HOOK_SECRET"] = "x"
        self.run_program("sensors", "--via", "http://" + self.nobody(), expect=storm.UNREACHABLE)
        self.run_program("sensors", "--via", "kafka", "--brokers", self.nobody(), expect=storm.UNREACHABLE)
        wrong = self.run_program("sensors", "--via", "ftp", "--distribution", "gauss:1", "--producers", "0",
                                 expect=storm.WRONG_USE).stderr
        for flag in ("--via", "--distribution", "--producers"):
            self.assertIn(flag, wrong)
        broker = self.broker()
        gateway = self.keep(hooks.Gateway(broker.address, self.folder / "gateway.log", secret="another"))
        failed = self.run_json("sensors", "--via", "http://" + gateway.url, "--total", "10",
                               expect=storm.GOAL_FAILED)
        self.assertEqual((0, 10), (failed["acknowledged"], failed["failed"]))


class Scenarios(storm.Case):
    def test_parakafka(self):
        """Sensors, webhook, broker, pipeline and store in one process."""
        os.environ.pop("HOOK_SECRET", None)
        up = self.up("--scenario", "parakafka", "--json")
        url = up.told(r"webhook +(http://\S+),")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, b"{}", {"Content-Type": "application/json"}))
        self.assertEqual(401, refused.exception.code, "a signature guards it, not the session")
        refused.exception.close()
        up.wait_until(lambda: up.status()["stored"] >= 3000, 30, "3,000 stored")
        status = up.status()
        self.assertEqual("parakafka", status["scenario"])
        self.assertEqual(storm.INTERRUPTED, up.stop())
        database = self.folder / "up" / "datastorm.db"
        partitions = self.select(database, "select count(distinct partition), count(distinct producer_id), "
                                           "count(*), count(distinct producer_id * 1000000 + sequence) "
                                           "from readings where topic = 'parakafka'")[0]
        self.assertEqual((3, 100), partitions[:2])
        self.same("stored", rows=partitions[2], distinct=partitions[3])

    def test_every_bundled_one_is_sound(self):
        names = [line.split()[0] for line in self.run_program("up", "--scenario", "list").stdout.splitlines()]
        self.assertEqual(["backlog", "brandpulse", "crisis", "opportunity", "parakafka", "soak", "spike",
                          "volatile"], names)
        for name in names:
            self.run_program("config", "--check", name)

    def test_everything_wrong_is_told_at_once_with_its_line(self):
        file = self.folder / "wrong.toml"
        file.write_text('about = "wrong"\nspeed = 3\nrate = "fast"\nlisten = ":1"\nevent = ["soon crisis"]\n'
                        'limit = ["p99?"]\npositive = 90\n')
        told = self.run_program("config", "--check", file, expect=storm.WRONG_USE).stderr
        for line in (2, 3, 4, 5, 6):
            self.assertIn(f"{file}:{line}: ", told)
        self.assertIn("140 percent", told)
        self.assertEqual(told.splitlines()[0].split(": ", 1)[1:],
                         self.run_program("up", "--scenario", file, expect=storm.WRONG_USE)
                         .stderr.splitlines()[0].split(": ", 1)[1:])
        file.write_text("rate = \n")
        self.assertIn(f"{file}:1", self.run_program("config", "--check", file, expect=storm.WRONG_USE).stderr)
        self.assertIn("crisis", self.run_program("up", "--scenario", "nothing", expect=storm.WRONG_USE).stderr)

    def test_a_flag_wins_over_the_scenario_and_that_over_the_file(self):
        (self.folder / "datastorm.toml").write_text('rate = "1k"\ntopic = "from-the-file"\n')
        (self.folder / "mine.toml").write_text('about = "mine"\nrate = "2k"\nlimit = ["lost=0", "rate>1"]\n')
        for more, rate in ((), 2000), (("--rate", "3000"), 3000):
            total = str(rate * 2)
            account = self.run_json("up", "--scenario", "./mine.toml", "--total", total, "--data-dir",
                                    self.folder / f"up{rate}", "--broker-listen", "127.0.0.1:0", "--dashboard",
                                    "127.0.0.1:0", "--control", "127.0.0.1:0", *more)
            self.same("tweets", wanted=int(total), stored=account["stored"])
            self.assertEqual(rate, account["rate"]["target"])
            database = self.folder / f"up{rate}" / "datastorm.db"
            self.assertEqual([("from-the-file",)], self.select(database, "select distinct topic from tweets"))


if __name__ == "__main__":
    storm.main()
