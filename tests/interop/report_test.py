#!/usr/bin/env python3
"""The second pipeline's report: what was planted is found to the packet, on both brokers and in both stores."""
import csv
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import xml.etree.ElementTree

import storm
from mongo_wire import Mongo

MONGO_SH = storm.ROOT / "tests/servers/mongo/mongo.sh"
PRODUCERS = 20
TOTAL = 4000
# Sequence numbers that are taken out of the store behind its back, by producer: in the middle, at the
# end (which only the claims know of), and all of one.
PLANTED = {3: [10], 7: list(range(40, 45)), 9: [198, 199], 12: [0], 20: list(range(200))}


class Reporting(storm.Case):
    limit = 400

    def mongo(self):
        for program in ("java", "mvn", "javac"):
            self.need(program)
        env = dict(os.environ, DS_STATE=str(self.folder / "stores"), MONGO_HEAP="256m")
        started = subprocess.run([MONGO_SH, "start"], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                 text=True, timeout=300)
        if started.returncode != 0:
            storm.missing(self, f"no server for MongoDB's protocol: {started.stderr.strip()[-200:]}")
        self.addCleanup(subprocess.run, [MONGO_SH, "stop"], env=env, timeout=60, stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL)
        url = re.search(r"MONGO_URI=(\S+)", started.stdout)[1].strip("'\"")
        client = Mongo(url)
        self.addCleanup(client.close)
        return url, client

    def report(self, *arguments, out="report", expect=storm.DONE):
        told = self.run_json("report", "--out", self.folder / out, *arguments, expect=expect)
        self.assertEqual(json.loads((self.folder / out / "report.json").read_text())["producers"], told["producers"])
        return told

    def harm(self, database):
        """Takes what is planted out of the SQLite store; returns the whole loss."""
        connection = sqlite3.connect(database, timeout=30)
        gone = 0
        with connection:
            for producer, sequences in PLANTED.items():
                gone += connection.executemany("delete from readings where producer_id = ? and sequence = ?",
                                               [(producer, sequence) for sequence in sequences]).rowcount
        connection.close()
        self.same("planted", rows=gone, wanted=sum(map(len, PLANTED.values())))
        return gone

    def harm_mongo(self, client):
        return sum(client.delete("readings", {"producer_id": producer, "sequence": {"$gte": min(sequences),
                                                                                    "$lte": max(sequences)}})
                   for producer, sequences in PLANTED.items())

    def has_planted(self, told):
        """Every producer's loss is exactly what was taken from it, with its numbers."""
        self.assertEqual("claims", told["sent_known_by"])
        self.assertEqual(list(range(1, PRODUCERS + 1)), [row["id"] for row in told["producers"]])
        each = TOTAL // PRODUCERS
        for row in told["producers"]:
            lost = PLANTED.get(row["id"], [])
            self.assertEqual((each, each - len(lost), len(lost), 0),
                             (row["sent"], row["stored"], row["loss"], row["repeated"]), row)
            ranges = [f"{lost[0]}-{lost[-1]}" if len(lost) > 1 else f"{lost[0]}"] if lost else []
            self.assertEqual(ranges, row["missing"])

    def whole(self, told):
        self.same("no loss", asked=TOTAL, sent=told["sent"], stored=told["stored"], rows=told["rows"])
        self.assertEqual(0, told["loss"])
        self.assertTrue(told["fit"]["fits"], told["fit"]["words"])
        self.assertEqual(("normal:20,5", "claimed"), (told["fit"]["distribution"], told["fit"]["known_by"]))
        print(f"  {told['fit']['words']}", flush=True)
        for stage in told["throughput"]:
            print(f"  {stage['stage']}: {stage['per_second']['mean']:.0f}/s, {stage['rows']} rows", flush=True)
            self.assertEqual(TOTAL, stage["rows"])
        self.assertEqual(["timestamp_producer", "timestamp_kafka", "timestamp_db"],
                         [stage["column"] for stage in told["throughput"]])

    def scenario(self, broker, url, client, *more):
        """Parakafka as the file has it, on the broker that is named, into both stores; then both are harmed."""
        os.environ.pop("HOOK_SECRET", None)
        database = self.folder / "readings.db"
        account = self.run_json("up", "--scenario", "parakafka", "--total", TOTAL, "--producers", PRODUCERS,
                                "--interval-ms", "20", "--data-dir", self.folder / "up", "--dashboard", "127.0.0.1:0",
                                "--control", "127.0.0.1:0", "--sink", f"sqlite:{database}", "--sink",
                                f"mongo:{url}/brandpulse", *more, limit=200)
        self.same("stored", asked=TOTAL, by_up=account["stored"], in_mongo=client.count("readings"),
                  in_sqlite=self.select(database, "select count(*) from readings")[0][0])
        self.assertEqual([(0,), (1,), (2,)],
                         self.select(database, "select distinct partition from readings order by 1"))
        brokers = ("--brokers", broker)
        sqlite_store, mongo_store = f"sqlite:{database}", f"mongo:{url}/brandpulse"
        self.whole(self.report("--from", sqlite_store, out="whole"))
        return database, brokers, sqlite_store, mongo_store

    def test_parakafka_on_three_brokers_of_apache_kafka(self):
        """3 brokers, 3 partitions, 2 replicas, SQLite and MongoDB's protocol."""
        url, client = self.mongo()
        kafka = self.kafka("--nodes", "3", "--heap", "256m")
        database, brokers, sqlite_store, mongo_store = self.scenario(
            kafka.address, url, client, "--brokers", kafka.address, "--replication", "2")
        described = kafka.tool("topics", "--describe", "--topic", "parakafka")
        self.assertRegex(described, r"PartitionCount: 3\s+ReplicationFactor: 2")
        self.same("in the log", asked=TOTAL, get_offsets=sum(kafka.end_offsets("parakafka").values()))
        self.whole(self.report("--from", mongo_store, *brokers, out="whole-mongo"))
        verdict = self.run_json("verify", *brokers, "--topic", "parakafka")
        self.same("verified in the topic", asked=TOTAL, expected=verdict["expected"], found=verdict["found"])
        gone = self.harm(database)
        self.same("planted in MongoDB", wanted=gone, gone=self.harm_mongo(client))
        self.has_planted(self.report("--from", sqlite_store, *brokers))
        self.has_planted(self.report("--from", mongo_store, *brokers))

    def test_parakafka_on_the_embedded_broker(self):
        """The same file on the broker inside, both stores; the report from each."""
        url, client = self.mongo()
        broker = self.broker()
        database, brokers, sqlite_store, mongo_store = self.scenario(
            broker.address, url, client, "--brokers", broker.address)
        self.whole(self.report("--from", mongo_store, *brokers, out="whole-mongo"))
        gone = self.harm(database)
        self.same("planted in MongoDB", wanted=gone, gone=self.harm_mongo(client))
        self.has_planted(self.report("--from", mongo_store, *brokers))
        told = self.report("--from", sqlite_store, "--limit", "loss=0", "--limit", "stored>0", "--junit",
                           self.folder / "limits.xml", expect=storm.GOAL_FAILED)
        self.has_planted(told)
        self.files(told)
        suite = xml.etree.ElementTree.parse(self.folder / "limits.xml").getroot().find("testsuite")
        self.assertEqual(("2", "1"), (suite.get("tests"), suite.get("failures")))
        self.verify(database, gone)
        self.compare()

    def files(self, told):
        """What lies in the folder says the same as the object."""
        out = self.folder / "report"
        for name in ("report.html", "report.log", "throughput.png", "throughput.svg", "throughput.csv", "values.png",
                     "values.csv", "delays.svg", "delays.csv", "loss.png"):
            self.assertGreater((out / name).stat().st_size, 50, name)
        with (out / "producers.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["loss"] for row in told["producers"]], [int(row["loss"]) for row in rows])
        log = (out / "report.log").read_text()
        self.assertIn(told["run"], log)
        self.assertRegex(log, r"PRODUCER 7\. First sent at \S+ \S+Z, loss 5 packet\(s\)")
        page = (out / "report.html").read_text()
        self.assertNotRegex(page, r"""(src|href)=["']?https?:""")

    def verify(self, database, gone):
        """verify names the same by producer and number; altered ones too."""
        connection = sqlite3.connect(database, timeout=30)
        with connection:
            connection.execute("update readings set data = data + 0.5 where producer_id = 5 and sequence = 17")
            connection.execute("insert into readings select * from readings where producer_id = 6 and sequence = 18")
        connection.close()
        verdict = self.run_json("verify", "--sink", f"sqlite:{database}", expect=storm.GOAL_FAILED)
        self.assertEqual((TOTAL, gone, 1, 1), tuple(verdict[name] for name in (
            "expected", "lost", "duplicated", "corrupted")))
        found = {(each["what"], each["stream"], each["first"], each["last"]) for each in verdict["ranges"]}
        wanted = {("lost", producer, min(lost), max(lost)) for producer, lost in PLANTED.items()}
        self.assertEqual(wanted | {("corrupted", 5, 17, 17), ("doubled", 6, 18, 18)}, found)
        words = self.run_program("verify", "--sink", f"sqlite:{database}", expect=storm.GOAL_FAILED).stdout
        self.assertIn("lost: producer 7, 40 to 44", words)

    def compare(self):
        """Before and after the harm, side by side."""
        both = self.run_json("report", "--compare", self.folder / "whole", self.folder / "report", "--out",
                             self.folder / "both")
        figures = {each["name"]: each for each in both["figures"]}
        self.assertEqual((0, sum(map(len, PLANTED.values())), "worse"),
                         tuple(figures["loss"][name] for name in ("a", "b", "verdict")))
        for name in ("compare.html", "compare.json", "compare.csv"):
            self.assertTrue((self.folder / "both" / name).exists(), name)
        self.run_program("report", "--compare", self.folder / "whole", self.folder / "report", "--out",
                         self.folder / "both", "--limit", "loss=0", expect=storm.GOAL_FAILED)
        self.run_program("report", "--compare", self.folder / "whole", expect=storm.WRONG_USE)
        self.assertIn("no report", self.run_program("report", "--compare", self.folder / "whole", self.folder / "nobody",
                                                    expect=storm.WRONG_USE).stderr)

    def test_what_is_no_store_is_said_in_words(self):
        """An empty, a foreign and a damaged file, one that is missing, no readings, wrong flags."""
        (self.folder / "text.db").write_text("no database" * 1000)
        (self.folder / "empty.db").write_bytes(b"")
        foreign = sqlite3.connect(self.folder / "foreign.db")
        foreign.execute("create table mine(x)")
        foreign.close()
        for name, words in (("text.db", "not a SQLite database"), ("empty.db", "is empty"),
                            ("foreign.db", "not DataStorm's"), ("none.db", "cannot be opened")):
            told = self.run_program("report", "--from", f"sqlite:{self.folder / name}", expect=storm.WRONG_USE)
            self.assertIn(words, told.stderr)
            self.assertFalse((self.folder / "datastorm-report").exists(), name)
        wrong = self.run_program("report", "--from", "redis:x", "--interval", "0", "--distribution", "gauss",
                                 "--limit", "x", expect=storm.WRONG_USE).stderr
        for flag in ("--interval", "--distribution", "--limit"):
            self.assertIn(flag, wrong)
        self.run_program("report", "--from", f"mongo:mongodb://{self.nobody()}", expect=storm.UNREACHABLE)
        broker = self.broker()
        self.run_program("topic", "create", "readings", "--brokers", broker.address)
        self.run_program("consume", "--brokers", broker.address, "--topic", "readings", "--until-end", "--sink",
                         f"sqlite:{self.folder / 'nothing.db'}")
        told = self.run_program("report", "--from", f"sqlite:{self.folder / 'nothing.db'}", expect=storm.GOAL_FAILED)
        self.assertIn("holds no readings and no tweets", told.stderr)

    def test_the_offered_curve_and_the_achieved_one(self):
        """A schedule's area by hand, by kcat, and under both curves of the report within 0.1 %; spacing at 1 M/s."""
        broker = self.broker()
        area = 30_000 + 120_000 + 60_000  # 1s@30k, the ramp's mean of 60k for 2 s, 1s@60k
        account = self.run_json("produce", "--brokers", broker.address, "--schedule",
                                "1s@30k, ramp 2s 30k..90k, 1s@60k", "--total", "0", "--batch-size", "100", "--acks",
                                "all", "--partitions", "4")
        consume = ("consume", "--brokers", broker.address, "--until-end")
        self.run_json(*consume, "--sink", f"sqlite:{self.folder / 'curve.db'}", "--group", "curve")
        told = self.report("--from", f"sqlite:{self.folder / 'curve.db'}", "--brokers", broker.address, "--limit",
                           "curve_off<0.001")
        curves = told["curves"]
        self.same("records", acknowledged=account["acknowledged"], achieved=curves["achieved"],
                  kcat=len(self.kcat_offsets(broker.address, "tweets")))
        print(f"  area {area}, offered {curves['offered']}, achieved {curves['achieved']}, "
              f"{curves['difference_percent']:+.4f} %", flush=True)
        for name in ("offered", "achieved"):
            self.assertAlmostEqual(1, curves[name] / area, delta=0.001, msg=name)
        self.assertLess(abs(curves["difference_percent"]), 0.1)
        with (self.folder / "report/offered.csv").open() as file:
            rows = list(csv.DictReader(file))
        drawn = sum(float(row["achieved_per_second"]) * int(row["interval_ms"]) / 1000 for row in rows)
        self.assertAlmostEqual(1, drawn / area, delta=0.001, msg="what is drawn")
        page = (self.folder / "report/report.html").read_text()
        for name in ("offered", "spacing"):
            self.assertIn(f'data-chart="{name}"', page)
            for kind in ("png", "svg"):
                self.assertGreater((self.folder / f"report/{name}.{kind}").stat().st_size, 1000)
        self.assertIn("against offered", page)

        account = self.run_json("produce", "--brokers", broker.address, "--topic", "fast", "--rate", "1M", "--total",
                                "2M", "--acks", "1", "--partitions", "4")
        self.run_json(*consume, "--topic", "fast", "--sink", f"sqlite:{self.folder / 'fast.db'}", "--group", "fast")
        spacing = self.report("--from", f"sqlite:{self.folder / 'fast.db'}", "--brokers", broker.address,
                              "--topic", "fast", out="fast")["spacing"]
        print(f"  at 1 M/s: {spacing}", flush=True)
        self.same("gaps", batches=2_000_000 // 8000 - 1, claimed=spacing["gaps"])
        self.assertEqual(8000, spacing["wanted_us"])
        with (self.folder / "fast/spacing.csv").open() as file:
            self.assertGreater(sum(float(row["share"]) for row in csv.DictReader(file)), 0.98)

    def test_tweets(self):
        """A store of tweets has rates and losses by stream."""
        broker = self.broker()
        self.run_json("produce", "--brokers", broker.address, "--total", "8000", "--batch-size", "100", "--rate",
                      "20k", "--partitions", "4", "--acks", "all")
        database = self.folder / "tweets.db"
        self.run_json("consume", "--brokers", broker.address, "--until-end", "--sink", f"sqlite:{database}")
        told = self.report("--from", f"sqlite:{database}")
        self.same("tweets", asked=8000, sent=told["sent"], stored=told["stored"])
        self.assertEqual("tweet", told["payload"])
        connection = sqlite3.connect(database, timeout=30)
        with connection:
            gone = connection.execute("delete from tweets where rowid % 1000 = 7").rowcount
        connection.close()
        told = self.report("--from", f"sqlite:{database}")
        self.same("planted", gone=gone, loss=told["loss"], in_the_table=sum(row["loss"] for row in told["producers"]))


class Libraries(storm.Case):
    def test_mongodb_costs_nothing_where_it_is_not_used(self):
        """libmongoc is not loaded at the start, and what it would leave in /dev/shm is not there."""
        before = set(pathlib.Path("/dev/shm").glob("mongoc-*"))
        traced = subprocess.run([storm.PROGRAM, "version"], env=dict(os.environ, LD_DEBUG="libs"),
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, traced.returncode)
        self.assertIn("calling init", traced.stderr)
        self.assertNotIn("libmongoc", traced.stderr)
        child = subprocess.Popen([storm.PROGRAM, "version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        child.wait(60)
        self.assertNotIn(pathlib.Path(f"/dev/shm/mongoc-{child.pid}"),
                         set(pathlib.Path("/dev/shm").glob("mongoc-*")) - before)


if __name__ == "__main__":
    storm.main()
