#!/usr/bin/env python3
"""Each suite of `datastorm bench` at its tiniest size: rows, counts and conditions, never speeds."""
import csv
import json
import re
import subprocess

import storm

SUITES = ["encode", "serialise", "wire", "broker", "end-to-end", "payloads", "ledger", "sinks", "gateway", "ladder",
          "compression", "workers", "batch-size", "network", "peers", "knee"]
# A row of each that only comes when the suite has counted every record.
ROWS = {
    "encode": ["encode / memcpy, 4 slots"],
    "serialise": ["10 K records, before pre-serialising", "10 K records, pre-serialised"],
    "wire": ["wire / loopback", "ours / librdkafka"],
    "broker": ["produce / loopback", "fetch / loopback", "synced / plain writer", "start, empty", "recovery",
               "a·records + b·bytes, largest error", "1024 partitions / 32", "memory of the consumer"],
    "end-to-end": ["rollup, flat out", "raw rows, flat out", "generated to stored, p99"],
    "payloads": ["template", "protobuf"],
    "ledger": ["verify"],
    "sinks": ["SQLite raw / bare loop"],
    "gateway": ["one event a request", "NDJSON"],
    "ladder": [f"v{rung} into the embedded broker" for rung in range(6)],
    "compression": ["none", "lz4", "snappy", "zstd", "gzip"],
    "workers": ["1 workers", "16 workers"],
    "batch-size": ["batches of 16 MB, memory", "adaptive / static"],
    "network": ["localhost"],
}
WITHOUT_KAFKA = "/nonexistent/kafka.sh"
TELEGRAF_SH = str(storm.ROOT / "tests/servers/telegraf/telegraf.sh")


