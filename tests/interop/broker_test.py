#!/usr/bin/env python3
"""The embedded broker against kcat, in both directions, and across its own end."""
import collections
import json
import signal

import storm
import tweet

TOTAL = storm.size(100_000, 2_000_000)


class EmbeddedBroker(storm.Case):
    limit = 900 if storm.FULL else 240

    def setUp(self):
        super().setUp()
        self.need("kcat")

    def produce(self, broker, topic, total=TOTAL, *more):
        account = self.run_json("produce", "--brokers", broker.address, "--topic", topic, "--total", total, *more)
        self.assertEqual(total, account["acknowledged"])
        return account

    def test_kcat_sees_broker_and_topic(self):
        """kcat -L: one broker where it listens, a topic with its 32 partitions, all led"""
        broker = self.broker()
        self.produce(broker, "tweets", 8_000)
        seen = json.loads(self.kcat("-L", "-J", "-b", broker.address))
        self.assertEqual([broker.address], [each["name"] for each in seen["brokers"]])
        partitions = {t["topic"]: t["partitions"] for t in seen["topics"]}["tweets"]
        self.assertEqual(list(range(32)), sorted(each["partition"] for each in partitions))
        self.assertEqual({seen["brokers"][0]["id"]}, {each["leader"] for each in partitions})

    def test_kcat_reads_every_tweet(self):
        """kcat -C of all: count, offsets without a gap, ids, and each value decoded as Avro"""
        broker = self.broker()
        self.produce(broker, "tweets")
        # A line a record: partition, offset, bytes of the value; then the values, raw, of a part.
        ends = collections.Counter()
        for partition, offset in self.kcat_offsets(broker.address, "tweets"):
            self.assertEqual(ends[partition], offset, f"partition {partition} has a gap")
            ends[partition] += 1
        raw = self.kcat("-C", "-b", broker.address, "-t", "tweets", "-o", "beginning", "-e", "-q",
                        "-f", "%S\\n%s", limit=120)
        tweets, at = [], 0
        while at < len(raw):
            line_end = raw.index(b"\n", at)
            begin, length = line_end + 1, int(raw[at:line_end])
            tweets.append(tweet.decode(raw[begin:begin + length]))
            at = begin + length
        self.same("read", asked=TOTAL, kcat=sum(ends.values()), decoded=len(tweets),
                  ids=len({each.tweet_id for each in tweets}))
        self.assertEqual([], [c for each in tweets for c in tweet.complaints(each)][:5])

    def test_timestamps_each(self):
        """--timestamps each, both engines: Kafka's timestamp is the one in the Avro, and they differ in a batch"""
        broker = self.broker()
        for engine in ("direct", "librdkafka"):
            for how, differ in (("each", True), ("batch", False)):
                topic = f"{engine}-{how}"
                self.run_json("produce", "--brokers", broker.address, "--topic", topic, "--partitions", 1, "--total",
                              40_000, "--batch-size", 8_000, "--pool", 0, "--timestamps", how, "--engine", engine)
                raw = self.kcat("-C", "-b", broker.address, "-t", topic, "-o", "beginning", "-e", "-q",
                                "-f", "%T %S\\n%s", limit=120)
                records, at = [], 0
                while at < len(raw):
                    line_end = raw.index(b"\n", at)
                    stamp, length = map(int, raw[at:line_end].split())
                    records.append((stamp, tweet.decode(raw[line_end + 1:line_end + 1 + length]).timestamp))
                    at = line_end + 1 + length
                self.same(topic, asked=40_000, kcat=len(records))
                if how == "each" or engine == "direct":  # librdkafka gives a batch's records the time of sending
                    self.assertEqual([], [each for each in records if each[0] != each[1]][:3])
                verdict = self.run_json("verify", "--brokers", broker.address, "--topic", topic)
                self.assertEqual([0] * 4, [verdict[k] for k in ("lost", "duplicated", "disordered", "corrupted")])
                times = [len({stamp for _, stamp in records[at:at + 8_000]}) for at in range(0, 40_000, 8_000)]
                print(f"  {topic}: different times in each batch of 8,000: {times}", flush=True)
                if how == "each" or engine == "direct":
                    self.assertEqual(differ, max(times) > 1)

    def test_kcat_writes_and_both_read(self):
        """kcat -P with every codec: kcat reads the same bytes back, consume stores them"""
        broker = self.broker()
        database = self.folder / "kcat.db"
        lines = [json.dumps({"tweetId": f"kcat-{i}", "timestamp": 1_700_000_000_000 + i, "text": f"I love it {i}",
                             "brand": "SuperCoffee", "sentiment": "positive"}) for i in range(1_000)]
        codecs = ("none", "gzip", "snappy", "lz4", "zstd")
        for codec in codecs:
            with self.subTest(codec=codec):
                topic = f"from-kcat-{codec}"
                self.kcat("-P", "-b", broker.address, "-t", topic, "-z", codec, "-X", "acks=all",
                          stdin="\n".join(lines).encode())
                back = self.kcat("-C", "-b", broker.address, "-t", topic, "-o", "beginning", "-e", "-q")
                self.assertEqual(sorted(lines), sorted(back.decode().splitlines()))
                account = self.run_json("consume", "--brokers", broker.address, "--topic", topic, "--group", codec,
                                        "--decode", "json", "--sink", f"sqlite:{database}", "--until-end")
                stored = self.select(database, "select tweetId, timestamp, text, brand, sentiment from tweets "
                                               "where topic = ?", topic)
                self.same(codec, written=len(lines), stored=account["stored"], rows=len(stored))
                self.assertEqual({tuple(json.loads(line).values()) for line in lines}, set(stored))

    def test_the_log_outlives_the_broker(self):
        """what was acknowledged is there after SIGINT and after kill -9, and goes on where it ended"""
        address = "127.0.0.1:0"  # from the second start on the one that the first was given
        expected = 0
        for end in (lambda b: self.assertIn(b.stop(signal.SIGINT), (storm.DONE, storm.INTERRUPTED)),
                    lambda b: b.kill(), lambda b: None):
            broker = self.broker(address=address)
            address = broker.address
            if expected:
                self.same("after a restart", acknowledged=expected,
                          kcat=len(self.kcat_offsets(broker.address, "tweets")))
            self.produce(broker, "tweets")
            expected += TOTAL
            end(broker)
        seen = self.kcat_offsets(address, "tweets")
        self.same("at the end", acknowledged=expected, kcat=len(seen), places=len(set(seen)))

    def test_a_socket_in_the_file_system(self):
        """produce and consume by unix:PATH, kcat reads the same by TCP; one that was killed leaves no obstacle"""
        path = self.folder / "broker.sock"
        for start in range(2):
            broker = self.broker(address=f"127.0.0.1:0,unix:{path}")
            topic = f"local-{start}"
            account = self.run_json("produce", "--brokers", f"unix:{path}", "--topic", topic, "--total", TOTAL)
            stored = self.run_json("consume", "--brokers", f"unix:{path}", "--topic", topic, "--group", topic, "--sink", "none", "--until-end")
            self.same(topic, acknowledged=account["acknowledged"], read=stored["read"], kcat=len(self.kcat_offsets(broker.address, topic)))
            self.assertEqual(0, path.stat().st_mode & 0o077, "for its owner alone")
            if start == 0:
                broker.kill()
            else:
                broker.stop()
        self.assertFalse(path.exists(), "who ends removes it")
        done = self.run_program("produce", "--brokers", f"unix:{path}", "--total", 1000, expect=storm.UNREACHABLE)
        self.assertIn(f"there is no unix:{path}", done.stderr)

    def test_where_nobody_listens(self):
        """produce and consume say so, exit 3, without a hang"""
        nobody = self.nobody()
        for command in (["produce", "--total", 1000], ["consume", "--until-end", "--sink", "none"]):
            with self.subTest(command[0]):
                done = self.run_program(*command, "--brokers", nobody, expect=storm.UNREACHABLE, limit=60)
                self.assertIn(nobody, done.stderr)


if __name__ == "__main__":
    storm.main()
