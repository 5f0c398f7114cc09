#!/usr/bin/env python3
"""`verify` names what somebody lost, doubled, altered or (where the store keeps an order) swapped in InfluxDB 1.6,
2.7 and MongoDB, and what a rollup there can show. The faults are planted past DataStorm, by the stores' own APIs.

    planted_stores_test.py [influx1|influx2|mongo]...   all of them without a word
"""
import itertools
import json
import os
import subprocess
import sys

import promise
import storm
import stores
from planted_names import identity, named, totals

TOTAL = storm.size(60_000, 10_000_000)
PARTITIONS = 4
PATIENCE = storm.size(600, 3_000)  # seconds for a step
KINDS = {"influx1": stores.Influx1, "influx2": stores.Influx2, "mongo": stores.Mongo}
WHICH = [sys.argv.pop(1) for each in sys.argv[1:] if each in KINDS] or KINDS
stores.Mongo.start_with = ("memory",)
os.environ.setdefault("MONGO_HEAP", storm.size("1g", "12g"))


def neighbours(one, other):
    """Of one stream, one after the other in a partition."""
    return (one["partition"] == other["partition"] and other["offset"] == one["offset"] + 1
            and identity(stores.id_of(one))[0] == identity(stores.id_of(other))[0])


with promise.Check("B15", "planted faults in InfluxDB and MongoDB", faults=7, limit=storm.size(1_000, 7_000)) as check:
    broker = check.broker()
    there = stores.every(check, [KINDS[each] for each in WHICH])
    if not there:
        check.skip("none of the stores could be started")
    totals_of = {store.name: check.scaled(TOTAL) for store in there}
    check.size(", ".join(f"{name} {total:,} records" for name, total in totals_of.items()))
    env = stores.environment(there)

    def program(*arguments, expect=storm.DONE):
        done = subprocess.run([storm.PROGRAM, *map(str, arguments), "--json"], stdin=subprocess.DEVNULL, env=env,
                              capture_output=True, text=True, timeout=PATIENCE, cwd=check.folder)
        if done.returncode != expect:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def verify(sink, expect):
        return program("verify", "--run", made["run"], "--brokers", broker.address, "--topic", topic, "--sink", *sink,
                       expect=expect)

    def consume(group, sink, *more):
        done = program("consume", "--brokers", broker.address, "--topic", topic, "--group", group, "--until-end", "--sink",
                       *sink, *more)
        if done["dead_lettered"]:
            said = subprocess.run(["kcat", "-C", "-b", broker.address, "-t", topic + ".dlq", "-o", "beginning", "-e", "-q",
                                   "-c", "3", "-f", "%h\n"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            raise AssertionError(f"{sink}: {done['dead_lettered']:,} dead letters: {said.stdout.decode(errors='replace')}")

    for store in there:
        topic, total = f"tweets-{store.name}", totals_of[store.name]
        # At a rate that a busy machine keeps up with: of a stream that falls a million records behind the others
        # InfluxDB has no room for one or another (docs/sinks.md).
        made = program("produce", "--brokers", broker.address, "--topic", topic, "--partitions", PARTITIONS, "--seed",
                       check.seed, "--total", total, "--rate", total // storm.size(3, 12), "--batch-size", 500)
        where = [store.sink, *stores.BUCKET]
        consume("raw-" + store.name, where, "--workers", 3)
        whole = verify(where, storm.DONE)
        check.that(whole["found"] == total and not whole["ranges"], f"{store.name}: what is whole is not called so")
        planted = []
        parts = iter(range(6))

        def somewhere():
            return store.some((next(parts) + check.random.uniform(0.25, 0.75)) / 6, PARTITIONS)

        for what, how in (("lost", store.lose), ("doubled", store.double), ("corrupted", store.alter_text),
                          ("corrupted", store.alter_time), ("corrupted", store.alter_brand)):
            record = check.random.choice(somewhere())
            how(record)
            planted.append((what, record))
        if store.swap:
            one, other = check.random.choice([pair for pair in itertools.pairwise(somewhere()) if neighbours(*pair)])
            store.swap(one, other)
            planted.append(("disordered", one))
        verdict = verify(where, storm.GOAL_FAILED)
        totals(check, verdict, store.name, expected=total, lost=1, duplicated=1, corrupted=3, foreign=0,
               disordered=1 if store.swap else 0)
        for what, record in planted:
            named(check, verdict, what, *identity(stores.id_of(record)), store.ms(record), store.name[:5])
        check.that(bool(store.swap) != any("order" in words for words in verdict["not_shown"]),
                   f"{store.name}: what is said of order: {verdict['not_shown']}")
        check.fault(len(planted))

        sink = store.rollup_sink()
        consume("rolled-" + store.name, sink, "--store", "rollup")
        whole = verify(sink, storm.DONE)
        check.that(whole["found"] == total and not whole["ranges"], f"{store.name}: a whole rollup is not called so")
        check.that(any("order and content" in words for words in whole["not_shown"]), "a rollup claims to show all")
        rows = [each for each in store.rollups() if int(each[6] if isinstance(each, tuple) else each["count"]) > 10]
        kinds = {}
        for record, by in zip(check.random.sample(rows, 2), (-3, 2)):
            _, kinds[by] = store.change_count(record, by)
            check.fault()
        verdict = verify(sink, storm.GOAL_FAILED)
        if kinds[-3] == kinds[2]:  # the same second and kind
            totals(check, verdict, store.name + ", rollup", lost=1, duplicated=0)
        else:
            totals(check, verdict, store.name + ", rollup", lost=3, duplicated=2)
            for what, by in (("lost", -3), ("doubled", 2)):
                found = [r for r in verdict["ranges"] if r["what"] == what and r["window_s"] == kinds[by][2]]
                check.that([r["count"] for r in found] == [abs(by)], f"{store.name}: rollup: {what} {found}")
    check.note(stores=len(there))
