#!/usr/bin/env python3
"""B10: 100,000 messages, 1 % of them poison of 20 kinds, into every store at once: 1,000 are dead letters, each
under its own place, 99,000 are stored, and among them those that merely look dangerous, byte for byte.

What no broker takes (a batch with a wrong checksum, an unknown codec) is made between broker and consumer: a
proxy puts other bytes in the place of some, as rot or a broken broker would.
"""
import json
import socket
import sqlite3
import struct
import threading

import kafka_log
import kafka_wire
import promise
import storm
import stores

TOPIC = "poison"
PARTITIONS = 4
NOW = 1_700_000_000_000
HUGE = 10 << 20


def zigzag(number):
    return kafka_log.varint(number)


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return zigzag(len(data)) + data


def tweet(identity="poison", timestamp=NOW, words="a text", brand="SuperCoffee", sentiment="neutral"):
    return text(identity) + zigzag(timestamp) + text(words) + text(brand) + text(sentiment)


def absurd(timestamp):
    """Avro's own zigzag of 64 bits."""
    number, out = (timestamp << 1) ^ (timestamp >> 63), bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return text("poison") + bytes(out + bytes([number])) + text("a text") + text("SuperCoffee") + text("neutral")


def with_headers(value, headers):
    body = b"\0" + zigzag(0) + zigzag(0) + zigzag(-1) + zigzag(len(value)) + value + zigzag(len(headers))
    for key, content in headers:
        body += text(key) + text(content)
    return kafka_log.batch([], records=zigzag(len(body)) + body, count=1)


def one(value):
    return kafka_log.batch([value])


