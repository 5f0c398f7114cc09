#!/usr/bin/env python3
"""Keys, partitions, headers, tombstones and transactions in Apache Kafka, counted by kcat; and what verify says."""
import collections
import json

import storm

TOTAL = storm.size(40_000, 2_000_000)
PARTITIONS = 7


def murmur2(key):
    """As Kafka's clients hash a key; written here again, so that nothing is held against itself."""
    multiplier, mask = 0x5bd1e995, 0xffffffff
    value = 0x9747b28c ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at:at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = (value * multiplier & mask) ^ word
    if whole < len(key):
        value = (value ^ int.from_bytes(key[whole:], "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15


class Keys(storm.Case):
    limit = 900 if storm.FULL else 300

    def setUp(self):
        super().setUp()
        self.need("kcat")
        self.cluster = self.shared_kafka()

    def create_topic(self, topic):
        self.run_program("topic", "create", topic, "--brokers", self.cluster.address, "--partitions", PARTITIONS)

    def produce(self, topic, *more, **named):
        self.create_topic(topic)
        return self.run_json("produce", "--brokers", self.cluster.address, "--topic", topic, "--total", TOTAL,
                             "--brands", "A:1,Bee:2,Sea:1", *more, **named)

    def read(self, topic, what, *more):
        """What kcat prints of each record, a line each."""
        return self.kcat("-C", "-b", self.cluster.address, "-t", topic, "-o", "beginning", "-e", "-q",
                         "-f", what + "\\n", *more, limit=120).split(b"\n")[:-1]

    def verify(self, topic, *more, expect=storm.DONE):
        return self.run_json("verify", "--brokers", self.cluster.address, "--topic", topic, *more, expect=expect)

    def test_keys_go_where_kafkas_clients_put_them(self):
        """each kind of keys: partitions by kcat, murmur2 by another hand, verify and a store exact"""
        ways = {"uniform": ("--keys", "uniform", "--key-cardinality", 500),
                "zipf": ("--keys", "zipf:1.1", "--key-cardinality", 500, "--acks", "all", "--idempotence"),
                "one": ("--keys", "one"),
                "brand": ("--keys", "brand", "--engine", "librdkafka"),
                "field": ("--keys", "field:tweetId", "--compression", "lz4")}
        accounts = {}
        for name, flags in ways.items():
            with self.subTest(keys=name):
                account = accounts[name] = self.produce(name, *flags)
                rows = [line.split(b" ", 1) for line in self.read(name, "%p %k")]
                wrong = sum(int(at) != (murmur2(key) & 0x7fffffff) % PARTITIONS for at, key in rows)
                self.assertEqual(0, wrong, "records that Kafka's partitioner would have put elsewhere")
                keys = collections.Counter(key for _, key in rows)
                self.assertEqual({"uniform": 500, "one": 1, "brand": 3, "field": TOTAL}.get(name, len(keys)),
                                 len(keys))
                if name == "zipf":
                    self.assertGreater(keys[b"key-00000000"], 8 * keys[b"key-00000099"])
                verdict = self.verify(name)
                self.same(name, asked=TOTAL, acknowledged=account["acknowledged"], kcat=len(rows),
                          delta=account["log_end_delta"], found=verdict["found"], expected=verdict["expected"])
                self.assertEqual([], [words for words in verdict["not_shown"] if "order" in words])
        database = self.folder / "keys.db"
        self.run_json("consume", "--brokers", self.cluster.address, "--topic", "zipf", "--group", "g",
                      "--sink", f"sqlite:{database}", "--until-end")
        self.run_json("verify", "--run", accounts["zipf"]["run"], "--sink", f"sqlite:{database}")
        [(rows,)] = self.select(database, "select count(*) from tweets")
        self.same("stored", asked=TOTAL, rows=rows)

    def test_kcats_partitioner_agrees(self):
        """the keys of a run, sent again by kcat with murmur2: each lands where ours did"""
        self.produce("ours", "--keys", "uniform", "--key-cardinality", 300)
        placed = {key: int(at) for at, key in (line.split(b" ", 1) for line in self.read("ours", "%p %k"))}
        self.create_topic("theirs")
        self.kcat("-P", "-b", self.cluster.address, "-t", "theirs", "-K", ":", "-X", "topic.partitioner=murmur2",
                  stdin=b"\n".join(key + b":x" for key in placed))
        theirs = {key: int(at) for at, key in (line.split(b" ", 1) for line in self.read("theirs", "%p %k"))}
        self.assertEqual(placed, theirs)

    def test_round_robin_and_sticky(self):
        """partitions evenly, or a batch each; verify says that order is not checked"""
        for way in ("round-robin", "sticky"):
            with self.subTest(way=way):
                self.produce(way, "--partitioner", way, "--batch-size", 1000)
                ends = self.cluster.end_offsets(way)
                if way == "round-robin":
                    self.assertLessEqual(max(ends.values()) - min(ends.values()), 1)
                else:
                    self.assertEqual([0], sorted({end % 1000 for end in ends.values()}))
                verdict = self.verify(way)
                self.same(way, asked=TOTAL, ends=sum(ends.values()), found=verdict["found"])
                self.assertTrue(any("order" in words for words in verdict["not_shown"]), verdict["not_shown"])

    def test_sensors_by_their_number(self):
        """readings straight into Kafka: the key is the sensor's number, murmur2 its partition"""
        self.create_topic("readings")
        account = self.run_json("sensors", "--brokers", self.cluster.address, "--topic", "readings", "--via", "kafka",
                                "--keys", "sensor", "--producers", 40, "--rate", 2000, "--total", 4000)
        rows = [line.split(b" ", 2) for line in self.read("readings", "%p %k %s")]
        for at, key, value in rows:
            self.assertEqual(int(at), (murmur2(key) & 0x7fffffff) % PARTITIONS)
            self.assertEqual(int(key), json.loads(value)["producer_id"])
        self.same("readings", asked=4000, acknowledged=account["acknowledged"], kcat=len(rows))

    def test_headers_and_tombstones(self):
        """fixed and drawn headers on each record; a share without a value; verify counts both"""
        self.produce("dressed", "--keys", "uniform", "--tombstones", "10%", "--header", "team=blue=1",
                     "--header", "trace=random:16")
        rows = [line.split(b"|") for line in self.read("dressed", "%S|%k|%h")]
        self.same("read", asked=TOTAL, kcat=len(rows))
        null = sum(size == b"-1" for size, _, _ in rows)
        self.assertAlmostEqual(0.1, null / TOTAL, delta=0.01)
        traces = set()
        for size, key, headers in rows:
            self.assertTrue(key.startswith(b"key-"))
            self.assertIn(b"team=blue=1", headers)
            self.assertEqual(size == b"-1", b"ds-id=" in headers)
            traces.add(headers.rpartition(b"trace=")[2][:16])
        self.assertGreater(len(traces), TOTAL * 0.999)
        self.same("verified", asked=TOTAL, found=self.verify("dressed")["found"])
        database = self.folder / "dressed.db"
        self.run_json("consume", "--brokers", self.cluster.address, "--topic", "dressed", "--group", "g",
                      "--sink", f"sqlite:{database}", "--until-end")
        verdict = self.run_json("verify", "--run", "latest", "--sink", f"sqlite:{database}")
        [(nulls,)] = self.select(database, "select count(*) from records where value is null")
        self.same("stored", asked=TOTAL, found=verdict["found"])
        self.same("tombstones", kcat=null, rows=nulls)

    def test_aborted_transactions_are_nobodys_to_read(self):
        """a share of transactions aborted: by kcat's read_committed, our consume and our verify"""
        account = self.produce("money", "--transaction-records", 500, "--abort-rate", "25%", "--rate", "60k")
        self.assertEqual("librdkafka", account["engine"])
        self.same("produced", asked=TOTAL, decided=account["acknowledged"] + account["aborted"])
        self.assertAlmostEqual(0.25, account["aborted"] / TOTAL, delta=0.15)
        self.assertGreater(account["aborted"], 0)
        committed = self.read("money", "%p", "-X", "isolation.level=read_committed")
        everything = self.read("money", "%p", "-X", "isolation.level=read_uncommitted")
        verdict = self.verify("money")
        for engine in ("direct", "librdkafka"):
            stored = self.run_json("consume", "--brokers", self.cluster.address, "--topic", "money", "--group",
                                   f"g-{engine}", "--sink", f"sqlite:{self.folder / engine}.db", "--engine", engine,
                                   "--until-end")
            [(rows,)] = self.select(f"{self.folder / engine}.db", "select count(distinct tweetId) from tweets")
            self.same(f"committed, {engine}", acknowledged=account["acknowledged"], kcat=len(committed), rows=rows,
                      stored=stored["stored"], expected=verdict["expected"], found=verdict["found"])
        self.same("in the log", asked=TOTAL, kcat=len(everything))
        careless = self.verify("money", "--isolation", "read_uncommitted", expect=storm.GOAL_FAILED)
        self.same("aborted", account=account["aborted"], claimed=verdict["aborted"], visible=careless["visible"])
        # The same seed aborts the same ones.
        again = self.produce("money-again", "--transaction-records", 500, "--abort-rate", "25%", "--workers", 1)
        self.assertEqual(account["aborted"], again["aborted"])


class WithoutKafka(storm.Case):
    def test_the_embedded_broker_has_no_transactions(self):
        """asked for transactions it refuses in words: exit 2"""
        done = self.run_program("produce", "--brokers", self.broker().address, "--total", 1000,
                                "--transaction-records", 100, expect=storm.WRONG_USE)
        self.assertIn("transactions", done.stderr)
        self.assertIn("embedded broker has none", done.stderr)

    def test_what_does_not_fit_is_told_at_once(self):
        """wrong values: exit 2, every one named with what is allowed"""
        for flags, words in (
                (("--keys", "zipf:0"), ["exponent above 0"]),
                (("--keys", "field:nose"), ["no field 'nose'", "brand or sentiment"]),
                (("--payload", "random:10", "--keys", "brand"), ["only tweets have a brand"]),
                (("--key-cardinality", "0"), ["out of range"]),
                (("--partitioner", "key"), ["no keys to place records by"]),
                (("--partitioner", "random"), ["stream, key, round-robin, sticky"]),
                (("--header", "x"), ["is not NAME=VALUE"]),
                (("--tombstones", "101%", "--header", "ds-id=1"), ["'101%' is no share", "numbers records with"]),
                (("--tombstones", "5%", "--timestamps", "each"), ["--timestamps batch"]),
                (("--abort-rate", "0.5"), ["no transactions to abort"]),
                (("--transaction-records", 100, "--engine", "direct", "--acks", "1"),
                 ["--engine librdkafka", "--acks all"]),
                (("--transaction-records", 300, "--batch-size", 1000), ["no whole number of transactions"]),
                (("--schedule", "walk 5s"), ["is not 'walk 60s"]),
                (("--schedule", "trace:/nowhere.csv x2"), ["cannot be read"]),
                (("--limit", "p99<1s", "--limit", "speed>1"), ["no figure 'speed'"])):
            with self.subTest(flags=flags):
                done = self.run_program("produce", "--brokers", "127.0.0.1:1", *flags, expect=storm.WRONG_USE)
                for each in words:
                    self.assertIn(each, done.stderr)

    def test_a_schedule_has_its_area(self):
        """walk, Poisson and trace: what was acknowledged is the area under the curve, within 0.1 %"""
        address = self.broker().address
        trace = self.folder / "trace.csv"
        trace.write_text("seconds,rate\n1000,20000\n1001,80000\n1003,0\n")
        for schedule, area in (("walk 3s 20k..60k every 200ms", None), ("poisson 3s@50k", 150_000),
                               (f"trace:{trace} x0.5", 90_000)):
            with self.subTest(schedule=schedule):
                account = self.run_json("produce", "--brokers", address, "--schedule", schedule, "--total", 0)
                self.assertEqual(account["scheduled"], account["acknowledged"])
                if area is not None:
                    self.assertAlmostEqual(1, account["acknowledged"] / area, delta=0.001)
                claims = dict(line.split("\t", 1) for line in self.kcat(
                    "-C", "-b", address, "-t", "datastorm.runs", "-e", "-q", "-f", "%k\\t%s\\n").decode().splitlines())
                curve = json.loads(claims[f"run/{account['run']}/curve/0/0"])
                self.same(schedule.split()[0], scheduled=curve["scheduled"][-1], delivered=curve["delivered"][-1],
                          acknowledged=account["acknowledged"])
                self.assertEqual([0, 0], [curve["scheduled"][0], curve["delivered"][0]])
                self.assertGreaterEqual(len(curve["t_ms"]), 3)

    def test_the_spacing_of_batches_is_told(self):
        """at an even rate: how far batches begin from one another, beside what is wanted"""
        account = self.run_json("produce", "--brokers", self.broker().address, "--rate", "100k", "--batch-size", 1000,
                                "--duration", "3s", "--total", 0)
        self.assertEqual(10_000, account["spacing_wanted_us"])
        self.assertGreater(account["spacing_us"]["samples"], 250)
        self.assertGreaterEqual(account["spacing_us"]["max"], account["spacing_us"]["p50"])


if __name__ == "__main__":
    storm.main()
