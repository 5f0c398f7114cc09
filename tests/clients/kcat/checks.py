#!/usr/bin/env python3
"""The checks of ../clients_test.py by kcat, with the librdkafka that Debian has."""
import json
import os
import re
import subprocess
import sys
import time

WHERE = json.load(open(sys.argv[1], encoding="utf-8"))
LIMIT = 60
NO_ADMIN = "kcat administers nothing"


def kcat(*arguments, stdin=None, address=WHERE["plain"], expect=0):
    done = subprocess.run(["kcat", "-b", address, *arguments], input=stdin, capture_output=True, timeout=LIMIT,
                          **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    if expect is not None and bool(done.returncode) != bool(expect):
        raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return done


def produce(topic, values, *more, count=True):
    kcat("-P", "-t", topic, *more, stdin="\n".join(values).encode())
    if count:
        print(f"wrote {topic} {len(values)}")


def read(topic, *more, form="%s\\n"):
    return kcat("-C", "-t", topic, "-e", "-q", "-f", form, *more).stdout.decode().splitlines()


def same(expected, found, what=""):
    if expected != found:
        raise AssertionError(f"{what} expected {expected!r}, found {found!r}")


def numbers(count, first=0):
    return [str(i) for i in range(first, first + count)]


class Member:
    """kcat -G; what it told so far are the partitions and values it read."""

    def __init__(self, group, topic, *more):
        self.process = subprocess.Popen(
            ["kcat", "-b", WHERE["plain"], "-G", group, "-u", "-f", "%p %s\\n", "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=45000",
             "-X", "heartbeat.interval.ms=300", *more, topic], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.told = b""

    def share(self):
        """How many partitions it was last assigned, by what it says aloud."""
        os.set_blocking(self.process.stderr.fileno(), False)
        self.told += self.process.stderr.read() or b""
        lines = [line for line in self.told.decode().splitlines() if "assigned:" in line]
        return len(re.findall(r"\[\d+\]", lines[-1])) if lines else 0

    def take(self, count):
        """Waits for so many records."""
        taken = []
        while len(taken) < count:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError(f"it ended: {self.told.decode()[-500:]}")
            taken.append(line.decode().split()[1])
        return taken

    def end(self):
        self.process.terminate()
        self.process.communicate(timeout=LIMIT)


def wait(what, ready):
    until = time.monotonic() + LIMIT
    while not ready():
        if time.monotonic() > until:
            raise AssertionError(f"not within {LIMIT} s: {what}")
        time.sleep(0.05)


def metadata():
    produce("metadata", ["x"])
    told = json.loads(kcat("-L", "-J", "-t", "metadata").stdout)
    same([WHERE["plain"]], [each["name"] for each in told["brokers"]])
    same([32], [len(each["partitions"]) for each in told["topics"]], "made on first use with")
    same({told["brokers"][0]["id"]}, {each["leader"] for each in told["topics"][0]["partitions"]})


def acks():
    for how in ("0", "1", "all"):
        produce(f"acks-{how}", numbers(500), "-X", f"acks={how}", "-p", "0")
        same(numbers(500), read(f"acks-{how}"), how)


def idempotent():
    produce("idempotent", numbers(5000), "-X", "enable.idempotence=true", "-X", "batch.num.messages=50", "-p", "3")
    same(numbers(5000), read("idempotent"))


def codecs():
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        produce(codec, [f"{codec} says the same again and again {i}" for i in range(500)], "-z", codec, "-p", "0")
        same([f"{codec} says the same again and again {i}" for i in range(500)], read(codec), codec)


def parts():
    # -Z: an empty value, and an empty key, is null.
    produce("parts", ["k:v", "k:", "empty:e"], "-K", ":", "-Z", "-H", "twice=1", "-H", "twice=2", "-H", "bare=", "-p", "0")
    got = read("parts", form="%k|%K|%S|%s|%h\\n")
    same(["k|1|1|v|twice=1,twice=2,bare=", "k|1|-1||twice=1,twice=2,bare=", "empty|5|1|e|twice=1,twice=2,bare="], got)


def positions():
    produce("positions", numbers(100), "-p", "0")
    same(numbers(100), read("positions", "-o", "beginning"))
    same(numbers(43, 57), read("positions", "-p", "0", "-o", "57"))
    same(numbers(10, 90), read("positions", "-p", "0", "-o", "-10"))
    same([], read("positions", "-o", "end"))


def times():
    before = int(time.time() * 1000)
    produce("times", numbers(50), "-p", "0", count=False)
    time.sleep(0.01)
    after = int(time.time() * 1000)
    produce("times", numbers(50, 50), "-p", "0", count=False)
    print("wrote times 100")
    stamps = [int(each) for each in read("times", form="%T\\n")]
    want = next(i for i, each in enumerate(stamps) if each >= after)
    for when, offset in ((before, 0), (after, want), (1, 0), (after + 10 ** 9, -1)):
        told = kcat("-Q", "-t", f"times:0:{when}").stdout.decode()
        same([str(offset)], re.findall(r"offset (-?\d+)", told), told)
    same(numbers(100 - want, want), read("times", "-o", f"s@{after}"))


def group():
    produce("group", numbers(100), "-p", "0")
    first = Member("committing", "group", "-c", "60", "-X", "fetch.message.max.bytes=1000")
    same(numbers(60), first.take(60))
    first.process.communicate(timeout=LIMIT)  # 60 are enough for it; it commits and leaves
    second = Member("committing", "group")
    same(numbers(40, 60), second.take(40))
    second.end()


def static():
    produce("static", numbers(100), "-p", "0", count=False)
    first = Member("static", "static", "-X", "group.instance.id=one")
    same(numbers(100), first.take(100))
    first.end()
    began = time.monotonic()
    produce("static", numbers(50, 100), "-p", "0", count=False)
    second = Member("static", "static", "-X", "group.instance.id=one")
    same(numbers(50, 100), second.take(50))
    if time.monotonic() - began > 30:
        raise AssertionError("it waited for its own session to end")
    second.end()
    print("wrote static 150")


def rebalance():
    for assignor in ("range", "roundrobin"):
        topic = f"rebalance-{assignor}"
        produce(topic, ["x"], count=False)
        how = ("-X", f"partition.assignment.strategy={assignor}")
        first = Member(topic, topic, *how)
        wait("all for one", lambda: first.share() == 32)
        second = Member(topic, topic, *how)
        wait("half each", lambda: first.share() == 16 and second.share() == 16)
        first.end()
        wait("all for the other", lambda: second.share() == 32)
        second.end()


def large():
    value = "large " * 800_000
    produce("large", [value, "small"], "-X", "message.max.bytes=20000000", "-p", "0")
    same([value, "small"], read("large", "-X", "fetch.message.max.bytes=20000000"))


def unknown():
    told = kcat("-C", "-t", "not-there", "-e", "-X", "allow.auto.create.topics=false", expect=1).stderr.decode()
    same(True, "nknown topic" in told, told)


def login():
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"):
        for password in (WHERE["password"], "wrong"):
            how = [word for name, value in {"security.protocol": "SASL_SSL", "ssl.ca.location": WHERE["ca"], "sasl.mechanism": mechanism,
                                            "sasl.username": WHERE["user"], "sasl.password": password}.items() for word in ("-X", f"{name}={value}")]
            told = kcat("-L", "-m", "10", *how, address=WHERE["secure"], expect=password == "wrong")
            if password != "wrong":
                same(True, b"1 brokers" in told.stdout, mechanism)


def transactions():
    told = kcat("-P", "-t", "transactions", "-X", "transactional.id=t", stdin=b"x", expect=1).stderr.decode()
    same(False, "imed out" in told, told)
    print("# transactions:", told.strip().splitlines()[-1])


CHECKS = {"metadata": metadata, "topics": NO_ADMIN, "acks": acks, "idempotent": idempotent, "codecs": codecs, "parts": parts,
          "positions": positions, "times": times, "group": group, "static": static, "rebalance": rebalance, "groups": NO_ADMIN,
          "delete-records": NO_ADMIN, "configs": NO_ADMIN, "large": large, "too-large": NO_ADMIN, "unknown": unknown, "login": login,
          "transactions": transactions}


def main():
    failed = 0
    for name, check in CHECKS.items():
        if isinstance(check, str):
            print(f"no {name}: {check}", flush=True)
            continue
        try:
            check()
            print("ok", name, flush=True)
        except Exception as error:  # noqa: BLE001 — each check is told by itself
            failed += 1
            print(f"FAILED {name}: {error!r}", flush=True)
    sys.exit(1 if failed else 0)


main()
