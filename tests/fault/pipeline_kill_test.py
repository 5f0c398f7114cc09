#!/usr/bin/env python3
"""B8 for SQLite: the worker or the broker is killed 30 times over 200,000 records; stored = produced, each once."""
import json
import signal
import sqlite3
import time

import promise
import storm

TOPIC = "killed"

with promise.Check("B8", "worker and broker killed, into SQLite", faults=30, limit=240) as check:
    kills = check.scaled(30)
    total = 200_000 // 500 * 500
    check.size(f"8 partitions, {total:,} records, both engines")
    broker = check.broker()
    address, store = broker.address, check.folder / "store.db"
    producer = check.keep(storm.Process(
        [storm.PROGRAM, "produce", "--brokers", address, "--topic", TOPIC, "--partitions", 8, "--total", total,
         "--rate", int(total / (1.2 * kills)), "--batch-size", 500, "--acks", "all", "--idempotence", "--quiet", "--json"],
        check.folder / "produce.log"))

    def worker(number):
        return check.keep(storm.Process(
            [storm.PROGRAM, "consume", "--brokers", address, "--topic", TOPIC, "--group", "g", "--sink", f"sqlite:{store}",
             "--flush-ms", 5, "--session-timeout", "6s", "--heartbeat-interval", "1s", "--quiet",
             "--engine", "librdkafka" if number % 5 == 4 else "direct"], check.folder / f"worker{number}.log"))

    def rows():
        try:
            database = sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=5)
            return database.execute("select count(*) from tweets").fetchone()[0]
        except sqlite3.Error:
            return 0

    consumer = worker(0)
    for kill in range(kills):
        time.sleep(check.random.uniform(0.3, 1.5))
        if kill % 3 == 2:
            broker.kill()
            broker = check.broker(address=address)
        else:
            consumer.kill()
            consumer = worker(kill + 1)
        check.fault()
    check.that(producer.popen.wait(120) == 0, "the producer failed: " + storm.tail(check.folder / "produce.log", 3))
    account = json.loads([line for line in (check.folder / "produce.log").read_text().splitlines() if line.startswith("{")][-1])
    waited = time.monotonic()
    while rows() < total and time.monotonic() < waited + 60:
        time.sleep(0.2)
    drained = time.monotonic() - waited
    consumer.stop(signal.SIGINT)
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    [(stored, places, ids)] = database.execute(
        "select count(*), count(distinct partition || '/' || offset), count(distinct tweetId) from tweets")
    check.note(drained_s=f"{drained:.1f}")
    check.same("records", produced=total, acknowledged=account["acknowledged"], rows=stored, places=places, ids=ids)
