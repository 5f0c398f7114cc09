#!/usr/bin/env python3
"""Every combination of acks, codec and engine into Apache Kafka, counted and read by others.

kafka-get-offsets and kcat count all of them. A sample with every codec of both engines is decoded
here from kcat's raw bytes, stored by `consume`, and verified.
"""
import collections
import itertools
import re
import uuid

import storm
import tweet

BATCH, STREAMS, PARTITIONS = 500, 16, 8
TOTAL = storm.size(24_000, 240_000)  # whole generator batches, as many in each stream
MIX = {"positive": TOTAL * 5 // 10, "negative": TOTAL * 3 // 10, "neutral": TOTAL * 2 // 10}

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
ENGINES = ("direct", "librdkafka")

# What each template of a label says and no other does: a reader's judgement, not the program's.
GLAD = re.compile("Love|Adore|Thank you|Hooray|Five stars|Big fan|So happy|Cheers|great|superb|wonderful|"
                  "fantastic|excellent|amazing|brilliant|delightful")
CROSS = re.compile("Never again|tired of|Shame on|let down|Avoid|No stars|Angry|Fed up|awful|terrible|dreadful|"
                   "horrible|disgrace|disappointing|rip-off|hopeless")

Combination = collections.namedtuple("Combination", "acks codec engine idempotent")


def combinations():
    for acks, codec, engine in itertools.product(("0", "1", "all"), CODECS, ENGINES):
        yield Combination(acks, codec, engine, False)
    for codec, engine in itertools.product(CODECS, ENGINES):
        yield Combination("all", codec, engine, True)


def name_of(combination):
    idempotent = "-idempotent" if combination.idempotent else ""
    return f"matrix-{combination.acks}-{combination.codec}-{combination.engine}{idempotent}"


def judged(text):
    """The label that a reader would give."""
    glad, cross = bool(GLAD.search(text)), bool(CROSS.search(text))
    return "both" if glad and cross else "positive" if glad else "negative" if cross else "neutral"


def identity(tweet_id):
    """(run, stream, sequence) of rrrrrrrr-rrrr-8sss-Vsss-nnnnnnnnnnnn: 48, 26 and 48 bits."""
    bits = uuid.UUID(tweet_id).int
    return bits >> 80, (bits >> 64 & 0xFFF) << 14 | bits >> 48 & 0x3FFF, bits & (1 << 48) - 1


class Matrix(storm.Case):
    limit = 900 if storm.FULL else 180

    def test_every_combination(self):
        """40 combinations: what produce says, kafka-get-offsets and kcat count, and what is in them"""
        self.need("kcat")
        kafka = self.kafka()
        accounts = {each: self.produced(kafka, each) for each in combinations()}
        ends = self.ends_of_all(kafka)
        for each, account in accounts.items():
            topic = name_of(each)
            seen = self.kcat_offsets(kafka.address, topic)
            confirmed = account["written"] if each.acks == "0" else account["acknowledged"]
            with self.subTest(topic):
                self.same(topic, asked=TOTAL, scheduled=account["scheduled"], confirmed=confirmed,
                          log_end_delta=account["log_end_delta"], get_offsets=ends[topic], kcat=len(seen),
                          places=len(set(seen)))
        # Each codec of each engine once, over the three acks and idempotence in turn.
        producing = itertools.cycle((("1", False), ("all", False), ("0", False), ("all", True), ("all", True)))
        for engine, codec in itertools.product(ENGINES, CODECS):
            acks, idempotent = next(producing)
            each = Combination(acks, codec, engine, idempotent)
            with self.subTest("read back", topic=name_of(each)):
                self.read_by_us_in_python(kafka, each, accounts[each])
                if engine == "direct" or codec == "zstd":
                    self.stored_and_verified(kafka, each, accounts[each])
        self.read_by_the_console_consumer(kafka, Combination("all", "lz4", "direct", False))

    def produced(self, kafka, each):
        more = ("--idempotence",) if each.idempotent else ()
        account = self.run_json(
            "produce", "--brokers", kafka.address, "--topic", name_of(each), "--partitions", PARTITIONS,
            "--total", TOTAL, "--batch-size", BATCH, "--streams", STREAMS, "--mode", "fixed", "--positive", 50,
            "--negative", 30, "--neutral", 20, "--acks", each.acks, "--compression", each.codec,
            "--engine", each.engine, *more, limit=60)
        self.assertEqual((each.acks, each.codec, each.engine),
                         (account["acks"], account["codec"], account["engine"]))
        self.assertEqual([0, 0], [account["failed"], account["unknown"]])
        self.assertEqual(0 if each.acks == "0" else TOTAL, account["acknowledged"])
        return account

    def ends_of_all(self, kafka):
        """{topic: records}, by one call of kafka-get-offsets."""
        ends = collections.Counter()
        for line in kafka.tool("get-offsets").split():
            topic, _, offset = line.rsplit(":", 2)
            ends[topic] += int(offset)
        return ends

    def read_by_us_in_python(self, kafka, each, account):
        """Raw bytes by kcat, decoded here: identities without gaps, texts that agree, the mix exact."""
        printed = self.kcat("-C", "-b", kafka.address, "-t", name_of(each), "-o", "beginning", "-e", "-q",
                            "-f", "%p %o\\n%R%s")
        at = 0
        mix, numbers, homes = collections.Counter(), collections.defaultdict(list), collections.defaultdict(set)
        while at < len(printed):
            line_end = printed.index(b"\n", at)
            partition = int(printed[at:line_end].split()[0])
            size = int.from_bytes(printed[line_end + 1:line_end + 5], "big")
            at = line_end + 5 + size
            record = tweet.decode(printed[line_end + 5:at])
            self.assertEqual([], tweet.complaints(record))
            self.assertEqual(record.sentiment, judged(record.text), record.text)
            run, stream, sequence = identity(record.tweet_id)
            self.assertEqual(int(account["run"], 16), run)
            mix[record.sentiment] += 1
            numbers[stream].append(sequence)
            homes[stream].add(partition)
        self.assertEqual(MIX, dict(mix))
        self.assertEqual(set(range(STREAMS)), set(numbers))
        for stream, sequences in numbers.items():  # kcat keeps a partition's order, so ours shows
            self.assertEqual(list(range(TOTAL // STREAMS)), sequences, f"stream {stream}")
            self.assertEqual({stream % PARTITIONS}, homes[stream])
        self.same(f"{name_of(each)} decoded", asked=TOTAL, decoded=sum(mix.values()))

    def stored_and_verified(self, kafka, each, account):
        topic, database = name_of(each), self.folder / f"{name_of(each)}.db"
        stored = self.run_json("consume", "--brokers", kafka.address, "--topic", topic, "--group", topic,
                               "--sink", f"sqlite:{database}", "--until-end")
        [(rows, ids)] = self.select(database, "select count(*), count(distinct tweetId) from tweets")
        self.assertEqual(MIX, dict(self.select(database, "select sentiment, count(*) from tweets group by sentiment")))
        self.same(f"{topic} stored", asked=TOTAL, stored=stored["stored"], rows=rows, ids=ids)
        # With acks=0 nothing was confirmed, so nothing can be lost; what is found must still be whole.
        for place in (("--topic", topic), ("--sink", f"sqlite:{database}")):
            verdict = self.run_json("verify", "--run", account["run"], "--brokers", kafka.address, *place)
            self.assertEqual([0] * 4, [verdict[k] for k in ("lost", "duplicated", "disordered", "corrupted")])
            if each.acks != "0":
                self.same(f"{topic} verified", asked=TOTAL, expected=verdict["expected"], found=verdict["found"])

    def read_by_the_console_consumer(self, kafka, each):
        printed = kafka.tool("console-consumer", "--topic", name_of(each), "--from-beginning",
                             "--max-messages", str(TOTAL), "--timeout-ms", "90000",
                             "--formatter-property", "print.value=false",
                             "--formatter-property", "print.partition=true",
                             "--formatter-property", "print.offset=true")
        places = set(re.findall(r"Partition:(\d+)\s+Offset:(\d+)", printed))
        self.same(f"{name_of(each)} by the console consumer", asked=TOTAL, places=len(places))


if __name__ == "__main__":
    storm.main()