JSON = {"tweetId": "poison", "timestamp": NOW, "text": "a text", "brand": "SuperCoffee", "sentiment": "neutral"}
ROTTEN = one(b"this will be rotten when it comes")
ODD_CODEC = one(b"this will have an unknown codec")
KINDS = {
    "broken JSON": one(json.dumps(JSON).encode()[:-9]),
    "broken Avro": one(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01 and more"),
    "cut Avro": one(tweet()[:-3]),
    "wrong types": one(json.dumps(JSON | {"timestamp": "yesterday", "text": 7}).encode()),
    "NaN": one(struct.pack("<d", float("nan")) + zigzag(NOW) + zigzag(1) + zigzag(1)),
    "invalid UTF-8": one(tweet(words=b"caf\xe9 \xc3\x28")),
    "NUL": one(tweet(words="a\0b")),
    "$ and dots in keys": one(json.dumps({"$where": "1", "a.b": JSON, "data.tweetId": "x"}).encode()),
    "depth 1,000": one(b'{"tweetId":' + b"[" * 1000 + b"]" * 1000 + b"}"),
    "10 MiB": one(tweet(words="x" * HUGE)),
    "absurd timestamp": one(absurd((1 << 63) - 1)),
    "absurd past": one(absurd(-(1 << 63))),
    "line ends in a tag": one(tweet(brand="Super\nCoffee,x=1 y=2 3")),
    "a backslash at a tag's end": one(tweet(brand="SuperCoffee\\")),
    "empty": one(b""),
    "null": one(None),
    "duplicate headers": with_headers(b"?", [("topic", "other"), ("topic", "another"), ("offset", "junk"), ("error", "")]),
    "unknown codec": ODD_CODEC,
    "bad CRC": ROTTEN,
    "a sentiment of its own": one(tweet(sentiment="happy")),
}
# Dangerous to look at, and sound.
ODD = [("Robert'); drop table tweets;--", "A, B = C"), ("$set: {a.b: 1} \\\" \\", "$brand.x"),
       ("tweets,brand=x count=99999i 1\nsecond line\r\n\ttab", "tweets x=1"), ("“ümlaut” 🌩 ​", "Ünï ☕"),
       ("", " "), ("x" * 255, "b" * 256)]


def other_codec(batch):
    """The same batch, its codec one that nobody knows, with a right checksum."""
    covered = batch[21:22] + bytes([batch[22] | 6]) + batch[23:]
    return struct.pack(">I", kafka_log.crc32c(covered)) + covered


class Swapping:
    """Between consumer and broker; puts other bytes of the same length in the place of some in what the broker says."""

    def __init__(self, swaps):
        self.swaps = swaps
        self.keep = max(len(old) for old, _ in swaps) - 1
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
                host, port = self.broker.rsplit(":", 1)
                server = socket.create_connection((host, int(port)))
            except OSError:
                return
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.copy, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, True), daemon=True).start()

    def copy(self, source, target, swap):
        """Frame by frame in the broker's direction, so that no pattern is cut in two."""
        try:
            if not swap:
                while data := source.recv(1 << 20):
                    target.sendall(data)
                return
            stream = source.makefile("rb", 1 << 20)
            while head := stream.read(4):
                frame = stream.read(struct.unpack(">i", head)[0])
                for old, new in self.swaps:
                    frame = frame.replace(old, new)
                target.sendall(head + frame)
        except OSError:
            pass
        finally:
            for each in (source, target):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def poison(check, address, wanted):
    """Produces all of it, in an order that is drawn; {(partition, offset): kind}."""
    order = [kind for kind in KINDS for _ in range(wanted // len(KINDS))]
    check.random.shuffle(order)
    places = {}
    with kafka_wire.Client(address, 60) as client:
        for kind in order:
            partition = check.random.randrange(PARTITIONS)
            error, offset = client.produce(TOPIC, partition, KINDS[kind])
            if error:
                raise AssertionError(f"the broker refuses {kind}: error {error}")
            places[(partition, offset)] = kind
    return places


def odd_ones(address, count):
    values = [tweet(f"odd-{i}", NOW + i, *ODD[i % len(ODD)], "neutral") for i in range(count)]
    with kafka_wire.Client(address) as client:
        error, _ = client.produce(TOPIC, 0, kafka_log.batch(values))
        assert not error, error


with promise.Check("B10", "poison of 20 kinds, into every store", faults=1000, limit=1_000) as check:
    total = check.scaled(100_000) // 2000 * 2000
    bad, odd = total // 100, 60
    check.size(f"{total:,} messages, {len(KINDS)} kinds, {PARTITIONS} partitions")
    swap = Swapping([(ROTTEN[-20:], b"R" + ROTTEN[-19:]), (ODD_CODEC[17:], other_codec(ODD_CODEC))])
    check.stack.callback(swap.listener.close)
    broker = check.broker("--durability", "memory", "--advertise", swap.address)
    swap.broker = broker.address
    with kafka_wire.Client(broker.address) as client:
        assert client.create_topic(TOPIC, PARTITIONS, max_message_bytes=HUGE + (1 << 20)) == 0
    producer = check.keep(storm.Process(
        [storm.PROGRAM, "produce", "--brokers", broker.address, "--topic", TOPIC, "--total", total - bad - odd, "--rate",
         "25k", "--batch-size", 100, "--acks", "all", "--quiet", "--json"], check.folder / "produce.log"))
    places = poison(check, broker.address, bad)
    odd_ones(broker.address, odd)
    check.that(producer.popen.wait(400) == 0, storm.tail(check.folder / "produce.log", 3))
    check.fault(len(places))

    sqlite_file = check.folder / "poison.db"
    there = stores.every(check)
    sinks = ["--sink", f"sqlite:{sqlite_file}"]
    for store in there:
        sinks += ["--sink", store.sink]
    log = check.folder / "consume.log"
    consumer = check.keep(storm.Process(
        [storm.PROGRAM, "consume", "--brokers", broker.address, "--topic", TOPIC, "--group", "g", *sinks, *stores.BUCKET,
         "--data-dir", check.folder / "data", "--until-end", "--quiet", "--json"], log, env=stores.environment(there)))
    check.that(consumer.popen.wait(600) == 0, "the consumer failed: " + storm.tail(log, 3))
    account = json.loads([line for line in log.read_text().splitlines() if line.startswith("{")][-1])
    check.note(stores=1 + len(there), rss_mib=int(account["rss_mib"]))
    check.same("stored", wanted=total - bad, **{each["sink"].split(" ")[0] + str(i): each["stored"]
                                               for i, each in enumerate(account["sinks"])})
    check.same("dead_lettered", poison=len(places), account=account["dead_lettered"])

    # The letters' own headers say whose they are; read by a client that is not ours.
    letters = {}
    with kafka_wire.Client(broker.address) as client:
        end = client.end(TOPIC + ".dlq", 0)
    listed = storm.checked(["kcat", "-C", "-b", swap.address, "-t", TOPIC + ".dlq", "-e", "-q", "-f", "%h\\n"], 120)
    for line in listed.splitlines():
        headers = [each.partition("=")[::2] for each in line.split(",") if "=" in each]
        named = dict(headers)  # the last of a name counts, as they are added behind the record's own
        letters.setdefault((int(named["partition"]), int(named["offset"])), []).append(named["topic"])
    check.zero(poison_without_letter=len(set(places) - set(letters)), letters_of_sound_ones=len(set(letters) - set(places)),
               letters_of_another_topic=sum(topics != [TOPIC] for topics in letters.values()),
               letters_twice=end - len(letters))

    # What is stored is what was sent.
    database = sqlite3.connect(f"file:{sqlite_file}?mode=ro", uri=True)
    [(rows, ids, spots)] = database.execute(
        "select count(*), count(distinct tweetId), count(distinct partition || '/' || offset) from tweets")
    check.same("rows", stored=total - bad, rows=rows, ids=ids, places=spots)
    wanted = sorted((f"odd-{i}", *ODD[i % len(ODD)]) for i in range(odd))
    check.zero(odd_ones_altered_sqlite=len(set(wanted) ^ set(database.execute(
        "select tweetId, text, brand from tweets where tweetId like 'odd-%'"))))
    for store in there:
        points, distinct = store.counts()
        check.same(f"in_{store.name}", stored=total - bad, points=points, ids=distinct)
        check.zero(**{f"odd_ones_altered_{store.name}": len(set(wanted) ^ set(store.odd()))})
    verdict = check.folder / "verify.json"
    for sink in [f"sqlite:{sqlite_file}"] + [store.sink for store in there]:
        with verdict.open("w") as out:
            done = stores.run([storm.PROGRAM, "verify", "--brokers", broker.address, "--sink", sink, *stores.BUCKET, "--json"],
                              there, stdout=out)
        told = json.loads(verdict.read_text() or "{}")
        check.that(done == 0 and told.get("found") == total - bad - odd,
                   f"verify of {sink}: exit {done}, {told.get('lost')} lost, {told.get('corrupted')} corrupted")
