#!/usr/bin/env python3
"""B11, first half: the store hears nothing for 30 s while 50 MB/s come in: SQLite locked by another program, or a
server that is stopped (SIGSTOP). Memory stays bounded, the group does not rebalance, and afterwards everything is there.

    frozen_sink_test.py [influx1|influx2|mongo]
"""
import json
import pathlib
import signal
import sqlite3
import sys
import time

import promise
import storm
import stores

TOPIC, RATE = "frozen", 400_000  # tweets of some 125 bytes
SERVERS = {"influx1": stores.Influx1, "influx2": stores.Influx2, "mongo": stores.Mongo}


class Sqlite:
    name, secrets = "SQLite", {}

    def __init__(self, check):
        self.path = check.folder / "store.db"
        self.sink = f"sqlite:{self.path}"

    def rolled_up(self):
        if not self.path.exists():
            return 0
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return database.execute("select coalesce(sum(count), 0) from rollups").fetchone()[0]
        except sqlite3.OperationalError as why:
            if "no such table" in str(why):  # the file is there before its tables
                return 0
            raise

    def freeze(self):
        self.lock = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        self.lock.execute("begin immediate")
        self.before = self.rolled_up()

    def thaw(self, check):
        check.that(self.rolled_up() == self.before, "the store was not frozen")
        self.lock.execute("rollback")


class Server:
    """One of SERVERS."""

    def __init__(self, check, kind):
        self.store = kind(check)
        self.name, self.sink, self.secrets = self.store.name, self.store.sink, self.store.secrets
        self.rolled_up = self.store.rolled_up

    def freeze(self):
        self.store.signal(signal.SIGSTOP)

    def thaw(self, _check):
        self.store.signal(signal.SIGCONT)


KIND = SERVERS[sys.argv.pop(1)] if sys.argv[1:2] and sys.argv[1] in SERVERS else None
with promise.Check("B11", f"{KIND.name if KIND else 'a sink'} frozen for 30 s at 50 MB/s", faults=1, limit=280) as check:
    try:
        store = Server(check, KIND) if KIND else Sqlite(check)
    except stores.Missing as why:
        check.skip(str(why))
    seconds = 30 * check.scale
    total = int(RATE * (seconds + 3))
    check.size(f"{total:,} records, {total * 125 // 1_000_000:,} MB offered, {seconds:.0f} s, {store.name}")
    address = check.broker("--durability", "cache").address
    log = check.folder / "consume.log"
    consumer = check.keep(storm.Process(
        [storm.PROGRAM, "consume", "--brokers", address, "--topic", TOPIC, "--group", "g", "--sink", store.sink,
         *stores.BUCKET, "--store", "rollup", "--session-timeout", "6s", "--heartbeat-interval", "1s", "--log-level",
         "debug", "--data-dir", check.folder / "data"], log, env=stores.environment([store])))
    rss = pathlib.Path(f"/proc/{consumer.popen.pid}/status")

    def memory_mib():
        return int(next(line for line in rss.read_text().splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    producer = check.keep(storm.Process(
        [storm.PROGRAM, "produce", "--brokers", address, "--topic", TOPIC, "--partitions", 16, "--total", total,
         "--rate", RATE, "--quiet", "--json"], check.folder / "produce.log"))
    consumer.wait_until(lambda: store.rolled_up() > 0, 30, "storing")
    generations = set(storm.re.findall(r"generation (\d+)", log.read_text()))
    store.freeze()
    began, most = time.monotonic(), 0
    while time.monotonic() < began + seconds:
        most = max(most, memory_mib())
        time.sleep(0.1)
    check.that(consumer.popen.poll() is None, "the consumer died")
    store.thaw(check)
    check.fault()
    check.that(producer.popen.wait(120) == 0, "the producer failed")
    account = json.loads([line for line in (check.folder / "produce.log").read_text().splitlines() if line.startswith("{")][-1])
    began = time.monotonic()
    while (stored := store.rolled_up()) < total and time.monotonic() < began + 90:
        most = max(most, memory_mib())
        time.sleep(0.2)
    drained = time.monotonic() - began
    consumer.stop(signal.SIGINT)
    text = log.read_text()
    offered = account["bytes"] / max(account["elapsed_s"], 1e-9) / 1e6
    check.note(rss_mib=f"{most:.0f}", offered_mb_s=f"{offered:.0f}", drained_s=f"{drained:.1f}")
    check.same("records", produced=account["acknowledged"], stored=stored)
    check.zero(rebalances=len(set(storm.re.findall(r"generation (\d+)", text)) - generations - {"-1"}),
               shares_lost=text.count("has gone on without us"))
    check.that(most <= 256, f"{most:.0f} MiB of memory")