class Bench(storm.Case):
    limit = 400

    def bench(self, suite, *more, duration="100ms", script=storm.KAFKA_SH):
        return self.run_json("bench", suite, "--runs", "1", "--duration", duration, "--kafka-script", script, *more,
                             limit=300)

    def look_at(self, suite, result):
        self.assertEqual(suite, result["suite"])
        self.assertTrue(result["machine"] and result["versions"])
        rows = {row["name"]: row for row in result["rows"]}
        self.assertEqual(len(rows), len(result["rows"]), "each row has a name of its own")
        for name, row in rows.items():
            with self.subTest(suite=suite, row=name):
                self.assertLessEqual(row["min"], row["median"])
                self.assertLessEqual(row["median"], row["max"])
                if row["runs"] == 0:
                    self.assertTrue(row["conditions"].startswith("SKIP: "))
                    print(f"  {suite}: {name}: {row['conditions']}", flush=True)
                    continue
                # A suite of several ways measures its reference beside each.
                self.assertTrue(row["runs"] == 1 or name == "raw loopback" and row["runs"] > 1, row["runs"])
                for named in ("record ", "acks ", "codec ", "durability ", "engine "):
                    self.assertIn(named, row["conditions"])
        for name in ROWS.get(suite, []):
            self.assertIn(name, rows)
        return rows

    def test_suites_are_listed(self):
        """--list --json names all of them"""
        listed = self.run_json("bench", "--list")["suites"]
        for suite in SUITES + ["soak"]:
            self.assertIn(suite, listed)

    def test_suites_without_kafka(self):
        """every suite runs on a machine without Java, and says what it skips"""
        for suite in SUITES:
            if suite == "knee":
                continue
            with self.subTest(suite):
                rows = self.look_at(suite, self.bench(suite, script=WITHOUT_KAFKA))
                skipped = [name for name, row in rows.items() if row["runs"] == 0]
                if suite in ("peers", "ladder", "end-to-end"):
                    self.assertTrue(skipped)

    def test_peers(self):
        """the storm, the probe, librdkafka, kcat and Kafka's own tools into a cluster, all counted"""
        cluster = self.kafka()
        rows = self.look_at("peers", self.bench("peers", "--brokers", cluster.address))
        for name in ("storm / probe", "storm / librdkafka", "storm / perf-test", "fetch / consumer-perf-test"):
            self.assertEqual(1, rows[name]["runs"], name)
        rows = self.look_at("end-to-end", self.bench("end-to-end", "--brokers", cluster.address))
        self.assertEqual(1, rows["through Apache Kafka, rollup"]["runs"])

    def test_stores(self):
        """VictoriaMetrics and MongoDB's protocol, and what else is built, beside the least that can be done and Telegraf"""
        for program in ("java", "mvn"):
            self.need(program)
        # The first time it is built, which takes a minute and a Go newer than Debian 12's.
        telegraf = subprocess.run([TELEGRAF_SH, "build"], stdin=subprocess.DEVNULL, text=True, capture_output=True)
        rows = self.look_at("sinks", self.bench("sinks"))
        for name in ("VictoriaMetrics / prebuilt", "MongoDB's protocol"):
            if name not in rows:
                storm.missing(self, f"{name}: {[row['conditions'] for row in rows.values() if row['runs'] == 0]}")
        if telegraf.returncode != 0:
            storm.missing(self, f"no Telegraf: {telegraf.stderr.strip()[-300:]}")
        self.assertEqual(1, rows["Telegraf"]["runs"], rows["Telegraf"]["conditions"])

    def test_knee_of_a_slow_sink(self):
        """a stage that is slowed on purpose is named; how fast it went is the unit tests' matter"""
        result = self.bench("knee", "--throttle", "sink=50k", "--limit", "p99<10s", duration="1s")
        row = result["rows"][0]
        self.assertEqual("knee", row["name"])
        self.assertIn("slowed on purpose: sink=50k", row["conditions"])
        self.assertRegex(row["conditions"], r"saturates: \w+")
        self.assertLess(row["max"], 0.055)  # nothing gets faster than its throttle

    def test_results_are_written_and_compared(self):
        """JSON, CSV, page, tables in a document, and a comparison of a run with itself"""
        out, document = self.folder / "out", self.folder / "doc.md"
        document.write_text("# Before\n<!-- bench: begin -->\n<!-- bench: end -->\nafter\n")
        self.run_program("bench", "encode", "--runs", "2", "--duration", "50ms", "--out", out,
                         "--tables", document)
        results = json.loads((out / "bench.json").read_text())
        with (out / "bench.csv").open() as table:
            self.assertEqual([row["name"] for row in results["suites"][0]["rows"]],
                             [row["name"] for row in csv.DictReader(table)])
        page = (out / "bench.html").read_text()
        self.assertIn("<svg", page)
        self.assertIsNone(re.search(r"https?://|src=|<script", page), "it needs nothing from outside")
        self.assertIn("| P1 |", document.read_text())
        self.assertTrue(document.read_text().endswith("<!-- bench: end -->\nafter\n"))
        same = self.run_json("bench", "--compare", out / "bench.json", out / "bench.json")
        self.assertNotIn("better", {row["verdict"] for row in same["rows"]})
        # A result in which everything is twice as fast, and steady.
        for row in results["suites"][0]["rows"]:
            row.update(min=2 * row["median"], median=2 * row["median"], max=2 * row["median"], runs=5)
        old = json.loads((out / "bench.json").read_text())
        for row in old["suites"][0]["rows"]:
            row.update(min=row["median"], max=row["median"], runs=5)
        (self.folder / "old.json").write_text(json.dumps(old))
        (self.folder / "new.json").write_text(json.dumps(results))
        better = self.run_json("bench", "--compare", self.folder / "old.json", self.folder / "new.json")
        self.assertEqual({"better"}, {row["verdict"] for row in better["rows"]})
        worse = self.run_program("bench", "--compare", self.folder / "new.json", self.folder / "old.json",
                                 expect=storm.GOAL_FAILED)
        self.assertIn("worse", worse.stdout)

    def test_wrong_use(self):
        """one clear message each"""
        for arguments, said in (
                (["nothing"], "there is no suite 'nothing'"),
                (["--compare", "one"], "--compare takes two results"),
                (["--compare", "/nonexistent", "/nonexistent"], "cannot be read"),
                (["knee", "--throttle", "moon=1"], "is no throttle")):
            done = subprocess.run([storm.PROGRAM, "bench", *arguments], text=True, capture_output=True,
                                  timeout=60, cwd=self.folder, stdin=subprocess.DEVNULL)
            self.assertEqual(storm.WRONG_USE, done.returncode, done.stderr)
            self.assertIn(said, done.stderr)

    def test_presets_produce(self):
        """each rung of the ladder is a way of `produce`, and all it sends arrives"""
        broker = self.broker()
        for preset, records in (("v0", 200), ("v1", 20_000), ("v2", 20_000), ("v3", 20_000), ("v4", 20_000),
                                ("v5", 20_000)):
            with self.subTest(preset):
                account = self.run_json("produce", "--brokers", broker.address, "--topic", preset, "--preset",
                                        preset, "--total", records)
                self.assertEqual(records, account["acknowledged"])
                self.assertEqual(records, account["log_end_delta"])
                self.assertEqual("direct" if preset == "v5" else "librdkafka", account["engine"])
                self.assertEqual("lz4" if preset == "v4" else "none", account["codec"])
        account = self.run_json("produce", "--brokers", broker.address, "--topic", "own", "--preset", "v4",
                                "--engine", "direct", "--compression", "zstd", "--rate", "max", "--total", 20_000)
        self.assertEqual(("direct", "zstd", 20_000),
                         (account["engine"], account["codec"], account["acknowledged"]))
        wrong = self.run_program("produce", "--preset", "v9", expect=storm.WRONG_USE)
        self.assertIn("v0, v1, v2, v3, v4, v5", wrong.stderr)


if __name__ == "__main__":
    storm.main()
