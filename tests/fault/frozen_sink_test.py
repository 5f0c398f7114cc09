#!/usr/bin/env python3
"""B11, first half: the store is locked by another program for 30 s while 50 MB/s come in. Memory stays bounded, the
group does not rebalance, and afterwards everything is there."""
import json
import pathlib
import signal
import sqlite3
import time

import promise
import storm

TOPIC, RATE = "frozen", 400_000  # tweets of some 125 bytes

with promise.Check("B11", "a sink frozen for 30 s at 50 MB/s", faults=1, limit=280) as check:
    seconds = 30 * check.scale
    total = int(RATE * (seconds + 3))
    check.size(f"{total:,} records, {total * 125 // 1_000_000:,} MB offered, {seconds:.0f} s")
    address = check.broker("--durability", "cache").address
    store = check.folder / "store.db"
    log = check.folder / "consume.log"
    consumer = check.keep(storm.Process(
        [storm.PROGRAM, "consume", "--brokers", address, "--topic", TOPIC, "--group", "g", "--sink", f"sqlite:{store}",
         "--store", "rollup", "--session-timeout", "6s", "--heartbeat-interval", "1s", "--log-level", "debug"], log))
    rss = pathlib.Path(f"/proc/{consumer.popen.pid}/status")

    def memory_mib():
        return int(next(line for line in rss.read_text().splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def stored():
        database = sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30)
        try:
            return database.execute("select coalesce(sum(count), 0) from rollups").fetchone()[0]
        except sqlite3.OperationalError as why:
            if "no such table" in str(why):  # the file is there before its tables
                return 0
            raise

    producer = check.keep(storm.Process(
        [storm.PROGRAM, "produce", "--brokers", address, "--topic", TOPIC, "--partitions", 16, "--total", total,
         "--rate", RATE, "--quiet", "--json"], check.folder / "produce.log"))
    consumer.wait_until(lambda: store.exists() and stored() > 0, 30, "storing")
    generations = set(storm.re.findall(r"generation (\d+)", log.read_text()))
    lock = sqlite3.connect(store, timeout=30, isolation_level=None)
    lock.execute("begin immediate")
    before, began, most = stored(), time.monotonic(), 0
    while time.monotonic() < began + seconds:
        most = max(most, memory_mib())
        time.sleep(0.1)
    check.that(stored() == before, "the store was not frozen")
    check.that(consumer.popen.poll() is None, "the consumer died")
    check.fault()
    lock.execute("rollback")
    check.that(producer.popen.wait(120) == 0, "the producer failed")
    account = json.loads([line for line in (check.folder / "produce.log").read_text().splitlines() if line.startswith("{")][-1])
    began = time.monotonic()
    while stored() < total and time.monotonic() < began + 90:
        most = max(most, memory_mib())
        time.sleep(0.2)
    drained = time.monotonic() - began
    consumer.stop(signal.SIGINT)
    text = log.read_text()
    offered = account["bytes"] / max(account["elapsed_s"], 1e-9) / 1e6
    check.note(rss_mib=f"{most:.0f}", offered_mb_s=f"{offered:.0f}", drained_s=f"{drained:.1f}")
    check.same("records", produced=account["acknowledged"], stored=stored())
    check.zero(rebalances=len(set(storm.re.findall(r"generation (\d+)", text)) - generations - {"-1"}),
               shares_lost=text.count("has gone on without us"))
    check.that(most <= 256, f"{most:.0f} MiB of memory")
