#!/usr/bin/env python3
"""B8: a store shows every record once, whoever is killed: the consumer (20 times) and the store (10 times; with mongo,
which is slow to start, 6 and 3 at the usual size), with a real server. And 10,000 records of one series in one
millisecond are 10,000 points.

    sinks_test.py influx1|influx2|mongo

InfluxDB 1.6.7 is Debian's, unpacked into the cache; 2.7 is built there. Points are counted by the server itself.
"""
import json
import subprocess
import sys
import time

import kafka_wire
import promise
import storm
import stores

KIND = {"influx1": stores.Influx1, "influx2": stores.Influx2, "mongo": stores.Mongo}[sys.argv.pop(1)]
SLOW = KIND is stores.Mongo
RECORDS, KILLS = storm.size((15_000, 9), (200_000, 30)) if SLOW else (200_000, 30)
SECONDS_PER_KILL = 3 if SLOW else 1.3  # what is stored has to come for as long as somebody is killed
PARTITIONS = 4


def consume(check, broker, store, topic, *more):
    log = open(check.folder / "consume.log", "ab")
    return start(check, [storm.PROGRAM, "consume", "--brokers", broker.address, "--topic", topic, "--group", topic,
                         "--data-dir", str(check.folder / "data"), "--quiet", "--sink", store.sink, *stores.BUCKET, *more],
                 log, stores.environment([store]))


def start(check, arguments, log, env=None):
    process = subprocess.Popen([str(each) for each in arguments], stdout=subprocess.PIPE, stderr=log, env=env)
    check.stack.callback(process.kill)
    return process


def offsets(broker, committed=False):
    """How many records there are, or are committed, as the broker says."""
    with kafka_wire.Client(broker.address) as client:
        return sum(max(0, client.committed("kills", "kills", each)) if committed else client.end("kills", each)
                   for each in range(PARTITIONS))


def to_the_end(check, broker, store, topic):
    process = consume(check, broker, store, topic, "--until-end", "--json")
    said, _ = process.communicate(timeout=600)
    check.that(process.returncode == 0, f"the last consumer ended with {process.returncode}")
    return json.loads(said or b"{}")


with promise.Check("B8", f"consumer and {KIND.name} killed", faults=KILLS, limit=storm.size(1_000, 3_000)) as check:
    try:
        store = KIND(check)
    except stores.Missing as why:
        check.skip(str(why))
    broker = check.broker("--durability", "memory")
    turns = check.scaled(KILLS)
    each = RECORDS // KILLS
    records = turns * each
    check.size(f"{records:,} tweets, {PARTITIONS} partitions, {KIND.name}")
    storm_log = open(check.folder / "produce.log", "ab")
    process, producers, moved, held, commits, owed = None, [], 0, 0, 0, 1
    for turn in range(turns):
        # Paced and of each turn, so that on any machine somebody is killed while little stores go on.
        producers.append(start(check, [storm.PROGRAM, "produce", "--brokers", broker.address, "--topic", "kills",
                                       "--partitions", PARTITIONS, "--total", each, "--rate", int(each / SECONDS_PER_KILL),
                                       "--seed", check.seed + turn, "--quiet"], storm_log))
        there = len(producers) * each
        if process is None or process.poll() is not None:
            process = consume(check, broker, store, "kills")
        # Dying before anything was begun would be easy: this one has stored something first. Each third has also
        # committed all that was there when the store was killed: else a later one would make good what it lost of it.
        until = time.monotonic() + 20 * storm.PATIENCE
        while time.monotonic() < until and (now := store.points()) <= held and now < there:
            time.sleep(0.05)
        moved, held = moved + (now > held), max(now, held)
        if turn % 3 == 0:
            while time.monotonic() < until and (safe := offsets(broker, committed=True)) < owed:
                time.sleep(0.05)
            commits += safe >= owed
        time.sleep(check.random.uniform(0, 2 if SLOW else 0.4))
        if turn % 3 == 2:
            store.kill()
            check.fault()
            owed = offsets(broker)
            time.sleep(check.random.uniform(0, 0.3))
            store.again()
        else:
            alive = process.poll() is None
            process.kill()
            process.wait()
            check.fault(alive)
    if process.poll() is None:
        process.kill()
        process.wait()
    check.zero(producers_that_failed=sum(producer.wait(timeout=600) != 0 for producer in producers))
    last = to_the_end(check, broker, store, "kills")
    check.that(moved >= check.scaled(KILLS * 2 / 3), f"only {moved} of the killed had stored anything")
    check.that(commits >= check.scaled(KILLS * 2 / 9), f"only {commits} of the killed had committed anything")
    points, ids = store.counts()
    check.note(records=records, killed_while_storing=moved, having_committed=commits, points=points, ids=ids,
               read_by_the_last=last.get("read", 0))
    check.zero(missing=records - ids, doubled=points - ids, dead_lettered=last.get("dead_lettered", -1))

    # One series, one millisecond: a batch of one worker shares its timestamp.
    check.run(storm.PROGRAM, "produce", "--brokers", broker.address, "--topic", "instant", "--partitions", "1",
              "--total", 10_000, "--batch-size", 10_000, "--workers", 1, "--positive", 100, "--negative", 0, "--neutral", 0,
              "--quiet")
    to_the_end(check, broker, store, "instant")
    points, _ = store.counts(store.where("instant/0"))
    check.zero(points_missing_of_one_instant=10_000 - points)
